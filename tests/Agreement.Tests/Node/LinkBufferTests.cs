using Agreement.Node;

namespace Agreement.Tests.Node;

public sealed class LinkBufferTests
{
    [Fact]
    public void A_random_history_matches_a_plain_queue()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var buffer = new LinkBuffer();
            var model = new List<byte>();
            byte next = 0;
            for (int step = 0; step < 200; step++)
            {
                switch (random.Next(5))
                {
                    case 0:
                        Span<byte> appended = buffer.Append(random.Next(1, 20_000));
                        for (int i = 0; i < appended.Length; i++)
                            model.Add(appended[i] = next++);
                        break;
                    case 1:
                        buffer.PrepareToReceive(random.Next(2) == 0 ? 0 : model.Count + random.Next(1, 100_000));
                        Assert.False(buffer.Free.IsEmpty);
                        Span<byte> received = buffer.Free[..random.Next(1, buffer.Free.Length + 1)];
                        for (int i = 0; i < received.Length; i++)
                            model.Add(received[i] = next++);
                        buffer.Added(received.Length);
                        break;
                    case 2 or 3:
                        int consumed = random.Next(0, model.Count + 1);
                        buffer.Consume(consumed);
                        model.RemoveRange(0, consumed);
                        break;
                    default:
                        buffer.Trim();
                        break;
                }

                Assert.Equal(model.Count, buffer.Count);
                Assert.True(buffer.Held.SequenceEqual(model.ToArray()), $"seed {seed}, step {step}");
            }
        }
    }

    [Fact]
    public void Capacity_follows_what_arrived_and_not_what_was_promised()
    {
        var buffer = new LinkBuffer();
        const int Promised = 4 << 20;
        buffer.PrepareToReceive(Promised);
        Assert.Equal(LinkBuffer.SmallestBytes, buffer.Capacity);
        while (buffer.Count < Promised)
        {
            buffer.Added(buffer.Free.Length);
            Assert.True(buffer.Capacity <= Math.Max(LinkBuffer.SmallestBytes, 2 * buffer.Count));
            buffer.PrepareToReceive(Promised);
        }
    }

    [Fact]
    public void Memory_is_kept_while_it_is_used_and_given_back_after_a_calm_period()
    {
        var buffer = new LinkBuffer();
        buffer.Append(1 << 20);
        buffer.Consume(1 << 20);
        buffer.Trim();
        Assert.Equal(1 << 20, buffer.Capacity);
        buffer.Trim();
        Assert.Equal(LinkBuffer.SmallestBytes, buffer.Capacity);
    }

    [Fact]
    public void A_queue_that_never_runs_empty_keeps_its_size()
    {
        var buffer = new LinkBuffer();
        buffer.Append(10_000);
        for (int i = 0; i < 10_000; i++)
        {
            buffer.Append(1000);
            buffer.Consume(1000);
        }

        Assert.True(buffer.Capacity <= 4 * LinkBuffer.SmallestBytes, $"{buffer.Capacity}");
    }
}

using System.Net;
using System.Net.Sockets;
using Agreement.Messages;
using Agreement.Node;
using static Agreement.Tests.Node.EndpointHarness;

namespace Agreement.Tests.Node;

public sealed class EndpointTests : IDisposable
{
    private readonly EndpointHarness harness = new();

    public void Dispose() => harness.Dispose();

    [Fact]
    public void Messages_of_every_size_arrive_whole_and_in_order_from_whom_they_came()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(E0);
        harness.Connect(b, a);
        int[] sizes = [0, 1, 100, 65517, 65518, 65519, 65520, 131037, 131038, 500_000, Limits.MaximumFrameBytes, 7];
        byte[][] sent = [.. sizes.Select(RandomBytes)];
        foreach (byte[] message in sent)
        {
            a.Links.Send(E0, message);
            b.Links.Send(A0, message);
        }

        harness.RunUntil(() => a.Messages.Count == sent.Length && b.Messages.Count == sent.Length);

        Assert.All(a.Messages, m => Assert.Equal(E0, m.From));
        Assert.All(b.Messages, m => Assert.Equal(A0, m.From));
        for (int i = 0; i < sent.Length; i++)
        {
            Assert.True(sent[i].AsSpan().SequenceEqual(a.Messages[i].Message), $"{sizes[i]} bytes to a");
            Assert.True(sent[i].AsSpan().SequenceEqual(b.Messages[i].Message), $"{sizes[i]} bytes to b");
        }
    }

    [Fact]
    public void Large_messages_both_ways_at_once_arrive_and_the_memory_for_them_is_given_back()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        harness.Connect(a, b);
        byte[] large = RandomBytes(Limits.MaximumFrameBytes);
        int arrived = 0;
        a.Handler = b.Handler = (_, message) => arrived += message.Span.SequenceEqual(large) ? 1 : 0;
        for (int i = 0; i < 5; i++)
        {
            a.Links.Send(A1, large);
            b.Links.Send(A0, large);
        }

        harness.RunUntil(() => arrived == 10);
        Assert.True(a.Links.BufferBytes > Limits.MaximumFrameBytes);
        harness.RunUntil(() => a.Links.BufferBytes == 2 * LinkBuffer.SmallestBytes && b.Links.BufferBytes == 2 * LinkBuffer.SmallestBytes);
    }

    [Fact]
    public void Everything_that_one_turn_sends_to_a_peer_leaves_in_one_call()
    {
        TestEndpoint a = harness.Start(A0, new LinkOptions());
        TestEndpoint b = harness.Start(A1, new LinkOptions());
        harness.Connect(a, b);
        ulong before = a.Counter("send-calls");
        for (int i = 0; i < 20; i++)
            a.Links.Send(A1, RandomBytes(50));

        harness.RunUntil(() => b.Messages.Count == 20);

        Assert.Equal(1ul, a.Counter("send-calls") - before);
    }

    [Fact]
    public void What_has_no_link_is_dropped_and_counted()
    {
        TestEndpoint a = harness.Start(A0);
        a.Links.Send(A1, [1, 2, 3]);
        Assert.Equal(1ul, a.Counter("no-link"));
        Assert.False(a.Links.IsConnected(A1));
    }

    [Fact]
    public void Over_the_bound_of_the_queue_messages_are_dropped_whole_and_the_link_goes_on()
    {
        EventLoop frozen = harness.NewLoop();
        LinkOptions options = Fast with { MaximumQueuedBytes = 1 << 20, SilenceTimeout = TimeSpan.FromMinutes(1) };
        TestEndpoint a = harness.Start(A0, options);
        TestEndpoint b = harness.Start(A1, options, frozen);
        a.Links.Dial(A1, b.Listen());
        harness.RunUntil(() => a.Links.IsConnected(A1), frozen);

        byte[] message = RandomBytes(100_000);
        uint number = 0;
        while (a.Counter("queue-overflow") < 3)
        {
            BitConverter.TryWriteBytes(message, number++);
            a.Links.Send(A1, message);
            harness.Loop.RunTurn(0);
            Assert.InRange(number, 0u, 1000u);
        }

        uint arrived = number - 3;
        harness.RunUntil(() => b.Messages.Count == arrived, frozen);
        a.Links.Send(A1, [42]);
        harness.RunUntil(() => b.Messages.Count == arrived + 1, frozen);

        Assert.Equal(Enumerable.Range(0, (int)arrived).Select(i => (uint)i), b.Messages.SkipLast(1).Select(m => BitConverter.ToUInt32(m.Message)));
        Assert.Equal([42], b.Messages[^1].Message);
        Assert.Equal(["+a1"], a.Changes);
    }

    [Fact]
    public void Keys_change_on_the_way_without_a_message_lost()
    {
        LinkOptions options = Fast with { RekeyInterval = 3 };
        TestEndpoint a = harness.Start(A0, options);
        TestEndpoint b = harness.Start(A1, options);
        harness.Connect(a, b);
        // A frame of several Noise messages has rekeys inside.
        byte[] large = RandomBytes(700_000);
        for (int i = 0; i < 10; i++)
        {
            a.Links.Send(A1, [(byte)i]);
            a.Links.Send(A1, large);
            b.Links.Send(A0, [(byte)i]);
        }

        harness.RunUntil(() => b.Messages.Count == 20 && a.Messages.Count == 10);
        Assert.All(b.Messages.Where((_, i) => i % 2 == 1), m => Assert.True(large.AsSpan().SequenceEqual(m.Message)));
    }

    [Fact]
    public void A_flooding_peer_does_not_hold_up_the_others()
    {
        EventLoop elsewhere = harness.NewLoop();
        LinkOptions options = Fast with { ReadBytesPerTurn = 4 << 10 };
        TestEndpoint a = harness.Start(A0, options);
        TestEndpoint flood = harness.Start(C0, Fast, elsewhere);
        TestEndpoint quiet = harness.Start(E0, Fast, elsewhere);
        IPEndPoint address = a.Listen();
        flood.Links.Dial(A0, address);
        quiet.Links.Dial(A0, address);
        harness.RunUntil(() => a.Links.IsConnected(C0) && a.Links.IsConnected(E0) && quiet.Links.IsConnected(A0), elsewhere);
        byte[] message = RandomBytes(1000);
        for (int i = 0; i < 100; i++)
            flood.Links.Send(A0, message);
        quiet.Links.Send(A0, [1]);
        elsewhere.RunTurn(0);

        harness.RunUntil(() => a.Messages.Any(m => m.From == E0));
        Assert.InRange(a.Messages.Count(m => m.From == C0), 1, 10);
        harness.RunUntil(() => a.Messages.Count == 101, elsewhere);
    }

    [Fact]
    public void Idle_links_stay_up_by_keep_alive_frames()
    {
        LinkOptions options = Fast with { SilenceTimeout = TimeSpan.FromMilliseconds(1000) };
        TestEndpoint a = harness.Start(A0, options);
        TestEndpoint b = harness.Start(A1, options);
        harness.Connect(a, b);
        long start = harness.Loop.NowMilliseconds;

        harness.RunUntil(() => harness.Loop.NowMilliseconds - start > 1500);

        Assert.Equal(["+a1"], a.Changes);
        Assert.Equal(["+a0"], b.Changes);
        Assert.True(a.Counter("frames-received") > 5);
    }

    [Fact]
    public void A_name_can_be_dialled()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        a.Links.Dial(A1, new DnsEndPoint("localhost", b.Listen().Port, AddressFamily.InterNetwork));
        harness.RunUntil(() => a.Links.IsConnected(A1));
    }

    [Fact]
    public void An_address_in_use_is_said_in_one_sentence()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        IPEndPoint address = a.Listen();
        AddressUnavailableException e = Assert.Throws<AddressUnavailableException>(() => b.Listen(address.Port));
        Assert.Equal($"The address {address} is already in use by another program.", e.Message);
        Assert.Equal(address, e.Address);

        var foreign = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 9);
        e = Assert.Throws<AddressUnavailableException>(() => b.Links.Listen(foreign));
        Assert.Equal("The address 192.0.2.1:9 is not an address of this machine.", e.Message);
    }

    [Fact]
    public void An_endpoint_may_be_disposed_of_by_its_own_callbacks()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        harness.Connect(a, b);
        int calls = 0;
        b.Handler = (_, _) =>
        {
            calls++;
            b.Dispose();
        };
        a.Links.Send(A1, [1]);
        a.Links.Send(A1, [2]);

        harness.RunUntil(() => a.Changes.Contains("-a1"));
        Assert.Equal(1, calls);
        Assert.Equal(["+a0"], b.Changes);
    }

    [Fact]
    public void A_ping_pong_allocates_nothing()
    {
        var calm = new LinkOptions { KeepAliveInterval = TimeSpan.FromMinutes(1), SilenceTimeout = TimeSpan.FromMinutes(5) };
        TestEndpoint a = harness.Start(A0, calm);
        TestEndpoint b = harness.Start(A1, calm);
        harness.Connect(a, b);
        int rounds = 0;
        a.Handler = (_, message) =>
        {
            rounds++;
            a.Links.Send(A1, message.Span);
        };
        b.Handler = (_, message) => b.Links.Send(A0, message.Span);
        a.Links.Send(A1, RandomBytes(256));
        while (rounds < 500)
            harness.Loop.RunTurn(1000);

        int goal = rounds + 2000;
        long before = GC.GetAllocatedBytesForCurrentThread();
        while (rounds < goal)
            harness.Loop.RunTurn(1000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(0, allocated);
    }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }
}

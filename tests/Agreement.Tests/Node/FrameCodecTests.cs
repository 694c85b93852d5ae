using System.Buffers.Binary;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;

namespace Agreement.Tests.Node;

public sealed class FrameCodecTests : IDisposable
{
    private static readonly byte[] CipherKey = [.. Enumerable.Range(0, NoiseCipher.KeyBytes).Select(i => (byte)i)];
    private readonly NoiseCipher send = new(CipherKey);
    private readonly NoiseCipher receive = new(CipherKey);

    public void Dispose()
    {
        send.Dispose();
        receive.Dispose();
    }

    [Theory]
    [InlineData(0, 4 + 1 + 16)]
    [InlineData(65518, 4 + 65535)]
    [InlineData(65519, 4 + 65535 + 1 + 16)]
    [InlineData(131037, 4 + (2 * 65535))]
    public void A_frame_has_the_documented_length_and_comes_back(int messageBytes, int frameBytes)
    {
        byte[] message = RandomBytes(messageBytes);
        byte[] frame = Encode(FrameKind.Data, message);

        Assert.Equal(frameBytes, frame.Length);
        Assert.Equal((uint)frameBytes - 4, BinaryPrimitives.ReadUInt32LittleEndian(frame));
        Assert.Equal(FrameStatus.Whole, FrameCodec.Inspect(frame, FrameCodec.MaximumEncodedBytes, out int inspected));
        Assert.Equal(frameBytes, inspected);
        Assert.True(FrameCodec.TryDecode(receive, frame, out FrameKind kind, out int decodedBytes));
        Assert.Equal(FrameKind.Data, kind);
        Assert.True(message.AsSpan().SequenceEqual(frame.AsSpan(FrameCodec.MessageOffset, decodedBytes)));
    }

    [Fact]
    public void One_frame_can_not_be_cut_into_two_at_the_border_of_its_noise_messages()
    {
        byte[] frame = Encode(FrameKind.Data, RandomBytes(70_000));
        byte[] cut = new byte[FrameCodec.HeaderBytes + NoiseCipher.MaximumMessageBytes];
        frame.AsSpan(0, cut.Length).CopyTo(cut);
        BinaryPrimitives.WriteInt32LittleEndian(cut, NoiseCipher.MaximumMessageBytes);

        Assert.Equal(FrameStatus.Whole, FrameCodec.Inspect(cut, FrameCodec.MaximumEncodedBytes, out _));
        Assert.False(FrameCodec.TryDecode(receive, cut, out _, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_header_in_part_is_no_frame_yet(int bytes)
    {
        byte[] frame = Encode(FrameKind.KeepAlive, []);
        Assert.Equal(FrameStatus.Incomplete, FrameCodec.Inspect(frame.AsSpan(0, bytes), FrameCodec.MaximumEncodedBytes, out int length));
        Assert.Equal(0, length);
    }

    [Fact]
    public void Only_lengths_that_a_message_has_are_accepted()
    {
        var possible = new HashSet<int>();
        for (int messageBytes = 0; messageBytes < 200_000; messageBytes++)
            possible.Add(FrameCodec.EncodedBytes(messageBytes) - FrameCodec.HeaderBytes);
        byte[] header = new byte[4];
        for (int body = 0; body < 200_000; body++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header, body);
            bool accepted = FrameCodec.Inspect(header, FrameCodec.MaximumEncodedBytes, out _) == FrameStatus.Incomplete;
            Assert.Equal(possible.Contains(body), accepted);
        }

        BinaryPrimitives.WriteInt32LittleEndian(header, FrameCodec.EncodedBytes(Limits.MaximumFrameBytes) - 4);
        Assert.Equal(FrameStatus.Incomplete, FrameCodec.Inspect(header, FrameCodec.MaximumEncodedBytes, out _));
        BinaryPrimitives.WriteInt32LittleEndian(header, FrameCodec.EncodedBytes(Limits.MaximumFrameBytes) - 3);
        Assert.Equal(FrameStatus.Oversized, FrameCodec.Inspect(header, FrameCodec.MaximumEncodedBytes, out _));
    }

    [Fact]
    public void Mutated_streams_never_throw_and_deliver_only_an_untouched_prefix()
    {
        for (int seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            using var sender = new NoiseCipher(CipherKey, rekeyInterval: 4);
            using var receiver = new NoiseCipher(CipherKey, rekeyInterval: 4);
            var messages = new List<byte[]>();
            var stream = new List<byte>();
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                byte[] message = new byte[random.Next(50) == 0 ? random.Next(65_000, 140_000) : random.Next(0, 100)];
                random.NextBytes(message);
                messages.Add(message);
                byte[] frame = new byte[FrameCodec.EncodedBytes(message.Length)];
                FrameCodec.Encode(sender, FrameKind.Data, message, frame);
                stream.AddRange(frame);
            }

            byte[] original = [.. stream];
            Mutate(stream, random);
            int untouched = original.AsSpan().CommonPrefixLength(stream.ToArray());
            AssertPrefix([.. stream], receiver, messages, untouched, seed);
        }
    }

    [Fact]
    public void Random_bytes_never_throw_and_are_never_a_frame()
    {
        var random = new Random(99);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] noise = new byte[random.Next(0, 200)];
            random.NextBytes(noise);
            // A plausible length, so that the decoder itself is reached.
            if (noise.Length >= 4 && i % 2 == 0)
                BinaryPrimitives.WriteInt32LittleEndian(noise, noise.Length - 4);
            if (FrameCodec.Inspect(noise, FrameCodec.MaximumEncodedBytes, out int frameBytes) == FrameStatus.Whole)
                Assert.False(FrameCodec.TryDecode(receive, noise.AsSpan(0, frameBytes), out _, out _));
        }

        Assert.Equal(0ul, receive.Nonce);
    }

    private static void Mutate(List<byte> stream, Random random)
    {
        int at = random.Next(stream.Count);
        int count = Math.Min(random.Next(1, 40), stream.Count - at);
        switch (random.Next(5))
        {
            case 0:
                stream[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                stream.RemoveRange(at, count);
                break;
            case 2:
                stream.InsertRange(at, stream.GetRange(at, count));
                break;
            case 3:
                byte[] noise = new byte[count];
                random.NextBytes(noise);
                stream.InsertRange(at, noise);
                break;
            default:
                stream.RemoveRange(at, stream.Count - at);
                break;
        }
    }

    private static void AssertPrefix(byte[] stream, NoiseCipher receiver, List<byte[]> messages, int untouched, int seed)
    {
        int position = 0;
        int delivered = 0;
        while (FrameCodec.Inspect(stream.AsSpan(position), FrameCodec.MaximumEncodedBytes, out int frameBytes) == FrameStatus.Whole)
        {
            Span<byte> frame = stream.AsSpan(position, frameBytes);
            if (!FrameCodec.TryDecode(receiver, frame, out _, out int messageBytes))
                break;
            Assert.True(delivered < messages.Count, $"seed {seed}");
            Assert.True(messages[delivered].AsSpan().SequenceEqual(frame.Slice(FrameCodec.MessageOffset, messageBytes)), $"seed {seed}");
            delivered++;
            position += frameBytes;
        }

        // Nothing behind the mutation is delivered, and everything before it is.
        Assert.True(position <= untouched, $"seed {seed}");
        Assert.True(
            delivered == messages.Count || position + FrameCodec.EncodedBytes(messages[delivered].Length) > untouched,
            $"seed {seed}");
    }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    private byte[] Encode(FrameKind kind, byte[] message)
    {
        byte[] frame = new byte[FrameCodec.EncodedBytes(message.Length)];
        FrameCodec.Encode(send, kind, message, frame);
        return frame;
    }
}

using System.Buffers.Binary;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>What a frame carries; the first byte of its plaintext.</summary>
internal enum FrameKind : byte
{
    /// <summary>A message of the application, 0 to <see cref="Limits.MaximumFrameBytes"/> bytes.</summary>
    Data = 0,

    /// <summary>Nothing. Confirms a new link, and shows that an idle one lives.</summary>
    KeepAlive = 1,

    /// <summary>One byte, a <see cref="RefusalReason"/>: the sender closes the link after it.</summary>
    Refusal = 2,
}

/// <summary>What the start of a receive buffer holds.</summary>
internal enum FrameStatus
{
    /// <summary>Not yet a whole frame.</summary>
    Incomplete,

    /// <summary>A whole frame, not yet authenticated.</summary>
    Whole,

    /// <summary>A length beyond the bound.</summary>
    Oversized,

    /// <summary>A length that no frame has.</summary>
    Malformed,
}

/// <summary>
/// Frames on an established link:
/// <code>
/// body length  4 bytes, little-endian, not counting itself
/// body         Noise transport messages of 65535 bytes each, the last one shorter or equal
/// </code>
/// The plaintexts of the Noise messages, joined, are one <see cref="FrameKind"/> byte and the message. The body length
/// fixes how many Noise messages there are, so it is the associated data of each of them: nobody in between can cut one
/// frame into two. (Departure: Noise revision 34 leaves the associated data of transport messages empty.)
/// </summary>
internal static class FrameCodec
{
    /// <summary>Length of the header, in bytes.</summary>
    public const int HeaderBytes = 4;

    /// <summary>Where the message starts in a decoded frame: behind the header and the kind.</summary>
    public const int MessageOffset = HeaderBytes + 1;

    /// <summary>Plaintext of a full Noise message, in bytes.</summary>
    private const int FullPlaintextBytes = NoiseCipher.MaximumMessageBytes - NoiseCipher.TagBytes;

    /// <summary>Length of the largest frame, header included, in bytes.</summary>
    public static int MaximumEncodedBytes => EncodedBytes(Limits.MaximumFrameBytes);

    /// <summary>Length of the frame of a message of <paramref name="messageBytes"/>, header included.</summary>
    public static int EncodedBytes(int messageBytes)
    {
        int plaintextBytes = messageBytes + 1;
        int noiseMessages = (plaintextBytes + FullPlaintextBytes - 1) / FullPlaintextBytes;
        return HeaderBytes + plaintextBytes + (noiseMessages * NoiseCipher.TagBytes);
    }

    /// <summary>Encrypts one frame into <paramref name="frame"/>, which has exactly <see cref="EncodedBytes"/> bytes.</summary>
    public static void Encode(NoiseCipher cipher, FrameKind kind, ReadOnlySpan<byte> message, Span<byte> frame)
    {
        Span<byte> header = frame[..HeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, frame.Length - HeaderBytes);
        frame[HeaderBytes] = (byte)kind;
        int filled = 1;
        Span<byte> rest = frame[HeaderBytes..];
        do
        {
            int take = Math.Min(message.Length, FullPlaintextBytes - filled);
            message[..take].CopyTo(rest[filled..]);
            message = message[take..];
            int plaintextBytes = filled + take;
            int ciphertextBytes = plaintextBytes + NoiseCipher.TagBytes;
            cipher.Encrypt(header, rest[..plaintextBytes], rest[..ciphertextBytes]);
            rest = rest[ciphertextBytes..];
            filled = 0;
        }
        while (!message.IsEmpty);
        Invariant.That(rest.IsEmpty);
    }

    /// <summary>Says what <paramref name="received"/> starts with, and how long that frame is if its header is there (else 0).</summary>
    /// <param name="received">Bytes in the order in which they came.</param>
    /// <param name="maximumBytes">Longest frame to accept, header included.</param>
    /// <param name="frameBytes">Length of the frame, header included.</param>
    public static FrameStatus Inspect(ReadOnlySpan<byte> received, int maximumBytes, out int frameBytes)
    {
        frameBytes = 0;
        if (received.Length < HeaderBytes)
            return FrameStatus.Incomplete;
        uint bodyBytes = BinaryPrimitives.ReadUInt32LittleEndian(received);
        if (bodyBytes > (uint)(maximumBytes - HeaderBytes))
            return FrameStatus.Oversized;
        uint lastNoiseMessage = bodyBytes % NoiseCipher.MaximumMessageBytes;
        if (bodyBytes == 0 || lastNoiseMessage is > 0 and <= NoiseCipher.TagBytes)
            return FrameStatus.Malformed;
        frameBytes = HeaderBytes + (int)bodyBytes;
        return received.Length < frameBytes ? FrameStatus.Incomplete : FrameStatus.Whole;
    }

    /// <summary>
    /// Checks and decrypts a whole frame in place; the message is then at <see cref="MessageOffset"/>.
    /// </summary>
    /// <returns>False when the frame is not the peer's next one; the link can't go on after that.</returns>
    public static bool TryDecode(NoiseCipher cipher, Span<byte> frame, out FrameKind kind, out int messageBytes)
    {
        kind = default;
        messageBytes = 0;
        ReadOnlySpan<byte> header = frame[..HeaderBytes];
        int read = HeaderBytes;
        int written = HeaderBytes;
        while (read < frame.Length)
        {
            int ciphertextBytes = Math.Min(frame.Length - read, NoiseCipher.MaximumMessageBytes);
            int plaintextBytes = ciphertextBytes - NoiseCipher.TagBytes;
            Span<byte> plaintext = frame.Slice(read, plaintextBytes);
            if (!cipher.TryDecrypt(header, frame.Slice(read, ciphertextBytes), plaintext))
                return false;
            // The tags between the parts are closed up, so that the message is one piece of memory.
            if (read != written)
                plaintext.CopyTo(frame[written..]);
            read += ciphertextBytes;
            written += plaintextBytes;
        }

        kind = (FrameKind)frame[HeaderBytes];
        messageBytes = written - MessageOffset;
        return kind switch
        {
            FrameKind.Data => true,
            FrameKind.KeepAlive => messageBytes == 0,
            FrameKind.Refusal => messageBytes == 1,
            _ => false,
        };
    }
}

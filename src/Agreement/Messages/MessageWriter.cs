using System.Buffers.Binary;

namespace Agreement.Messages;

/// <summary>
/// Builds one message in a buffer that it owns and reuses. All integers are little-endian; byte strings carry
/// their length as an unsigned 32-bit number in front.
/// </summary>
/// <remarks>Not safe for use by several threads. The spans that it hands out are valid until the next write.</remarks>
public sealed class MessageWriter
{
    private const int KeptBytes = 4 << 20;
    private const int InitialBytes = 4096;

    private byte[] buffer;
    private int length;

    /// <summary>Starts empty.</summary>
    /// <param name="capacityBytes">Room before the first growth.</param>
    public MessageWriter(int capacityBytes = 256) => buffer = new byte[capacityBytes];

    /// <summary>What was written so far; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

    /// <summary>Bytes written so far.</summary>
    public int Length => length;

    /// <summary>Forgets what was written and keeps the buffer, unless a rare large message made it huge.</summary>
    public void Clear()
    {
        length = 0;
        if (buffer.Length > KeptBytes)
            buffer = new byte[InitialBytes];
    }

    /// <summary>What was written, in an array of its own.</summary>
    public byte[] ToArray() => Written.ToArray();

    /// <summary>Appends one byte.</summary>
    public void WriteByte(byte value) => Reserve(1)[0] = value;

    /// <summary>Appends 0 or 1.</summary>
    public void WriteBool(bool value) => WriteByte(value ? (byte)1 : (byte)0);

    /// <summary>Appends two bytes.</summary>
    public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);

    /// <summary>Appends four bytes.</summary>
    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);

    /// <summary>Appends eight bytes.</summary>
    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);

    /// <summary>Appends eight bytes.</summary>
    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);

    /// <summary>Appends the 32 bytes of a digest.</summary>
    public void WriteDigest(in Digest value) => value.CopyTo(Reserve(Digest.SizeBytes));

    /// <summary>Appends bytes without a length.</summary>
    public void WriteRaw(ReadOnlySpan<byte> value) => value.CopyTo(Reserve(value.Length));

    /// <summary>Appends a 32-bit length and the bytes.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteUInt32((uint)value.Length);
        WriteRaw(value);
    }

    /// <summary>Overwrites four bytes that were written before, for example a count known only at the end.</summary>
    public void PatchUInt32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(offset, 4), value);

    /// <summary>Appends <paramref name="count"/> bytes for the caller to fill before its next write.</summary>
    public Span<byte> Reserve(int count)
    {
        if (buffer.Length - length < count)
            Array.Resize(ref buffer, (int)Math.Min(Math.Max(buffer.Length * 2L, (long)length + count), Array.MaxLength));
        Span<byte> span = buffer.AsSpan(length, count);
        length += count;
        return span;
    }
}

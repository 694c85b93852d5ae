using System.Buffers.Binary;

namespace ZZFs.Fuse;

/// <summary>The header that every request starts with.</summary>
/// <param name="LengthBytes">Length of the whole request.</param>
/// <param name="Opcode">What is asked.</param>
/// <param name="Unique">Names the request in its reply and in interrupts.</param>
/// <param name="Node">The node concerned.</param>
/// <param name="Uid">The caller's file system user.</param>
/// <param name="Gid">The caller's file system group.</param>
/// <param name="ProcessId">The caller's thread, in our pid namespace; 0 when it is not visible there.</param>
public readonly record struct RequestHeader(
    uint LengthBytes,
    Opcode Opcode,
    ulong Unique,
    ulong Node,
    uint Uid,
    uint Gid,
    uint ProcessId)
{
    /// <summary>Reads the header; false when the bytes are no whole request of the length that it states.</summary>
    public static bool TryRead(ReadOnlySpan<byte> request, out RequestHeader header)
    {
        header = default;
        if (request.Length < FuseAbi.RequestHeaderBytes)
            return false;
        header = new RequestHeader(
            BinaryPrimitives.ReadUInt32LittleEndian(request),
            (Opcode)BinaryPrimitives.ReadUInt32LittleEndian(request[4..]),
            BinaryPrimitives.ReadUInt64LittleEndian(request[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(request[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(request[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(request[28..]),
            BinaryPrimitives.ReadUInt32LittleEndian(request[32..]));
        return header.LengthBytes == request.Length;
    }
}

/// <summary>
/// Parses the body of a request. It never throws: what doesn't fit sets <see cref="Failed"/>, and every later read
/// returns a default, so a parser checks once, at its end.
/// </summary>
/// <param name="body">What follows the header; names and data are handed out as slices of it.</param>
public ref struct RequestReader(ReadOnlyMemory<byte> body)
{
    private readonly ReadOnlyMemory<byte> body = body;
    private int position;

    /// <summary>Whether some read did not fit.</summary>
    public bool Failed { get; private set; }

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => body.Length - position;

    /// <summary>Reads four bytes.</summary>
    public uint ReadUInt32() => Take(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span) : 0;

    /// <summary>Reads eight bytes.</summary>
    public ulong ReadUInt64() => Take(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span) : 0;

    /// <summary>Passes over reserved bytes and fields that we don't use.</summary>
    public void Skip(int count) => Take(count);

    /// <summary>Reads <paramref name="count"/> bytes.</summary>
    public ReadOnlyMemory<byte> ReadRaw(uint count)
    {
        if (count <= (uint)Remaining)
            return Take((int)count);
        Failed = true;
        return default;
    }

    /// <summary>Reads bytes up to the terminating NUL, which is consumed and not part of the result.</summary>
    public ReadOnlyMemory<byte> ReadString()
    {
        int length = Failed ? -1 : body.Span[position..].IndexOf((byte)0);
        if (length < 0)
        {
            Failed = true;
            return default;
        }

        ReadOnlyMemory<byte> text = body.Slice(position, length);
        position += length + 1;
        return text;
    }

    /// <summary>Reads the name of a directory entry: not empty, no slash, neither "." nor "..".</summary>
    public ReadOnlyMemory<byte> ReadName()
    {
        ReadOnlyMemory<byte> name = ReadString();
        ReadOnlySpan<byte> bytes = name.Span;
        if (bytes.IsEmpty || bytes.Contains((byte)'/') || bytes.SequenceEqual("."u8) || bytes.SequenceEqual(".."u8))
            Failed = true;
        return name;
    }

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (Failed || count > Remaining)
        {
            Failed = true;
            return default;
        }

        ReadOnlyMemory<byte> taken = body.Slice(position, count);
        position += count;
        return taken;
    }
}

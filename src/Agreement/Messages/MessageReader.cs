using System.Buffers.Binary;

namespace Agreement.Messages;

/// <summary>
/// Parses bytes that may come from a liar. It never throws: a read past the end or over a bound sets
/// <see cref="Failed"/> and every later read returns a default, so a parser checks once, at its end.
/// </summary>
public ref struct MessageReader
{
    private readonly ReadOnlyMemory<byte> source;
    private readonly ReadOnlySpan<byte> span;
    private int position;

    /// <summary>Reads from the start of <paramref name="source"/>; byte strings are handed out as slices of it.</summary>
    public MessageReader(ReadOnlyMemory<byte> source)
    {
        this.source = source;
        span = source.Span;
    }

    /// <summary>Whether some read did not fit.</summary>
    public bool Failed { get; private set; }

    /// <summary>Bytes read so far.</summary>
    public readonly int Position => position;

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => span.Length - position;

    /// <summary>Whether every read fitted and nothing is left over.</summary>
    public readonly bool Complete => !Failed && position == span.Length;

    /// <summary>Marks the input as malformed, for checks that the reader can't do itself.</summary>
    public void Fail() => Failed = true;

    /// <summary>Reads one byte.</summary>
    public byte ReadByte() => Take(1) is { Length: 1 } bytes ? bytes[0] : (byte)0;

    /// <summary>Reads a byte that must be 0 or 1: only one encoding of a value is valid, so that digests are unique.</summary>
    public bool ReadBool()
    {
        byte value = ReadByte();
        if (value > 1)
            Failed = true;
        return value == 1;
    }

    /// <summary>Reads two bytes.</summary>
    public ushort ReadUInt16() => Take(2) is { Length: 2 } bytes ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : (ushort)0;

    /// <summary>Reads four bytes.</summary>
    public uint ReadUInt32() => Take(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;

    /// <summary>Reads eight bytes.</summary>
    public ulong ReadUInt64() => Take(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;

    /// <summary>Reads eight bytes.</summary>
    public long ReadInt64() => (long)ReadUInt64();

    /// <summary>Reads 32 bytes.</summary>
    public Digest ReadDigest() => Take(Digest.SizeBytes) is { Length: Digest.SizeBytes } bytes ? new Digest(bytes) : default;

    /// <summary>Reads a byte string with its length in front; longer than <paramref name="maximumBytes"/> fails.</summary>
    public ReadOnlyMemory<byte> ReadBytes(int maximumBytes)
    {
        uint count = ReadUInt32();
        if (count > (uint)maximumBytes)
        {
            Failed = true;
            return default;
        }

        return ReadRaw((int)count);
    }

    /// <summary>Reads <paramref name="count"/> bytes.</summary>
    public ReadOnlyMemory<byte> ReadRaw(int count)
    {
        int start = position;
        Take(count);
        return Failed ? default : source.Slice(start, count);
    }

    /// <summary>Reads a 32-bit count of items; more than <paramref name="maximum"/> fails and gives 0.</summary>
    public int ReadCount(int maximum)
    {
        uint count = ReadUInt32();
        if (count <= (uint)maximum && !Failed)
            return (int)count;
        Failed = true;
        return 0;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (Failed || count > span.Length - position)
        {
            Failed = true;
            return default;
        }

        ReadOnlySpan<byte> taken = span.Slice(position, count);
        position += count;
        return taken;
    }
}

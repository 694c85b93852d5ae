using System.Buffers.Binary;

namespace ZZFs.Digests;

/// <summary>What kinds of record the keeper has; the first byte of their keys.</summary>
internal enum DigestKind : byte
{
    /// <summary>() → root of the object array's tree.</summary>
    Root = 1,

    /// <summary>(object) → what is known of its parts: <see cref="ObjectDigests"/>.</summary>
    Object = 2,

    /// <summary>(0, level, node) → digests of a node of the object array's tree.</summary>
    ArrayNode = 3,

    /// <summary>(object, level, node) → digests of a node of a file's tree.</summary>
    FileNode = 4,

    /// <summary>(directory, level, first name) → digest of a range of entries.</summary>
    EntryRange = 5,
}

/// <summary>Builds keys: the kind, then numbers in big-endian so that bytes sort as numbers do, then a name.</summary>
internal static class DigestKey
{
    public static byte[] Of(DigestKind kind) => [(byte)kind];

    public static byte[] Of(DigestKind kind, uint index)
    {
        byte[] key = new byte[1 + sizeof(uint)];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), index);
        return key;
    }

    public static byte[] OfNode(DigestKind kind, uint index, int level, ulong number)
    {
        byte[] key = new byte[1 + sizeof(uint) + 1 + sizeof(ulong)];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), index);
        key[5] = (byte)level;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(6), number);
        return key;
    }

    public static byte[] OfRange(uint directory, int level, ReadOnlySpan<byte> start)
    {
        byte[] key = new byte[1 + sizeof(uint) + 1 + start.Length];
        key[0] = (byte)DigestKind.EntryRange;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), directory);
        key[5] = (byte)level;
        start.CopyTo(key.AsSpan(6));
        return key;
    }
}

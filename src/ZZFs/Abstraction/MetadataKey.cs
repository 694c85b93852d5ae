using System.Buffers.Binary;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>What kinds of metadata record the wrapper keeps in a store; the first byte of their keys.</summary>
internal enum MetadataKind : byte
{
    /// <summary>Number and annex of the last checkpoint.</summary>
    Header = 1,

    /// <summary>(chunk) → bits of the places in use.</summary>
    Allocation = 2,

    /// <summary>(object) → its locks.</summary>
    Locks = 3,

    /// <summary>(session, object) → one byte; the orphans of a session.</summary>
    Orphan = 4,

    /// <summary>(object, directory) → how many names of an object with several names are in the directory.</summary>
    Parent = 5,

    /// <summary>(object, name) → value of an extended attribute.</summary>
    Xattr = 6,

    /// <summary>What changed since the version before: <see cref="Digests.StateChanges"/>.</summary>
    Changes = 7,

    /// <summary>(name) → the checkpoint that is kept by it.</summary>
    KeptSnapshot = 8,

    /// <summary>How many bytes count against the volume.</summary>
    Totals = 9,
}

/// <summary>Builds keys: the kind, then numbers in big-endian so that bytes sort as numbers do, then a name.</summary>
internal static class MetadataKey
{
    public static byte[] Of(MetadataKind kind) => [(byte)kind];

    public static byte[] Of(MetadataKind kind, uint first)
    {
        byte[] key = new byte[1 + sizeof(uint)];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), first);
        return key;
    }

    public static byte[] Of(MetadataKind kind, uint first, uint second)
    {
        byte[] key = new byte[1 + (2 * sizeof(uint))];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), first);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(5), second);
        return key;
    }

    public static byte[] OfSession(ulong session, uint index)
    {
        byte[] key = new byte[1 + sizeof(ulong) + sizeof(uint)];
        key[0] = (byte)MetadataKind.Orphan;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), session);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(9), index);
        return key;
    }

    public static byte[] OfXattr(uint index, ReadOnlySpan<byte> name)
    {
        byte[] key = new byte[1 + sizeof(uint) + name.Length];
        key[0] = (byte)MetadataKind.Xattr;
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(1), index);
        name.CopyTo(key.AsSpan(5));
        return key;
    }

    /// <summary>The session of an orphan's key.</summary>
    public static ulong SessionOf(ReadOnlySpan<byte> key) => key.Length == 1 + sizeof(ulong) + sizeof(uint)
        ? BinaryPrimitives.ReadUInt64BigEndian(key[1..])
        : throw new StoreDamagedException("the store is damaged: an orphan's key is none");

    /// <summary>The number at the end of a key.</summary>
    public static uint LastNumber(ReadOnlySpan<byte> key) => key.Length > sizeof(uint)
        ? BinaryPrimitives.ReadUInt32BigEndian(key[^sizeof(uint)..])
        : throw new StoreDamagedException("the store is damaged: a metadata key is too short");

    /// <summary>The first key that is greater than every key that begins with <paramref name="prefix"/>.</summary>
    /// <remarks>There always is one, for no kind is 255.</remarks>
    public static byte[] After(ReadOnlySpan<byte> prefix)
    {
        int last = prefix.LastIndexOfAnyExcept((byte)0xff);
        byte[] key = prefix[..(last + 1)].ToArray();
        key[last]++;
        return key;
    }
}

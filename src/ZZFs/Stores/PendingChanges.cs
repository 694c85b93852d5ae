using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>What a store will hold once the changes that wait for it are made, as far as it differs from what it holds now.</summary>
internal sealed class PendingChanges
{
    private readonly Dictionary<uint, byte[]> records = [];
    private readonly Dictionary<uint, PendingBlocks> files = [];
    private readonly MessageWriter writer = new();

    /// <summary>Directory entries, by <see cref="EntryKey"/>.</summary>
    public PendingRows<ObjectId> Entries { get; } = new();

    /// <summary>Metadata records.</summary>
    public PendingRows<byte[]> Metadata { get; } = new();

    /// <summary>Directory and name.</summary>
    public static byte[] EntryKey(uint directory, ReadOnlySpan<byte> name)
    {
        byte[] key = new byte[sizeof(uint) + name.Length];
        BinaryPrimitives.WriteUInt32BigEndian(key, directory);
        name.CopyTo(key.AsSpan(sizeof(uint)));
        return key;
    }

    /// <summary>The name in such a key.</summary>
    public static ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> key) => key[sizeof(uint)..];

    /// <summary>Above all names of a directory.</summary>
    public static byte[] EntriesEnd(uint directory)
    {
        Span<byte> above = stackalloc byte[Specification.MaximumNameBytes + 1];
        above.Fill(0xff);
        return EntryKey(directory, above);
    }

    /// <summary>Writes a record, and returns a copy, which the wrapper doesn't change.</summary>
    public ObjectRecord Write(ObjectRecord record)
    {
        writer.Clear();
        record.Encode(writer);
        byte[] encoded = writer.ToArray();
        records[record.Index] = encoded;
        return Decode(record.Index, encoded);
    }

    /// <summary>A record; null when the stored one counts.</summary>
    public ObjectRecord? Record(uint index) => records.TryGetValue(index, out byte[]? encoded) ? Decode(index, encoded) : null;

    /// <summary>Changes of a file's content; null when there are none.</summary>
    public PendingBlocks? Find(uint index) => files.GetValueOrDefault(index);

    /// <summary>Changes of a file's content.</summary>
    public PendingBlocks Blocks(uint index)
    {
        if (!files.TryGetValue(index, out PendingBlocks? blocks))
            files.Add(index, blocks = new PendingBlocks());
        return blocks;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        records.Clear();
        files.Clear();
        Entries.Clear();
        Metadata.Clear();
    }

    private static ObjectRecord Decode(uint index, byte[] encoded)
    {
        Invariant.That(ObjectRecord.TryDecode(index, encoded, out ObjectRecord? record));
        return record;
    }
}

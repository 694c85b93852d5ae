using System.Buffers.Binary;
using System.Text;
using Agreement.Messages;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>A checkpoint that is kept by a name.</summary>
/// <param name="Name">The name.</param>
/// <param name="Number">The checkpoint.</param>
/// <param name="Slot">Tells it from the others, below <see cref="SnapshotId.MaximumNames"/>.</param>
internal readonly record struct KeptSnapshot(byte[] Name, ulong Number, int Slot);

/// <summary>
/// The names by which checkpoints are kept; a part of the replicated state. Stored as metadata: (name) → u64 number, u8 slot.
/// </summary>
internal sealed class KeptSnapshots
{
    private readonly IStoreView store;
    private readonly SortedDictionary<byte[], KeptSnapshot> names = new(ByteOrder.Instance);

    public KeptSnapshots(IStoreView store)
    {
        this.store = store;
        byte[] prefix = MetadataKey.Of(MetadataKind.KeptSnapshot);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            if (value.Length != sizeof(ulong) + 1 || value[sizeof(ulong)] >= SnapshotId.MaximumNames)
                throw new StoreDamagedException("the store is damaged: the names of snapshots can't be read");
            byte[] name = key[1..].ToArray();
            names.Add(name, new KeptSnapshot(name, BinaryPrimitives.ReadUInt64LittleEndian(value), value[sizeof(ulong)]));
            return true;
        });
    }

    /// <summary>All of them, by name.</summary>
    public IReadOnlyCollection<KeptSnapshot> All => names.Values;

    /// <summary>All of them as they are hashed, for each by name: u32 length, name, u64 number, u8 slot.</summary>
    public byte[] Encode()
    {
        var writer = new MessageWriter();
        foreach (KeptSnapshot kept in names.Values)
        {
            writer.WriteBytes(kept.Name);
            writer.WriteUInt64(kept.Number);
            writer.WriteByte((byte)kept.Slot);
        }

        return writer.ToArray();
    }

    /// <summary>Writes what <see cref="Encode"/> made into a store that has none; false when it is nothing of the kind.</summary>
    public static bool TryInstall(IBackingStore target, ReadOnlyMemory<byte> record)
    {
        var reader = new MessageReader(record);
        while (reader.Remaining > 0 && !reader.Failed)
            Write(target, reader.ReadBytes(Specification.MaximumNameBytes).Span, reader.ReadUInt64(), reader.ReadByte());
        return !reader.Failed;
    }

    /// <summary>Whether some name keeps this checkpoint.</summary>
    public bool Keeps(ulong number) => names.Values.Any(kept => kept.Number == number);

    /// <summary>What a name keeps.</summary>
    public KeptSnapshot? Find(ReadOnlySpan<byte> name) => names.TryGetValue(name.ToArray(), out KeptSnapshot kept) ? kept : null;

    /// <summary>Keeps a checkpoint by a name that is free. Null when there are too many names.</summary>
    public KeptSnapshot? Add(IBackingStore target, ReadOnlySpan<byte> name, ulong number)
    {
        int slot = Enumerable.Range(0, SnapshotId.MaximumNames).FirstOrDefault(free => names.Values.All(kept => kept.Slot != free), -1);
        if (slot < 0)
            return null;
        var added = new KeptSnapshot(name.ToArray(), number, slot);
        names.Add(added.Name, added);
        Write(target, name, number, (byte)slot);
        return added;
    }

    /// <summary>Gives a name up.</summary>
    public void Remove(IBackingStore target, ReadOnlySpan<byte> name)
    {
        names.Remove(name.ToArray());
        byte[] key = KeyOf(name);
        target.RemoveMetadata(key, [.. key, 0]);
    }

    /// <summary>Whether a name could be mistaken for a number.</summary>
    public static bool IsNumber(ReadOnlySpan<byte> name) => !name.IsEmpty && !name.ContainsAnyExceptInRange((byte)'0', (byte)'9');

    /// <summary>The number that a name is in its only spelling.</summary>
    public static ulong? ParseNumber(ReadOnlySpan<byte> name) =>
        IsNumber(name) && name[0] != (byte)'0' && ulong.TryParse(Encoding.ASCII.GetString(name), out ulong number) && number <= long.MaxValue ? number : null;

    private static void Write(IBackingStore target, ReadOnlySpan<byte> name, ulong number, byte slot)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong) + 1];
        BinaryPrimitives.WriteUInt64LittleEndian(value, number);
        value[sizeof(ulong)] = slot;
        target.WriteMetadata(KeyOf(name), value);
    }

    private static byte[] KeyOf(ReadOnlySpan<byte> name) => [.. MetadataKey.Of(MetadataKind.KeptSnapshot), .. name];
}

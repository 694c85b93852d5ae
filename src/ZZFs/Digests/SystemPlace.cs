using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>
/// The last places of the object array, where no object can be: they hold what belongs to the state beside objects, so that
/// the state's digest covers it and one who lacks it can have it proven.
/// </summary>
/// <remarks>
/// <code>
/// 0xfffe0000 + c   places in use: the chunk c of AllocationMap as it is stored, without the zeros at its end
/// 0xfffffffc       objects with locks: u32 index, in rising order
/// 0xfffffffd       orphans: u64 session  u32 index, in rising order
/// 0xfffffffe       u64 used bytes
/// 0xffffffff       KeptSnapshots
/// digest           SHA-256( 0x09  the record ); zero for an empty one
/// </code>
/// </remarks>
internal static class SystemPlace
{
    /// <summary>The first of them.</summary>
    public const uint First = 0xfffe_0000;

    /// <summary>Which objects have locks.</summary>
    public const uint Locked = uint.MaxValue - 3;

    /// <summary>Which objects sessions keep without a name.</summary>
    public const uint Orphans = uint.MaxValue - 2;

    /// <summary>How many bytes count against the volume.</summary>
    public const uint Totals = uint.MaxValue - 1;

    /// <summary>The names of snapshots.</summary>
    public const uint Kept = SnapshotId.KeptPlace;

    private const byte Tag = 9;
    private const uint AllocationChunks = 1 << 16;

    /// <summary>Those that any change may touch.</summary>
    public static IReadOnlyList<uint> Always { get; } = [Locked, Orphans, Totals];

    /// <summary>All but the map of places in use.</summary>
    public static IReadOnlyList<uint> Lists { get; } = [Locked, Orphans, Totals, Kept];

    /// <summary>Where a chunk of the map of places in use is.</summary>
    public static uint OfAllocation(uint chunk) => First + chunk;

    /// <summary>The digest of a record.</summary>
    public static Digest OfRecord(ReadOnlySpan<byte> record) => record.IsEmpty ? Digest.Zero : StateDigest.OfTagged(Tag, record);

    /// <summary>The digest of what a version has at a place.</summary>
    public static Digest DigestOf(IStoreView view, uint place) => OfRecord(Read(view, place));

    /// <summary>What a version has at a place; empty for nothing.</summary>
    public static ReadOnlySpan<byte> Read(IStoreView view, uint place)
    {
        switch (place)
        {
            case Kept:
                return new KeptSnapshots(view).Encode();
            case Totals:
                return view.ReadMetadata(MetadataKey.Of(MetadataKind.Totals));
            case Orphans:
                return ReadKeys(view, MetadataKind.Orphan);
            case Locked:
                return ReadKeys(view, MetadataKind.Locks);
            case < First + AllocationChunks:
                ReadOnlySpan<byte> chunk = view.ReadMetadata(MetadataKey.Of(MetadataKind.Allocation, place - First));
                return chunk[..(chunk.LastIndexOfAnyExcept((byte)0) + 1)];
            default:
                return default;
        }
    }

    /// <summary>Writes a record into a store that has nothing at the place.</summary>
    /// <returns>False when it can't be one.</returns>
    /// <remarks>Of locks the objects alone are named; they come with the objects.</remarks>
    public static bool TryInstall(IBackingStore store, uint place, ReadOnlyMemory<byte> record)
    {
        switch (place)
        {
            case Kept:
                return KeptSnapshots.TryInstall(store, record);
            case Totals:
                store.WriteMetadata(MetadataKey.Of(MetadataKind.Totals), record.Span);
                return record.Length == sizeof(ulong);
            case Locked:
                return record.Length % sizeof(uint) == 0;
            case Orphans:
                return TryInstallOrphans(store, record);
            case < First + AllocationChunks when record.Length <= AllocationMap.ChunkBytes:
                byte[] chunk = new byte[AllocationMap.ChunkBytes];
                record.CopyTo(chunk);
                store.WriteMetadata(MetadataKey.Of(MetadataKind.Allocation, place - First), chunk);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Keeps how many bytes count against the volume.</summary>
    public static void WriteUsedBytes(IBackingStore store, ulong usedBytes)
    {
        Span<byte> record = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, usedBytes);
        store.WriteMetadata(MetadataKey.Of(MetadataKind.Totals), record);
    }

    /// <summary>How many bytes count against the volume; 0 before the first checkpoint.</summary>
    /// <exception cref="StoreDamagedException">It can't be read.</exception>
    public static ulong ReadUsedBytes(IStoreView view) => view.ReadMetadata(MetadataKey.Of(MetadataKind.Totals)) switch
    {
        null => 0,
        { Length: sizeof(ulong) } record => BinaryPrimitives.ReadUInt64LittleEndian(record),
        _ => throw new StoreDamagedException("the store is damaged: its used bytes can't be read"),
    };

    /// <summary>The objects that the record of <see cref="Locked"/> names.</summary>
    public static IEnumerable<uint> ReadLocked(ReadOnlyMemory<byte> record)
    {
        for (int at = 0; at + sizeof(uint) <= record.Length; at += sizeof(uint))
            yield return BinaryPrimitives.ReadUInt32LittleEndian(record.Span[at..]);
    }

    private static byte[] ReadKeys(IStoreView view, MetadataKind kind)
    {
        var writer = new MessageWriter();
        byte[] prefix = MetadataKey.Of(kind);
        view.ListMetadata(prefix, MetadataKey.After(prefix), (key, _) =>
        {
            if (kind == MetadataKind.Orphan)
                writer.WriteUInt64(MetadataKey.SessionOf(key));
            writer.WriteUInt32(MetadataKey.LastNumber(key));
            return true;
        });
        return writer.ToArray();
    }

    private static bool TryInstallOrphans(IBackingStore store, ReadOnlyMemory<byte> record)
    {
        var reader = new MessageReader(record);
        while (reader.Remaining > 0 && !reader.Failed)
            store.WriteMetadata(MetadataKey.OfSession(reader.ReadUInt64(), reader.ReadUInt32()), ConformanceWrapper.OrphanMark);
        return !reader.Failed;
    }
}

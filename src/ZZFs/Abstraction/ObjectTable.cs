using Agreement.Messages;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>
/// The object array: finds, makes and frees objects, keeps the records in use in memory, and notes which
/// changed.
/// </summary>
internal sealed class ObjectTable
{
    private const int CacheRecords = 8192;
    private const int IncarnationShift = 40;

    private readonly IBackingStore store;
    private readonly VolumeLimits limits;
    private readonly AllocationMap allocation;
    private readonly WriteBackCache<uint, ObjectRecord> cache;
    private readonly HashSet<uint> unwritten = [];
    private readonly StateChanges changes;

    public ObjectTable(IBackingStore store, VolumeLimits limits, ulong usedBytes, StateChanges changes)
    {
        this.store = store;
        this.limits = limits;
        this.changes = changes;
        UsedBytes = usedBytes;
        allocation = new AllocationMap(store, limits.TotalObjects);
        cache = new WriteBackCache<uint, ObjectRecord>(CacheRecords, WriteIfChanged);
    }

    /// <summary>Bytes that count against the volume.</summary>
    public ulong UsedBytes { get; private set; }

    /// <summary>Places in use.</summary>
    public uint UsedObjects => allocation.Used;

    /// <summary>Whether the volume has room for so many bytes more.</summary>
    public bool HasRoom(ulong bytes) => bytes <= limits.TotalBytes && UsedBytes <= limits.TotalBytes - bytes;

    /// <summary>The object of that name; null when it is gone.</summary>
    public ObjectRecord? Find(ObjectId id)
    {
        ObjectRecord? record = Place(id.Index);
        return record is not null && record.Type != ObjectType.Null && record.Generation == id.Generation ? record : null;
    }

    /// <summary>The object at a place that another object refers to.</summary>
    /// <exception cref="StoreDamagedException">There is none.</exception>
    public ObjectRecord Load(uint index) =>
        Place(index) is { } record && record.Type != ObjectType.Null
            ? record
            : throw new StoreDamagedException($"the store is damaged: object {index} is referred to and isn't there");

    /// <summary>The object that an entry names.</summary>
    /// <exception cref="StoreDamagedException">There is none, or another.</exception>
    public ObjectRecord Load(ObjectId id) =>
        Find(id) ?? throw new StoreDamagedException($"the store is damaged: an entry names object {id}, which isn't there");

    /// <summary>The record of a place, which may be free; null when nothing was ever there.</summary>
    public ObjectRecord? Place(uint index)
    {
        if (cache.TryGet(index, out ObjectRecord? record))
            return record;
        record = store.ReadObject(index);
        if (record is not null)
            cache.Add(index, record);
        return record;
    }

    /// <summary>Takes the lowest free place for a new object; null when the volume has no more. All attributes are zero.</summary>
    public ObjectRecord? Allocate(ObjectType type, Incarnation incarnation)
    {
        if (allocation.Take() is not { } index)
            return null;
        ObjectRecord? record = Place(index);
        if (record is null)
        {
            record = new ObjectRecord(index);
            cache.Add(index, record);
        }

        if (record.Type != ObjectType.Null)
            throw new StoreDamagedException($"the store is damaged: object {index} is in use and its place is marked free");

        // Old names must never mean new objects, and after a loss of the log's tail the counter alone could repeat itself.
        record.Generation = Math.Max(record.Generation + 1, incarnation.Value << IncarnationShift);
        record.Type = type;
        MarkChanged(record);
        return record;
    }

    /// <summary>Frees an object's place. Its content, names and metadata were removed before.</summary>
    public void Free(ObjectRecord record)
    {
        AccountFrom(record.FootprintBytes, 0);
        store.DropObject(record.Index);
        record.Free();
        changes.Gone(record.Index);
        allocation.Free(record.Index);
        MarkChanged(record);
    }

    /// <summary>Must follow every change of a record whose footprint was <paramref name="footprintBefore"/> before it.</summary>
    public void Changed(ObjectRecord record, ulong footprintBefore)
    {
        AccountFrom(footprintBefore, record.FootprintBytes);
        MarkChanged(record);
    }

    /// <summary>Must follow every change of a record that leaves its footprint alone.</summary>
    public void MarkChanged(ObjectRecord record)
    {
        unwritten.Add(record.Index);
        changes.Changed(record.Index);
    }

    /// <summary>Brings the cache back into its bound; no caller may hold a record across this.</summary>
    public void Trim() => cache.Trim();

    /// <summary>Writes all that changed to the store.</summary>
    public void WriteBack()
    {
        foreach (ObjectRecord record in cache.Sorted())
            WriteIfChanged(record);
        Invariant.That(unwritten.Count == 0);
        allocation.WriteBack(changes);
    }

    private void WriteIfChanged(ObjectRecord record)
    {
        if (unwritten.Remove(record.Index))
            store.WriteObject(record);
    }

    private void AccountFrom(ulong before, ulong after) => UsedBytes = UsedBytes - before + after;
}

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>
/// A second implementation of the store's contract, in sorted maps: whatever the wrapper computes on it must equal what it
/// computes on the embedded store. Nothing survives its disposal.
/// </summary>
internal sealed class MemoryStore : IBackingStore
{
    private readonly SortedDictionary<ulong, Maps> versions = [];
    private readonly Dictionary<ulong, int> views = [];
    private Action? close;
    private Maps present;

    public MemoryStore()
        : this(new Maps(), null)
    {
    }

    // A view of a version is a store that nobody writes to.
    private MemoryStore(Maps present, Action? close)
    {
        this.present = present;
        this.close = close;
    }

    public int EntriesListed { get; set; }

    public int BlocksTouched { get; set; }

    public ObjectRecord? ReadObject(uint index)
    {
        if (!present.Objects.TryGetValue(index, out byte[]? stored))
            return null;
        Assert.True(ObjectRecord.TryDecode(index, stored, out ObjectRecord? record));
        return record;
    }

    // The wrapper announces every object once, and frees none that still has blocks or names.
    public void MakeObject(ObjectRecord record) => Assert.True(present.Announced.Add(record.Index));

    public void DropObject(uint index)
    {
        Assert.True(present.Announced.Remove(index));
        Assert.Null(NextBlock(index, 0, ulong.MaxValue));
        Assert.True(!present.Entries.TryGetValue(index, out var entries) || entries.Count == 0);
    }

    public void WriteObject(ObjectRecord record)
    {
        var writer = new MessageWriter();
        record.Encode(writer);
        present.Objects[record.Index] = writer.ToArray();
    }

    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        BlocksTouched++;
        destination.Clear();
        if (!present.Blocks.TryGetValue((index, block), out byte[]? content))
            return false;
        content.CopyTo(destination);
        return true;
    }

    public bool HasBlock(uint index, ulong block) => present.Blocks.ContainsKey((index, block));

    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        BlocksTouched++;

        // The contract's canonical form.
        Assert.True(content.Length is > 0 and <= Specification.BlockBytes && content[^1] != 0);
        present.Blocks[(index, block)] = content.ToArray();
    }

    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        List<(uint, ulong)> gone = [.. present.Blocks.Keys.Where(key => key.Index == index && key.Block >= first && key.Block <= last)];
        gone.ForEach(key => present.Blocks.Remove(key));
        return (ulong)gone.Count;
    }

    public ulong? NextBlock(uint index, ulong first, ulong last)
    {
        foreach ((uint Index, ulong Block) key in present.Blocks.Keys)
        {
            if (key.Index == index && key.Block >= first && key.Block <= last)
                return key.Block;
        }

        return null;
    }

    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) =>
        present.Entries.TryGetValue(directory, out var entries) && entries.TryGetValue(name.ToArray(), out ObjectId target) ? target : null;

    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target) => Entries(directory).Add(name.ToArray(), target);

    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name) => Assert.True(Entries(directory).Remove(name.ToArray()));

    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        Assert.True(Entries(sourceDirectory).Remove(sourceName.ToArray(), out ObjectId target));
        AddEntry(targetDirectory, targetName, target);
    }

    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        ObjectId first = Entries(firstDirectory)[firstName.ToArray()];
        Entries(firstDirectory)[firstName.ToArray()] = Entries(secondDirectory)[secondName.ToArray()];
        Entries(secondDirectory)[secondName.ToArray()] = first;
    }

    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        if (!present.Entries.TryGetValue(directory, out var entries))
            return;
        foreach ((byte[] name, ObjectId target) in entries)
        {
            int order = name.AsSpan().SequenceCompareTo(from);
            if (order < 0 || (order == 0 && !inclusive))
                continue;
            EntriesListed++;
            if (!visitor(name, target))
                return;
        }
    }

    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => present.Metadata.GetValueOrDefault(key.ToArray());

    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        byte[] copy = key.ToArray();
        present.Keys.Add(copy);
        present.Metadata[copy] = value.ToArray();
    }

    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        foreach (byte[] key in Between(from, to))
        {
            present.Metadata.Remove(key);
            present.Keys.Remove(key);
        }
    }

    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => View(low.ToArray(), high.ToArray()).Max;

    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        foreach (byte[] key in Between(from, to))
        {
            if (!visitor(key, present.Metadata[key]))
                return;
        }
    }

    public IReadOnlyList<ulong> Versions => [.. versions.Keys];

    public long DiskBytes => versions.Values.Append(present).Sum(maps => maps.Blocks.Values.Sum(block => (long)block.Length));

    public void Commit(ulong number)
    {
        Assert.True(number > 0 && versions.Keys.All(version => version < number));
        versions.Add(number, present.Copy());
    }

    public void Harden(ulong number)
    {
    }

    public IStoreView OpenVersion(ulong number)
    {
        Maps version = Version(number);
        lock (views)
            views[number] = views.GetValueOrDefault(number) + 1;
        return new MemoryStore(version, () =>
        {
            lock (views)
                views[number]--;
        });
    }

    public bool TryDrop(ulong number)
    {
        lock (views)
            return Version(number) is not null && views.GetValueOrDefault(number) == 0 && versions.Remove(number);
    }

    public void Rollback(ulong number)
    {
        present = number == 0 ? new Maps() : Version(number).Copy();
        foreach (ulong later in versions.Keys.Where(version => version > number).ToArray())
        {
            Assert.True(TryDrop(later), $"version {later} is read");
        }
    }

    public void Dispose() => Interlocked.Exchange(ref close, null)?.Invoke();

    private Maps Version(ulong number) =>
        versions.TryGetValue(number, out Maps? version) ? version : throw new ArgumentException($"there is no version {number}", nameof(number));

    private SortedDictionary<byte[], ObjectId> Entries(uint directory)
    {
        if (!present.Entries.TryGetValue(directory, out var entries))
            present.Entries.Add(directory, entries = new(ByteOrder.Instance));
        return entries;
    }

    private List<byte[]> Between(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        byte[] end = to.ToArray();
        List<byte[]> keys = [.. View(from.ToArray(), end)];
        if (keys.Count > 0 && keys[^1].AsSpan().SequenceEqual(end))
            keys.RemoveAt(keys.Count - 1);
        return keys;
    }

    private SortedSet<byte[]> View(byte[] low, byte[] high) =>
        ByteOrder.Instance.Compare(low, high) <= 0 ? present.Keys.GetViewBetween(low, high) : [];

    private sealed class Maps
    {
        public SortedDictionary<uint, byte[]> Objects { get; init; } = [];

        public SortedDictionary<(uint Index, ulong Block), byte[]> Blocks { get; init; } = [];

        public SortedDictionary<uint, SortedDictionary<byte[], ObjectId>> Entries { get; } = [];

        public SortedDictionary<byte[], byte[]> Metadata { get; init; } = new(ByteOrder.Instance);

        // The keys again, in a set that finds neighbours without a walk.
        public SortedSet<byte[]> Keys { get; init; } = new(ByteOrder.Instance);

        public HashSet<uint> Announced { get; init; } = [];

        // Values are never changed in place, so only the maps are copied.
        public Maps Copy()
        {
            var copy = new Maps
            {
                Objects = new(Objects),
                Blocks = new(Blocks),
                Metadata = new(Metadata, ByteOrder.Instance),
                Keys = new(Keys, ByteOrder.Instance),
                Announced = [.. Announced],
            };
            foreach ((uint directory, var entries) in Entries)
                copy.Entries.Add(directory, new(entries, ByteOrder.Instance));
            return copy;
        }
    }
}

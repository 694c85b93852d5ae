using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>A version of a store in the shape of a store, for a wrapper that is only asked to read.</summary>
internal sealed class ReadOnlyStore(IStoreView version) : IBackingStore
{
    public IReadOnlyList<ulong> Versions => [];

    public long DiskBytes => 0;

    public ObjectRecord? ReadObject(uint index) => version.ReadObject(index);

    public bool ReadBlock(uint index, ulong block, Span<byte> destination) => version.ReadBlock(index, block, destination);

    public bool HasBlock(uint index, ulong block) => version.HasBlock(index, block);

    public ulong? NextBlock(uint index, ulong first, ulong last) => version.NextBlock(index, first, last);

    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => version.FindEntry(directory, name);

    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        version.ListEntries(directory, from, inclusive, visitor);

    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => version.ReadMetadata(key);

    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => version.LastMetadataKey(low, high);

    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => version.ListMetadata(from, to, visitor);

    public void MakeObject(ObjectRecord record) => throw Refused();

    public void DropObject(uint index) => throw Refused();

    public void WriteObject(ObjectRecord record) => throw Refused();

    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content) => throw Refused();

    public ulong RemoveBlocks(uint index, ulong first, ulong last) => throw Refused();

    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target) => throw Refused();

    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name) => throw Refused();

    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName) => throw Refused();

    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName) => throw Refused();

    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => throw Refused();

    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => throw Refused();

    public void Commit(ulong number) => throw Refused();

    public void Harden(ulong number) => throw Refused();

    public IStoreView OpenVersion(ulong number) => throw Refused();

    public bool TryDrop(ulong number) => throw Refused();

    public void Rollback(ulong number) => throw Refused();

    public void Dispose() => version.Dispose();

    private static InvalidOperationException Refused() => new("a retained version can't be changed");
}

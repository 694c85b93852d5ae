using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Digests;

/// <summary>Counts what is read of a view.</summary>
internal sealed class CountingView(IStoreView view) : IStoreView
{
    public int ObjectsRead { get; private set; }

    public int BlocksRead { get; private set; }

    public int EntriesListed { get; private set; }

    public ObjectRecord? ReadObject(uint index)
    {
        ObjectsRead++;
        return view.ReadObject(index);
    }

    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        BlocksRead++;
        return view.ReadBlock(index, block, destination);
    }

    public bool HasBlock(uint index, ulong block) => view.HasBlock(index, block);

    public ulong? NextBlock(uint index, ulong first, ulong last) => view.NextBlock(index, first, last);

    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => view.FindEntry(directory, name);

    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        view.ListEntries(directory, from, inclusive, (name, target) =>
        {
            EntriesListed++;
            return visitor(name, target);
        });

    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => view.ReadMetadata(key);

    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => view.LastMetadataKey(low, high);

    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) =>
        view.ListMetadata(from, to, visitor);

    public void Dispose() => view.Dispose();
}

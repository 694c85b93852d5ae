using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// A version of a tree store, read out of its snapshot. The snapshot is opened by the first read, which may be another
/// thread's than the store's: with some backing systems it takes a while, and the snapshot may be in the making.
/// </summary>
internal sealed class TreeView(ISnapshotVolume volume, ulong number, Action ready, Action leave) : IStoreView
{
    private ISnapshotPath? snapshot;
    private TreeContents? opened;
    private Action? leave = leave;

    private TreeContents Contents
    {
        get
        {
            if (opened is not null)
                return opened;
            ObjectDisposedException.ThrowIf(leave is null, this);
            ready();
            snapshot ??= volume.OpenSnapshot(number);
            return opened = TreeContents.OpenSnapshot(snapshot.Path, volume.Name);
        }
    }

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index) => Contents.ReadObject(index);

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination) => Contents.ReadBlock(index, block, destination);

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block) => Contents.HasBlock(index, block);

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last) => Contents.NextBlock(index, first, last);

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => Contents.FindEntry(directory, name);

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        Contents.ListEntries(directory, from, inclusive, visitor);

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => Contents.ReadMetadata(key);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => Contents.LastMetadataKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => Contents.ListMetadata(from, to, visitor);

    /// <inheritdoc/>
    public void Dispose()
    {
        opened?.Dispose();
        opened = null;
        try
        {
            snapshot?.Dispose();
        }
        finally
        {
            snapshot = null;
            Interlocked.Exchange(ref leave, null)?.Invoke();
        }
    }
}

using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// Before a store whose commits take the backing system long: a commit returns at once, and another thread does it. What
/// changes meanwhile waits in memory until the snapshot is taken, so that nothing of it is in there, and is then handed to the
/// store in its order; reads see it at once. While nothing waits, calls go straight through.
/// </summary>
/// <remarks>
/// What waits is bounded by <see cref="MaximumPendingBytes"/>: a change beyond it is held up until all is stored, and counted.
/// What the other thread fails with is thrown by the next call.
/// </remarks>
public sealed partial class DeferredStore : IBackingStore
{
    /// <summary>The bound of what waits in memory, in bytes.</summary>
    public const long MaximumPendingBytes = 64 << 20;

    // What a change takes beside its content, roughly.
    private const int ChangeBytes = 200;

    private readonly ISnapshotStore store;

    // The store itself, but for what is safe without: see ISnapshotStore.
    private readonly Lock storeGate = new();

    // The calling thread's alone.
    private readonly PendingChanges pending = new();
    private long pendingBytes;
    private bool defers;
    private int visits;

    internal DeferredStore(ISnapshotStore store)
    {
        this.store = store;
        versions = [.. store.Versions];
        committed = versions.LastOrDefault();
    }

    /// <summary>How often a change was held up because too much waited.</summary>
    public long Waits { get; private set; }

    /// <inheritdoc/>
    public long DiskBytes => store.DiskBytes;

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index)
    {
        if (!Defers())
            return store.ReadObject(index);
        if (pending.Record(index) is { } record)
            return record;
        using (EnterStore())
            return store.ReadObject(index);
    }

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        if (!Defers())
            return store.ReadBlock(index, block, destination);
        if (pending.Find(index) is { } blocks && blocks.TryFind(block, out byte[]? content))
        {
            destination.Clear();
            content?.CopyTo(destination);
            return content is not null;
        }

        using (EnterStore())
            return store.ReadBlock(index, block, destination);
    }

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block)
    {
        if (!Defers())
            return store.HasBlock(index, block);
        if (pending.Find(index) is { } blocks && blocks.TryFind(block, out byte[]? content))
            return content is not null;
        using (EnterStore())
            return store.HasBlock(index, block);
    }

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last)
    {
        if (!Defers())
            return store.NextBlock(index, first, last);
        using (EnterStore())
        {
            return pending.Find(index) is { } blocks && first <= last
                ? blocks.Next(first, last, (from, to) => store.NextBlock(index, from, to))
                : store.NextBlock(index, first, last);
        }
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name)
    {
        if (!Defers())
            return store.FindEntry(directory, name);
        if (pending.Entries.TryFind(PendingChanges.EntryKey(directory, name), out PendingRows<ObjectId>.Row? row))
            return row.IsGone ? null : row.Value;
        using (EnterStore())
            return store.FindEntry(directory, name);
    }

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        if (!Defers())
        {
            store.ListEntries(directory, from, inclusive, visitor);
            return;
        }

        byte[] first = from.ToArray();
        using (EnterVisit())
        {
            pending.Entries.List(
                PendingChanges.EntryKey(directory, inclusive ? first : [.. first, 0]),
                PendingChanges.EntriesEnd(directory),
                visit => store.ListEntries(directory, first, inclusive, (name, target) => visit(PendingChanges.EntryKey(directory, name), target)),
                (key, target) => visitor(PendingChanges.NameIn(key), target));
        }
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key)
    {
        if (!Defers())
            return store.ReadMetadata(key);
        if (pending.Metadata.TryFind(key.ToArray(), out PendingRows<byte[]>.Row? row))
            return row.IsGone ? null : [.. row.Value];
        using (EnterStore())
            return store.ReadMetadata(key);
    }

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        if (!Defers())
            return store.LastMetadataKey(low, high);

        // From the front, since what is stored at the end may be gone; rarely asked for.
        byte[]? last = null;
        ListMetadata(low, [.. high, 0], (key, _) =>
        {
            last = key.ToArray();
            return true;
        });
        return last;
    }

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        if (!Defers())
        {
            store.ListMetadata(from, to, visitor);
            return;
        }

        byte[] first = from.ToArray();
        byte[] end = to.ToArray();
        using (EnterVisit())
        {
            pending.Metadata.List(
                first,
                end,
                visit => store.ListMetadata(first, end, (key, value) => visit(key, value.ToArray())),
                (key, value) => visitor(key, value));
        }
    }

    /// <summary>Closes the store, after what waits was stored; what is in no version is abandoned when it is opened again.</summary>
    public void Dispose()
    {
        WaitForWorker();
        store.Dispose();
    }

    private StoreScope EnterStore() => new(this, 0);

    // While a visitor is called, what waits stays as it is, also when it is stored meanwhile.
    private StoreScope EnterVisit() => new(this, 1);

    private readonly ref struct StoreScope
    {
        private readonly DeferredStore owner;
        private readonly int visit;

        public StoreScope(DeferredStore owner, int visit)
        {
            this.owner = owner;
            this.visit = visit;
            Volatile.Write(ref owner.asks, true);
            owner.storeGate.Enter();
            Volatile.Write(ref owner.asks, false);
            owner.visits += visit;
        }

        public void Dispose()
        {
            owner.visits -= visit;
            owner.storeGate.Exit();
        }
    }
}

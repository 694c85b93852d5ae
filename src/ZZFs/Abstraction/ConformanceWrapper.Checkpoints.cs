using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

// Checkpoints: a version of the store each. The header record: u64 number, u64 the last checkpoint that was prepared then,
// u64 the checkpoint before in the order, i64 time, bytes annex.
public sealed partial class ConformanceWrapper
{
    private const int MaximumAnnexBytes = 1 << 30;

    private readonly Queue<(SequenceNumber Number, byte[] Annex)> begun = new();
    private readonly MessageWriter record = new();
    private DigestKeeper keeper = null!;
    private CheckpointWork? work;

    // The last two that the cluster agreed on.
    private SequenceNumber stable;
    private SequenceNumber stableBefore;

    /// <inheritdoc/>
    public SequenceNumber LastCheckpoint { get; private set; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> LastCheckpointAnnex { get; private set; }

    /// <inheritdoc/>
    public Digest LastCheckpointDigest { get; private set; }

    /// <inheritdoc/>
    public long DiskBytes { get; private set; }

    /// <inheritdoc/>
    public int RetainedCheckpoints => store.Versions.Count;

    /// <inheritdoc/>
    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex)
    {
        content.WriteBack();
        objects.WriteBack();
        locks.WriteBack(store);
        record.Clear();
        changes.Encode(record);
        store.WriteMetadata(MetadataKey.Of(MetadataKind.Changes), record.Written);
        record.Clear();
        SystemPlace.WriteUsedBytes(store, objects.UsedBytes);
        record.Clear();
        record.WriteUInt64(number.Value);
        record.WriteUInt64(LastCheckpoint.Value);
        record.WriteUInt64(snapshots.Last.Value);
        record.WriteInt64(time.Nanoseconds);
        record.WriteBytes(annex);
        store.WriteMetadata(MetadataKey.Of(MetadataKind.Header), record.Written);
        store.Commit(number.Value);
        changes.StartAfter(number.Value);
        begun.Enqueue((number, annex.ToArray()));
        checkpointTime = time;
        snapshots.Taken(number, AttributesOfRoot());
    }

    /// <inheritdoc/>
    public ICheckpointWork PrepareCheckpoint()
    {
        Invariant.That(work is null);
        work = new CheckpointWork(store, digests, keeper, begun.Peek().Number.Value);
        return work;
    }

    /// <inheritdoc/>
    public Digest FinishCheckpoint(ICheckpointWork work)
    {
        Invariant.That(work == this.work && this.work.Digest is not null);
        LastCheckpointDigest = this.work.Digest.Value;
        DiskBytes = this.work.DiskBytes;
        (LastCheckpoint, byte[] annex) = begun.Dequeue();
        LastCheckpointAnnex = annex;
        this.work = null;
        snapshots.Prepared(LastCheckpoint);
        Guard(LastCheckpoint.Value);
        return LastCheckpointDigest;
    }

    /// <inheritdoc/>
    public void CheckpointIsStable(SequenceNumber number)
    {
        if (number <= stable)
            return;
        stableBefore = stable;
        stable = number;
    }

    /// <inheritdoc/>
    public bool DropOldCheckpoint()
    {
        foreach (ulong version in store.Versions)
        {
            if (version >= stableBefore.Value)
                return false;
            if (!snapshots.MayGo(version))
                continue;
            snapshots.Close(version);
            if (store.TryDrop(version))
                return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public IScrub? BeginScrub()
    {
        // The digests are the work's alone while there is one.
        ulong number = LastCheckpoint.Value;
        if (number == 0 || work is not null || !store.Versions.Contains(number) || !digests.Versions.Contains(number))
            return null;
        IStoreView view = store.OpenVersion(number);
        try
        {
            return new CheckpointScrub(LastCheckpoint, SystemPlace.ReadUsedBytes(view), view, digests.OpenVersion(number), LastCheckpointDigest, limits);
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Rollback()
    {
        work?.Abandon();
        work = null;
        begun.Clear();
        snapshots.Dispose();
        ReturnToCheckpoint(isOpening: false);
    }

    // To the newest checkpoint that was prepared: only those are sure to be part of every order that may yet come.
    [MemberNotNull(nameof(objects), nameof(content), nameof(locks), nameof(snapshots), nameof(keeper))]
    private void ReturnToCheckpoint(bool isOpening)
    {
        guard.Begin(null, Digest.Zero);
        ulong newest = store.Versions.Count == 0 ? 0 : store.Versions[^1];
        ulong prepared = FindPrepared(newest);
        if (!isOpening || prepared != newest)
            store.Rollback(prepared);
        keeper = new DigestKeeper(digests, limits);
        LoadHeader(prepared, out SequenceNumber previous);
        LastCheckpointDigest = prepared == 0 ? default : FindDigest(prepared);
        if (prepared == 0)
            digests.Rollback(0);
        changes.StartAfter(prepared);
        LoadState(previous);
        if (prepared == 0)
            MakeRoot();
        else
            Guard(prepared);
    }

    [MemberNotNull(nameof(objects), nameof(content), nameof(locks), nameof(snapshots))]
    private void LoadState(SequenceNumber previous)
    {
        objects = new ObjectTable(store, limits, SystemPlace.ReadUsedBytes(store), changes);
        content = new FileContent(store, changes, guard);
        locks = new LockTable(limits.TotalLocks);
        locks.Load(store);
        snapshots = new SnapshotDirectory(
            store,
            changes,
            LastCheckpoint,
            previous,
            version => new ConformanceWrapper(version, limits, transfer),
            () => Lookup(new Operations.Lookup(ObjectId.Root, "."u8.ToArray())));
    }

    private void Guard(ulong number)
    {
        if (!digests.Versions.Contains(number))
            return;
        IDigestView view = digests.OpenVersion(number);
        try
        {
            guard.Begin(view, DigestKeeper.ReadRoot(view));
        }
        catch (StoreDamagedException)
        {
            guard.Begin(null, Digest.Zero);
        }
    }

    private ulong FindPrepared(ulong newest)
    {
        // The mark may be one behind, when the process died between the two; or the digests are lost, and it is not.
        for (int i = store.Versions.Count - 1; i >= 0; i--)
        {
            ulong version = store.Versions[i];
            if (digests.Versions.Contains(version) || version == digests.LastCommitted)
                return version;
        }

        if (newest == 0)
            return 0;

        // Nothing was prepared yet, or all that tells of it is lost; but the newest version names one that was prepared before it.
        using IStoreView view = store.OpenVersion(newest);
        var reader = new MessageReader(view.ReadMetadata(MetadataKey.Of(MetadataKind.Header)));
        reader.ReadUInt64();
        ulong prepared = reader.ReadUInt64();
        return reader.Failed || (prepared != 0 && !store.Versions.Contains(prepared)) ? throw HeaderDamaged() : prepared;
    }

    // Of this version, or of whichever the store is.
    private void LoadHeader(ulong? number, out SequenceNumber previous)
    {
        previous = default;
        LastCheckpoint = new SequenceNumber(number ?? 0);
        LastCheckpointAnnex = default;
        byte[]? header = store.ReadMetadata(MetadataKey.Of(MetadataKind.Header));
        if (header is null && number == 0)
            return;
        var reader = new MessageReader(header);
        ulong stored = reader.ReadUInt64();
        bool isRight = stored == (number ?? stored);
        LastCheckpoint = new SequenceNumber(stored);
        reader.ReadUInt64();
        previous = new SequenceNumber(reader.ReadUInt64());
        checkpointTime = new Timestamp(reader.ReadInt64());
        LastCheckpointAnnex = reader.ReadBytes(MaximumAnnexBytes);
        if (!isRight || !reader.Complete)
            throw HeaderDamaged();
    }

    private Digest FindDigest(ulong number)
    {
        try
        {
            if (DigestKeeper.Find(digests, number, limits) is { } digest)
            {
                digests.Rollback(number);
                return digest;
            }
        }
        catch (StoreDamagedException)
        {
            // Whatever is wrong with it, it can be computed again.
        }

        using IStoreView view = store.OpenVersion(number);
        return keeper.Rebuild(view, number, () => true)!.Value;
    }

    private static StoreDamagedException HeaderDamaged() => new("the store is damaged: its header can't be read");

    private void MakeRoot()
    {
        ObjectRecord root = objects.Allocate(ObjectType.Directory, default)
            ?? throw new StoreException("the volume has no room for its root directory");
        if (root.Id != ObjectId.Root)
            throw new StoreDamagedException("the store is damaged: it has objects and no header");
        root.Mode = 0x1ed;
        root.Uid = rootUid;
        root.Gid = rootGid;
        root.LinkCount = 2;
        store.MakeObject(root);
    }
}

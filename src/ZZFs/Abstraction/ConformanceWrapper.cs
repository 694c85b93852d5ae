using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>
/// Executes the abstract operations on a backing store and hides what is peculiar to it (BASE, SOSP 2001 §3.1): objects
/// are numbered, times are the agreed ones, directories are sorted, permissions and limits are checked here, so that
/// replicas on different stores return the same bytes and have the same digests.
/// </summary>
/// <remarks>
/// Errors come in the order in which Linux finds them, so that a mount behaves as a local file system does. An operation
/// checks everything before it changes anything. What the wrapper writes reaches the store at the latest with the
/// checkpoint; the store is back at the last one when the process dies.
/// </remarks>
public sealed partial class ConformanceWrapper : IFileService
{
    // A directory's length grows by this with each entry.
    internal const uint EntryBytes = 32;

    /// <summary>The value of an orphan's record.</summary>
    internal static ReadOnlySpan<byte> OrphanMark => [1];

    private readonly IBackingStore store;
    private readonly VolumeLimits limits;
    private readonly uint rootUid;
    private readonly uint rootGid;

    // One that only reads a version is asked through ReadAs alone, takes no checkpoints, and has neither these nor a keeper.
    private readonly IDigestStore digests = null!;
    private readonly ReadGuard guard;
    private readonly StateChanges changes = new();
    private readonly ResultData transfer;

    private ObjectTable objects;
    private FileContent content;
    private LockTable locks;
    private SnapshotDirectory snapshots;

    // State of the operation at hand.
    private OperationContext context;
    private Caller caller;
    private ObjectId? current;
    private ObjectRecord? exportRoot;

    /// <summary>Takes over a store, which is new or was left by another wrapper, at the last checkpoint that was finished.</summary>
    /// <param name="store">The files; disposed in the end, also when this fails.</param>
    /// <param name="digests">Their digests; likewise.</param>
    /// <param name="limits">Limits of the volume.</param>
    /// <param name="rootUid">Owner of a new volume's root directory.</param>
    /// <param name="rootGid">Its group.</param>
    /// <param name="damage">Which blocks are known to be damaged, if that is remembered.</param>
    /// <exception cref="StoreDamagedException">What is stored contradicts itself.</exception>
    public ConformanceWrapper(IBackingStore store, IDigestStore digests, VolumeLimits limits, uint rootUid = 0, uint rootGid = 0, IDamageRecord? damage = null)
    {
        transfer = new ResultData();
        this.rootUid = rootUid;
        this.rootGid = rootGid;
        this.store = store;
        this.limits = limits;
        this.digests = digests;
        guard = new ReadGuard(store, damage ?? new NoDamage());
        caller = new Caller(Credentials.Superuser, ExportEntry.Full);
        try
        {
            ReturnToCheckpoint(isOpening: true);
        }
        catch
        {
            // Nobody else has them: they would stay locked.
            guard.Dispose();
            digests.Dispose();
            store.Dispose();
            throw;
        }
    }

    // Reads a version, which it owns, and is asked through ReadAs only.
    private ConformanceWrapper(IStoreView version, VolumeLimits limits, ResultData transfer)
    {
        this.transfer = transfer;
        store = new ReadOnlyStore(version);
        this.limits = limits;
        guard = new ReadGuard(store, new NoDamage());
        caller = new Caller(Credentials.Superuser, ExportEntry.Full);
        LoadHeader(null, out SequenceNumber previous);
        LoadState(previous);
    }

    private Timestamp Now => context.Now;

    /// <inheritdoc/>
    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
    {
        if (!OperationCodec.TryDecode(operation, out Credentials credentials, out Operation decoded))
        {
            OperationCodec.EncodeResult(OperationResult.Failed(Errno.EPROTO), result);
            return;
        }

        this.context = context;
        caller = new Caller(credentials, context.Export);
        current = null;
        transfer.Clear();
        exportRoot = context.Export.Subtree == "/" ? null : FindSubtree(context.Export.Subtree);
        OperationCodec.EncodeResult(decoded is Compound compound ? ExecuteAll(compound) : Dispatch(decoded), result);
        exportRoot = null;
        KeepBounds();
    }

    /// <inheritdoc/>
    public void EndSession(SessionId session)
    {
        foreach (uint index in locks.DropSession(session))
            objects.MarkChanged(objects.Load(index));
        foreach (uint index in OrphansOf(session))
            Remove(objects.Load(index));
        KeepBounds();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        work?.Abandon();
        snapshots.Dispose();
        guard.Dispose();
        digests?.Dispose();
        store.Dispose();
    }

    private OperationResult ExecuteAll(Compound compound)
    {
        var parts = new List<OperationResult>(compound.Operations.Count);
        foreach (Operation operation in compound.Operations)
        {
            OperationResult part = Dispatch(operation);
            parts.Add(part);
            if (part.Error != Errno.None)
                return new OperationResult { Error = part.Error, Parts = parts };
            current = part.Object ?? current;
        }

        return new OperationResult { Parts = parts };
    }

    private OperationResult Dispatch(Operation operation) => snapshots.Dispatch(operation, context, caller, current) ?? operation switch
    {
        Lookup o => Lookup(o),
        GetAttributes o => GetAttributes(o),
        SetAttributes o => SetAttributes(o),
        CheckAccess o => CheckAccess(o),
        ReadLink o => ReadLink(o),
        Read o => Read(o),
        Write o => Write(o),
        Create o => Create(o),
        MakeDirectory o => MakeDirectory(o),
        MakeSymlink o => MakeSymlink(o),
        MakeNode o => MakeNode(o),
        Link o => Link(o),
        Unlink o => Unlink(o),
        RemoveDirectory o => RemoveDirectory(o),
        Rename o => Rename(o),
        ReadDirectory o => ReadDirectory(o),
        Operations.GetStatistics => GetStatistics(),
        Sync => OperationResult.Success,
        GetXattr o => GetXattr(o),
        SetXattr o => SetXattr(o),
        ListXattrs o => ListXattrs(o),
        RemoveXattr o => RemoveXattr(o),
        Allocate o => Allocate(o),
        Seek o => Seek(o),
        CopyRange o => CopyRange(o),
        SetLock o => SetLock(o),
        TestLock o => TestLock(o),
        ReleaseOrphan o => ReleaseOrphan(o),
        _ => OperationResult.Failed(Errno.EPROTO),
    };

    private OperationResult GetStatistics() => new()
    {
        Statistics = new VolumeStatistics(limits.TotalBytes, objects.UsedBytes, limits.TotalObjects, objects.UsedObjects),
    };

    private static OperationResult Failed(Errno error) => OperationResult.Failed(error);

    // The one place where a name from outside becomes an object: stale names, the current object of a compound, and the
    // bounds of the export are dealt with here.
    private bool TryResolve(ObjectId id, [NotNullWhen(true)] out ObjectRecord? record, out Errno error)
    {
        record = null;
        error = Errno.ESTALE;
        if (id == ObjectId.Current)
        {
            if (current is not { } previous)
            {
                error = Errno.EINVAL;
                return false;
            }

            id = previous;
        }

        if (context.Export.Subtree == "/")
            record = objects.Find(id);
        else if (exportRoot is not null && id == ObjectId.Root)
            record = exportRoot;
        else if (exportRoot is not null && objects.Find(id) is { } found && IsReachable(found))
            record = found;
        if (record is null)
            return false;
        error = Errno.None;
        return true;
    }

    private bool TryResolveDirectory(ObjectId id, Permission wanted, [NotNullWhen(true)] out ObjectRecord? directory, out Errno error)
    {
        if (!TryResolve(id, out directory, out error))
            return false;
        error = !directory.IsDirectory ? Errno.ENOTDIR : caller.May(directory, wanted) ? Errno.None : Errno.EACCES;
        return error == Errno.None;
    }

    private bool TryResolveFile(ObjectId id, [NotNullWhen(true)] out ObjectRecord? file, out Errno error)
    {
        if (!TryResolve(id, out file, out error))
            return false;
        error = file.IsFile ? Errno.None : file.IsDirectory ? Errno.EISDIR : Errno.EINVAL;
        return error == Errno.None;
    }

    // Once for each record that an operation changes, so that its counter goes up by one.
    private void Changed(ObjectRecord record, ulong footprintBefore, bool contentChanged)
    {
        record.ChangeTime = Now;
        if (contentChanged)
            record.ModifyTime = Now;
        record.Change++;
        objects.Changed(record, footprintBefore);
    }

    private void Changed(ObjectRecord record) => Changed(record, record.FootprintBytes, contentChanged: false);

    private ulong FreeBytes => objects.UsedBytes >= limits.TotalBytes ? 0 : limits.TotalBytes - objects.UsedBytes;

    // Between operations nobody holds a record, so caches may shrink.
    private void KeepBounds() => objects.Trim();
}

using System.Globalization;
using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>
/// The hidden directory <c>.zzfs/snapshot</c> of the volume's root: the last two checkpoints by their numbers, and those that
/// are kept by names. Which there are follows from the order, so that all replicas show the same.
/// </summary>
/// <remarks>
/// <code>
/// .zzfs/snapshot/NUMBER   the root directory of that checkpoint, whose change time is when it was taken
/// .zzfs/snapshot/NAME     a symbolic link to the number; making one keeps the checkpoint, and removing it lets it go
/// </code>
/// </remarks>
internal sealed class SnapshotDirectory : IDisposable
{
    /// <summary>Versions that are held open, at most.</summary>
    private const int MaximumReaders = 4;

    private const uint MaximumListedEntries = 4096;
    private const ushort ListMode = 0x16d; // r-xr-xr-x

    // The one used last is the last.
    private readonly List<(ulong Number, ConformanceWrapper Wrapper)> readers = [];

    // What listings show, so that they open no version.
    private readonly Dictionary<ulong, Attributes> roots = [];

    // What names kept at each checkpoint that a rollback may lead to, in order: it must be there then.
    private readonly Queue<(ulong Checkpoint, ulong[] Kept)> rollbackNeeds = new();
    private readonly IBackingStore store;
    private readonly StateChanges changes;
    private readonly Func<IStoreView, ConformanceWrapper> makeReader;
    private readonly Func<OperationResult> describeRoot;
    private readonly KeptSnapshots kept;

    // State of the operation at hand.
    private OperationContext context;
    private Caller caller;
    private ObjectId? current;

    /// <summary>As the store's present state says.</summary>
    /// <param name="store">Holds the versions.</param>
    /// <param name="changes">Told when a name comes or goes.</param>
    /// <param name="last">The last checkpoint.</param>
    /// <param name="previous">The one before.</param>
    /// <param name="makeReader">Makes a wrapper that reads a version, and owns it.</param>
    /// <param name="describeRoot">What a lookup of the living root gives.</param>
    public SnapshotDirectory(
        IBackingStore store, StateChanges changes, SequenceNumber last, SequenceNumber previous, Func<IStoreView, ConformanceWrapper> makeReader, Func<OperationResult> describeRoot)
    {
        this.store = store;
        this.changes = changes;
        this.makeReader = makeReader;
        this.describeRoot = describeRoot;
        Last = last;
        Previous = previous;
        kept = new KeptSnapshots(store);
        caller = new Caller(Credentials.Superuser, ExportEntry.Full);
        NoteRollbackNeeds();
    }

    /// <summary>The last checkpoint.</summary>
    public SequenceNumber Last { get; private set; }

    /// <summary>The one before.</summary>
    public SequenceNumber Previous { get; private set; }

    private bool ShowsSnapshots => context.Export.Subtree == "/";

    /// <summary>A checkpoint was taken.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="root">What its root directory shows.</param>
    public void Taken(SequenceNumber number, Attributes root)
    {
        Previous = Last;
        Last = number;
        roots[number.Value] = root;
        NoteRollbackNeeds();
    }

    /// <summary>A checkpoint was prepared: no rollback leads behind it any more.</summary>
    /// <param name="number">Its number.</param>
    public void Prepared(SequenceNumber number)
    {
        while (rollbackNeeds.Peek().Checkpoint < number.Value)
            rollbackNeeds.Dequeue();
    }

    /// <summary>Executes an operation that concerns the directory, or something below it.</summary>
    /// <returns>Null for one that has nothing to do with it.</returns>
    public OperationResult? Dispatch(Operation operation, in OperationContext context, Caller caller, ObjectId? current)
    {
        this.context = context;
        this.caller = caller;
        this.current = current;
        return Dispatch(operation);
    }

    /// <summary>Closes the versions that are held open.</summary>
    public void Dispose()
    {
        foreach ((_, ConformanceWrapper wrapper) in readers)
            wrapper.Dispose();
        readers.Clear();
    }

    /// <summary>Whether a checkpoint must stay: one of the last two, or kept by a name.</summary>
    public bool IsRetained(ulong number) =>
        number != 0 && (number == Last.Value || number == Previous.Value || kept.Keeps(number));

    /// <summary>
    /// Whether a checkpoint that is older than the last two stable ones may go: it is not retained, and would not be after a
    /// rollback either, behind which its name may be given up again.
    /// </summary>
    public bool MayGo(ulong number) => !IsRetained(number) && !rollbackNeeds.Any(state => state.Kept.Contains(number));

    /// <summary>Lets go of a version that is to be dropped.</summary>
    public void Close(ulong number)
    {
        roots.Remove(number);
        CloseReader(number);
    }

    private void NoteRollbackNeeds() => rollbackNeeds.Enqueue((Last.Value, [.. kept.All.Select(one => one.Number)]));

    private void CloseReader(ulong number)
    {
        foreach ((ulong open, ConformanceWrapper wrapper) in readers.Where(reader => reader.Number == number).ToList())
        {
            readers.Remove((open, wrapper));
            wrapper.Dispose();
        }
    }

    private OperationResult? Dispatch(Operation operation)
    {
        if (operation is Rename or Link or CopyRange)
            return DispatchAcross(operation);
        ObjectId target = Resolved(TargetOf(operation));
        if (!ShowsSnapshots)
            return SnapshotId.Is(target) ? OperationResult.Failed(Errno.ESTALE) : null;
        if (target == ObjectId.Root && NameIn(operation).Span.SequenceEqual(SnapshotId.FolderName))
            return operation is Lookup ? Described(SnapshotId.Folder) : OperationResult.Failed(operation is Unlink or RemoveDirectory ? Errno.EROFS : Errno.EEXIST);
        if (!SnapshotId.Is(target))
            return null;
        if (SnapshotId.IsStored(target))
            return ReadStored(operation, target);
        return target == SnapshotId.List ? DispatchInList(operation) : target == SnapshotId.Folder ? DispatchInFolder(operation) : DispatchOnName(operation, target);
    }

    private OperationResult? DispatchAcross(Operation operation)
    {
        (ObjectId first, ObjectId second) = operation switch
        {
            Rename o => (Resolved(o.SourceDirectory), Resolved(o.TargetDirectory)),
            Link o => (Resolved(o.Object), Resolved(o.Directory)),
            CopyRange o => (Resolved(o.Source), Resolved(o.Target)),
            _ => default,
        };
        if (SnapshotId.Is(first) || SnapshotId.Is(second))
            return OperationResult.Failed(!ShowsSnapshots ? Errno.ESTALE : SnapshotId.Is(second) ? Errno.EROFS : Errno.EXDEV);
        bool namesFolder = ShowsSnapshots && operation switch
        {
            Rename o => (first == ObjectId.Root && o.SourceName.Span.SequenceEqual(SnapshotId.FolderName)) || (second == ObjectId.Root && o.TargetName.Span.SequenceEqual(SnapshotId.FolderName)),
            Link o => second == ObjectId.Root && o.Name.Span.SequenceEqual(SnapshotId.FolderName),
            _ => false,
        };
        return namesFolder ? OperationResult.Failed(Errno.EROFS) : null;
    }

    private ObjectId Resolved(ObjectId id) => id == ObjectId.Current ? current ?? id : id;

    private static ObjectId TargetOf(Operation operation) => operation switch
    {
        Lookup o => o.Directory,
        Create o => o.Directory,
        MakeDirectory o => o.Directory,
        MakeSymlink o => o.Directory,
        MakeNode o => o.Directory,
        Unlink o => o.Directory,
        RemoveDirectory o => o.Directory,
        ReadDirectory o => o.Directory,
        GetAttributes o => o.Object,
        SetAttributes o => o.Object,
        CheckAccess o => o.Object,
        ReadLink o => o.Object,
        Read o => o.Object,
        Write o => o.Object,
        Sync o => o.Object,
        GetXattr o => o.Object,
        SetXattr o => o.Object,
        ListXattrs o => o.Object,
        RemoveXattr o => o.Object,
        Allocate o => o.Object,
        Seek o => o.Object,
        SetLock o => o.Object,
        TestLock o => o.Object,
        ReleaseOrphan o => o.Object,
        _ => default,
    };

    private static ReadOnlyMemory<byte> NameIn(Operation operation) => operation switch
    {
        Lookup o => o.Name,
        Create o => o.Name,
        MakeDirectory o => o.Name,
        MakeSymlink o => o.Name,
        MakeNode o => o.Name,
        Unlink o => o.Name,
        RemoveDirectory o => o.Name,
        _ => default,
    };

    private OperationResult DispatchInFolder(Operation operation) => operation switch
    {
        Lookup { Name.Span: [(byte)'.'] } => Described(SnapshotId.Folder),
        Lookup { Name.Span: [(byte)'.', (byte)'.'] } => describeRoot(),
        Lookup o => o.Name.Span.SequenceEqual(SnapshotId.ListName) ? Described(SnapshotId.List) : OperationResult.Failed(Errno.ENOENT),
        ReadDirectory o => Listed(o, SnapshotId.Folder, [new DirectoryEntry(SnapshotId.ListName.ToArray(), SnapshotId.List, AttributesOf(SnapshotId.List))]),
        _ => OnHidden(operation, SnapshotId.Folder),
    };

    private OperationResult DispatchInList(Operation operation) => operation switch
    {
        Lookup { Name.Span: [(byte)'.'] } => Described(SnapshotId.List),
        Lookup { Name.Span: [(byte)'.', (byte)'.'] } => Described(SnapshotId.Folder),
        Lookup o => LookUpSnapshot(o.Name.Span),
        ReadDirectory o => Listed(o, SnapshotId.List, ListedSnapshots()),
        MakeSymlink o => Keep(o),
        Unlink o => LetGo(o),
        _ => OnHidden(operation, SnapshotId.List),
    };

    private OperationResult DispatchOnName(Operation operation, ObjectId target)
    {
        if (kept.All.FirstOrDefault(one => SnapshotId.Link(one.Number, one.Slot) == target) is not { Name: not null } found)
            return OperationResult.Failed(Errno.ESTALE);
        return operation is ReadLink ? new OperationResult { Data = NumberName(found.Number) } : OnHidden(operation, target);
    }

    private OperationResult OnHidden(Operation operation, ObjectId target) => operation switch
    {
        GetAttributes => Described(target),
        CheckAccess o => (o.Permissions & (byte)Permission.Write) != 0 && target != SnapshotId.List ? OperationResult.Failed(Errno.EROFS) : Described(target),
        Sync => OperationResult.Success,
        ListXattrs => new OperationResult { Data = default(ReadOnlyMemory<byte>) },
        GetXattr => OperationResult.Failed(Errno.ENODATA),
        Read => OperationResult.Failed(Errno.EISDIR),
        ReadLink or Seek or TestLock => OperationResult.Failed(Errno.EINVAL),
        _ => OperationResult.Failed(Errno.EROFS),
    };

    private OperationResult LookUpSnapshot(ReadOnlySpan<byte> name)
    {
        if (kept.Find(name) is { } found)
            return Described(SnapshotId.Link(found.Number, found.Slot));
        return KeptSnapshots.ParseNumber(name) is { } number && RootOf(number) is { } root
            ? new OperationResult { Object = SnapshotId.Of(number, ObjectId.Root.Index), Attributes = root }
            : OperationResult.Failed(Errno.ENOENT);
    }

    private List<DirectoryEntry> ListedSnapshots()
    {
        var entries = new SortedDictionary<byte[], DirectoryEntry>(ByteOrder.Instance);
        IEnumerable<ulong> numbers = kept.All.Select(one => one.Number).Append(Last.Value).Append(Previous.Value);
        foreach (ulong number in numbers.Where(number => number != 0).Distinct())
        {
            if (RootOf(number) is not { } root)
                continue;
            byte[] name = NumberName(number);
            entries.Add(name, new DirectoryEntry(name, SnapshotId.Of(number, ObjectId.Root.Index), root));
        }

        foreach (KeptSnapshot one in kept.All)
        {
            ObjectId link = SnapshotId.Link(one.Number, one.Slot);
            entries.Add(one.Name, new DirectoryEntry(one.Name, link, AttributesOf(link)));
        }

        return [.. entries.Values];
    }

    private static byte[] NumberName(ulong number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    private static OperationResult Listed(ReadDirectory o, ObjectId directory, IReadOnlyList<DirectoryEntry> entries)
    {
        List<DirectoryEntry> rest = [.. entries.SkipWhile(entry => !o.After.IsEmpty && entry.Name.Span.SequenceCompareTo(o.After.Span) <= 0)];
        int count = (int)Math.Clamp(o.MaximumEntries, 1, MaximumListedEntries);
        return new OperationResult { Entries = [.. rest.Take(count)], EndOfData = rest.Count <= count, Attributes = AttributesOf(directory) };
    }

    private OperationResult Keep(MakeSymlink o)
    {
        ReadOnlySpan<byte> name = o.Name.Span;
        Errno error = ConformanceWrapper.CheckNewName(name);
        if (error == Errno.None && KeptSnapshots.IsNumber(name))
            error = Errno.EINVAL;
        if (error == Errno.None && kept.Find(name) is not null)
            error = Errno.EEXIST;
        if (error == Errno.None)
            error = MayKeep();
        if (error != Errno.None)
            return OperationResult.Failed(error);
        if (KeptSnapshots.ParseNumber(o.Target.Span) is not { } number || !IsRetained(number))
            return OperationResult.Failed(Errno.ENOENT);
        if (kept.Add(store, name, number) is not { } added)
            return OperationResult.Failed(Errno.ENOSPC);
        changes.Changed(SnapshotId.KeptPlace);
        return Described(SnapshotId.Link(added.Number, added.Slot));
    }

    private OperationResult LetGo(Unlink o)
    {
        if (kept.Find(o.Name.Span) is not { } found)
            return OperationResult.Failed(KeptSnapshots.ParseNumber(o.Name.Span) is { } number && IsRetained(number) ? Errno.EISDIR : Errno.ENOENT);
        Errno error = MayKeep();
        if (error != Errno.None)
            return OperationResult.Failed(error);
        kept.Remove(store, o.Name.Span);
        changes.Changed(SnapshotId.KeptPlace);
        ObjectId link = SnapshotId.Link(found.Number, found.Slot);
        return new OperationResult { Object = link, Attributes = AttributesOf(link) with { LinkCount = 0 } };
    }

    private Errno MayKeep() => context.Export.ReadOnly ? Errno.EROFS : caller.IsSuperuser ? Errno.None : Errno.EPERM;

    // Nothing in a snapshot changes; its names lead to names of this kind.
    private OperationResult ReadStored(Operation operation, ObjectId target)
    {
        ulong number = SnapshotId.NumberOf(target);
        if (ReaderOf(number) is not { } reader)
            return OperationResult.Failed(Errno.ESTALE);
        return reader.ReadAs(context, caller, operation, target.Index) is { } result ? InSnapshot(result, number) : OperationResult.Failed(Errno.EROFS);
    }

    private Attributes? RootOf(ulong number)
    {
        if (!IsRetained(number))
            return null;
        if (!roots.TryGetValue(number, out Attributes? root) && ReaderOf(number) is { } reader)
            roots.Add(number, root = reader.AttributesOfRoot());
        return root;
    }

    private ConformanceWrapper? ReaderOf(ulong number)
    {
        if (!IsRetained(number) || !store.Versions.Contains(number))
            return null;
        int at = readers.FindIndex(reader => reader.Number == number);
        ConformanceWrapper? wrapper = at >= 0 ? readers[at].Wrapper : null;
        if (at >= 0)
            readers.RemoveAt(at);
        else if (readers.Count >= MaximumReaders)
            CloseReader(readers[0].Number);
        wrapper ??= makeReader(store.OpenVersion(number));
        readers.Add((number, wrapper));
        return wrapper;
    }

    private static OperationResult InSnapshot(OperationResult result, ulong number) => result with
    {
        Object = result.Object is { } id ? SnapshotId.Of(number, id.Index) : null,
        Entries = result.Entries?.Select(entry => entry with { Object = SnapshotId.Of(number, entry.Object.Index) }).ToList(),
    };

    private static OperationResult Described(ObjectId hidden) => new() { Object = hidden, Attributes = AttributesOf(hidden) };

    private static Attributes AttributesOf(ObjectId hidden)
    {
        bool isLink = hidden != SnapshotId.Folder && hidden != SnapshotId.List;
        ulong size = isLink ? (ulong)NumberName(SnapshotId.NumberOf(hidden)).Length : 0;
        return new Attributes(
            isLink ? ObjectType.Symlink : ObjectType.Directory, isLink ? (ushort)0x1ff : ListMode, 0, 0, isLink ? 1u : 2u, size, 0, default, default, default, 0, 0);
    }
}

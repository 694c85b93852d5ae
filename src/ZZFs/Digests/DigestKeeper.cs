using System.Runtime.InteropServices;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>
/// Computes the digest of each version from a view of it, with the Merkle trees of the version before and what changed
/// since: the cost grows with what changed, not with what exists.
/// </summary>
/// <remarks>
/// Pure over the view and the digest store, of which it is the only user while it works. A store that is damaged, or has not
/// the version that the changes begin with, costs one computation from nothing.
/// </remarks>
internal sealed class DigestKeeper
{
    // Edits of one tree that are gathered before its nodes are hashed, which bounds memory.
    private const int EditsTogether = 4096;

    private readonly IDigestStore store;
    private readonly VolumeLimits limits;
    private readonly TreeNodes arrayNodes;
    private readonly DirectoryDigest directories;
    private readonly FileDigest files;
    private readonly MessageWriter scratch = new();
    private readonly List<DigestEdit> edits = [];

    public DigestKeeper(IDigestStore store, VolumeLimits limits)
    {
        this.store = store;
        this.limits = limits;
        arrayNodes = new TreeNodes(store, DigestKind.ArrayNode, 0);
        directories = new DirectoryDigest(store);
        files = new FileDigest(store);
    }

    /// <summary>Objects, blocks and nodes of trees over blocks and objects that were hashed so far: what it cost.</summary>
    public long Hashed => ObjectsHashed + files.BlocksHashed + files.NodesHashed + arrayNodes.Written;

    /// <summary>Objects that were hashed so far.</summary>
    public long ObjectsHashed { get; private set; }

    /// <summary>How often everything was computed from nothing.</summary>
    public int Rebuilds { get; private set; }

    /// <summary>The digest of a version that is in the store; null when the store doesn't know it.</summary>
    /// <exception cref="StoreDamagedException">It can't be read.</exception>
    public static Digest? Find(IDigestStore store, ulong number, VolumeLimits limits)
    {
        if (!store.Versions.Contains(number))
            return null;
        using IDigestView view = store.OpenVersion(number);
        return StateDigest.OfState(ReadRoot(view), limits);
    }

    /// <summary>Computes the digest of a version and keeps its trees.</summary>
    /// <param name="view">The version.</param>
    /// <param name="number">Its number, above those of all versions that the digest store has.</param>
    /// <param name="mayGoOn">Asked often; when it says no, the work ends as if it had never begun.</param>
    /// <returns>The digest of the state; null when the work was ended.</returns>
    /// <exception cref="StoreDamagedException">The version contradicts itself.</exception>
    public Digest? Compute(IStoreView view, ulong number, Func<bool> mayGoOn)
    {
        byte[]? stored = view.ReadMetadata(MetadataKey.Of(MetadataKind.Changes));
        ulong last = store.Versions.Count == 0 ? 0 : store.Versions[^1];
        if (stored is not null && StateChanges.TryDecode(stored, out StateChanges? changes) && changes.Previous == last)
        {
            try
            {
                return Follow(view, number, changes, mayGoOn);
            }
            catch (StoreDamagedException)
            {
                // If it is the view that is damaged, the second attempt fails too.
            }
        }

        return Rebuild(view, number, mayGoOn);
    }

    /// <summary>Computes everything from nothing. What the digest store had is gone afterwards.</summary>
    public Digest? Rebuild(IStoreView view, ulong number, Func<bool> mayGoOn)
    {
        Rebuilds++;
        store.Clear();
        edits.Clear();
        var all = new ObjectChanges { Whole = true };
        Digest root = Digest.Zero;

        // The lowest free place is always taken first, so the places that were ever used have no gap.
        for (uint index = 0; view.ReadObject(index) is { } record; index++)
        {
            if (!mayGoOn())
                return Abandon(0, isRebuild: true);
            root = SetObject(view, record, all, root, mayGoOn);
        }

        for (uint chunk = 0; view.ReadMetadata(MetadataKey.Of(MetadataKind.Allocation, chunk)) is not null; chunk++)
            AddSystemPlace(view, SystemPlace.OfAllocation(chunk));
        AddSystemPlace(view, SystemPlace.Kept);
        return Finish(view, number, root, 0, isRebuild: true, mayGoOn);
    }

    private Digest? Follow(IStoreView view, ulong number, StateChanges changes, Func<bool> mayGoOn)
    {
        edits.Clear();
        Digest root = changes.Previous == 0 ? Digest.Zero : ReadRoot(store);
        foreach ((uint index, ObjectChanges change) in changes.Objects)
        {
            if (!mayGoOn())
                return Abandon(changes.Previous, isRebuild: false);
            if (index >= SystemPlace.First)
            {
                AddSystemPlace(view, index);
                continue;
            }

            ObjectRecord record = view.ReadObject(index)
                ?? throw new StoreDamagedException($"the store is damaged: object {index} vanished");
            root = SetObject(view, record, change, root, mayGoOn);
        }

        return Finish(view, number, root, changes.Previous, isRebuild: false, mayGoOn);
    }

    private void AddSystemPlace(IStoreView view, uint place) => edits.Add(new DigestEdit(place, SystemPlace.DigestOf(view, place)));

    private Digest SetObject(IStoreView view, ObjectRecord record, ObjectChanges changes, Digest root, Func<bool> mayGoOn)
    {
        ObjectDigests? known = ObjectDigests.Read(store, record.Index);
        if (known is { } other && (record.Type == ObjectType.Null || other.Generation != record.Generation))
        {
            files.Drop(record.Index, other.Leaves);
            directories.Drop(record.Index, other.Leaves);
            known = null;
        }

        ObjectDigests digests = default;
        if (record.Type != ObjectType.Null)
        {
            digests = HashParts(view, record, changes, known, mayGoOn);
            if (digests != known)
                digests.Write(store, record.Index);
        }
        else
        {
            ObjectDigests.Remove(store, record.Index);
        }

        ObjectsHashed++;
        edits.Add(new DigestEdit(record.Index, StateDigest.OfObject(record, ObjectParts.Of(view, record, digests), scratch)));
        return edits.Count < EditsTogether ? root : SetEdits(root);
    }

    private ObjectDigests HashParts(
        IStoreView view, ObjectRecord record, ObjectChanges changes, ObjectDigests? known, Func<bool> mayGoOn)
    {
        bool whole = changes.Whole || known is null;
        ObjectDigests before = known ?? new ObjectDigests(record.Generation, 0, Digest.Zero, Digest.Zero);
        Digest xattrs = whole || changes.Xattrs ? StateDigest.OfXattrs(view, record) : before.Xattrs;
        ulong leaves = 0;
        Digest content = Digest.Zero;
        switch (record.Type)
        {
            case ObjectType.File:
                leaves = FileContent.BlocksOf(record.SizeBytes);
                content = files.Settle(view, record.Index, leaves, before, whole, changes.Blocks, mayGoOn);
                break;
            case ObjectType.Directory:
                leaves = record.SizeBytes / ConformanceWrapper.EntryBytes;
                content = whole ? directories.Rebuild(view, record.Index, leaves, before.Leaves)
                    : changes.Names.Count > 0 ? directories.Settle(view, record.Index, leaves, before.Leaves, changes.Names)
                    : before.Content;
                break;
            case ObjectType.Symlink:
                leaves = 1;
                content = known is null ? files.OfSymlink(view, record) : before.Content;
                break;
        }

        return new ObjectDigests(record.Generation, leaves, content, xattrs);
    }

    private Digest? Finish(IStoreView view, ulong number, Digest root, ulong previous, bool isRebuild, Func<bool> mayGoOn)
    {
        root = SetEdits(root);
        foreach (uint place in SystemPlace.Always)
            AddSystemPlace(view, place);
        root = SetEdits(root);
        if (!mayGoOn())
            return Abandon(previous, isRebuild);
        Span<byte> value = stackalloc byte[Digest.SizeBytes];
        root.CopyTo(value);
        store.Write(DigestKey.Of(DigestKind.Root), value);
        store.Commit(number);
        return StateDigest.OfState(root, limits);
    }

    private Digest? Abandon(ulong previous, bool isRebuild)
    {
        if (isRebuild)
            store.Clear();
        else
            store.Rollback(previous);
        return null;
    }

    private Digest SetEdits(Digest root)
    {
        root = DigestTree.Set(arrayNodes, root, StateDigest.ArrayLeaves, CollectionsMarshal.AsSpan(edits));
        edits.Clear();
        return root;
    }

    /// <summary>The root of the object array.</summary>
    public static Digest ReadRoot(IDigestView view) =>
        view.Read(DigestKey.Of(DigestKind.Root)) is { Length: Digest.SizeBytes } root
            ? new Digest(root)
            : throw new StoreDamagedException("the root of the digests can't be read");
}

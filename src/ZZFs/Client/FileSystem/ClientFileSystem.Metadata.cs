using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>Names to nodes, attributes, links' targets, statistics.</content>
public sealed partial class ClientFileSystem
{
    /// <summary>A directory with more names isn't listed for the sake of a look-up.</summary>
    private const uint LookupListingEntries = 512;

    private const uint LookupListingBytes = 64 << 10;

    /// <summary>For how long a directory that was too large isn't tried again.</summary>
    private const long LargeDirectoryMilliseconds = 30_000;

    /// <summary>LOOKUP. The kernel gets one reference on the node of the entry, unless that is 0 (no such name).</summary>
    public async ValueTask<Outcome<NodeEntry>> LookupAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (name.Length > Specification.MaximumNameBytes)
            return Errno.ENAMETOOLONG;
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        if (TryLookupCached(parent, name.Span, out NodeEntry cached))
            return cached;
        if (IsWorthListing(parent))
            return await LookupByListingAsync(caller, parent, name, cancellation);
        long asOf = Now;
        OperationResult result = await SubmitAsync(caller, new Lookup(parent.Id, name), cancellation);
        return FinishLookup(parent, name.Span, result, asOf);
    }

    /// <summary>GETATTR. Data written here is sent first, so that size and times are those that it leads to.</summary>
    public async ValueTask<Outcome<NodeAttributes>> GetAttributesAsync(
        Credentials caller, ulong nodeId, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        if (node.IsDirty)
            await FlushAsync(node, cancellation);
        if (attributeCache.TryGet(node.Id, Now, out Attributes attributes, out long valid))
            return Describe(node, attributes, valid);
        long asOf = Now;
        OperationResult result = await SubmitAsync(caller, new GetAttributes(node.Id), cancellation);
        if (result.Error != Errno.None)
            return Failed(node, result.Error);
        Learn(node.Id, result.Attributes!, asOf);
        return Describe(node, result.Attributes!, AttributesValid(asOf));
    }

    /// <summary>
    /// SETATTR. <paramref name="handle"/>, if not 0, is the descriptor through which it was asked.
    /// The operation's Object is filled in here.
    /// </summary>
    public async ValueTask<Outcome<NodeAttributes>> SetAttributesAsync(
        Credentials caller, ulong nodeId, ulong handle, SetAttributes change, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        // Times that only the cluster sets, for example; such an operation would change nothing.
        if (change.Mask == AttributeMask.None)
            return await GetAttributesAsync(caller, nodeId, cancellation);
        bool authorized = handle != 0 && files.TryGetValue(handle, out OpenFile? file) && file.Writable;
        change = change with { Object = node.Id, Authorized = authorized };
        bool resizes = (change.Mask & AttributeMask.Size) != 0;
        long asOf = Now;
        OperationResult result = await ChangeAfterWritesAsync(node, caller, change, cancellation);
        if (resizes)
        {
            node.ContentVersion++;
            if (result.Error == Errno.None)
                contentCache.SetLength(node.Id, change.SizeBytes);
            else if (!OutcomeKnown(result.Error))
                contentCache.Remove(node.Id);
        }

        if (result.Error != Errno.None)
            return Failed(node, result.Error);
        return Describe(node, result.Attributes!, AttributesValid(asOf));
    }

    /// <summary>READLINK.</summary>
    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> ReadLinkAsync(
        Credentials caller, ulong nodeId, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        OperationResult result = await SubmitAsync(caller, new ReadLink(node.Id), cancellation);
        return result.Error == Errno.None ? result.Data!.Value : Failed(node, result.Error);
    }

    /// <summary>ACCESS; the kernel asks only when it doesn't check permissions itself.</summary>
    public async ValueTask<Errno> AccessAsync(
        Credentials caller, ulong nodeId, byte permissions, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        long asOf = Now;
        OperationResult result = await SubmitAsync(caller, new CheckAccess(node.Id, permissions), cancellation);
        if (result.Attributes is not null)
            Learn(node.Id, result.Attributes, asOf);
        return result.Error;
    }

    /// <summary>STATFS.</summary>
    public async ValueTask<Outcome<VolumeStatistics>> GetStatisticsAsync(Credentials caller, CancellationToken cancellation)
    {
        OperationResult result = await SubmitAsync(caller, new GetStatistics(), cancellation);
        return result.Error == Errno.None ? result.Statistics! : result.Error;
    }

    private bool TryLookupCached(Node parent, ReadOnlySpan<byte> name, out NodeEntry entry)
    {
        entry = default;
        CachedDirectory? directory = directoryCache.Find(parent.Id);
        long nameValid = directory?.ValidMilliseconds(Now) ?? 0;

        // No listing shows the hidden directory of snapshots.
        bool isHidden = parent.Id == ObjectId.Root && name.SequenceEqual(SnapshotId.FolderName);
        if (nameValid <= 0 || isHidden)
            return false;
        switch (directory!.Find(name, out ObjectId id))
        {
            case NameKnowledge.Absent:
                entry = new NodeEntry(0, 0, default, nameValid);
                return true;
            case NameKnowledge.Present when attributeCache.TryGet(id, Now, out Attributes attributes, out long valid):
                entry = Enter(parent, id, attributes, valid, nameValid);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Somebody goes through the directory name by name: one listing costs less than a look-up for each.</summary>
    private bool IsWorthListing(Node parent) => !options.Strict
        && directoryCache.Find(parent.Id) is CachedDirectory directory
        && ++directory.Misses >= 2
        && Now >= directory.NoListingBefore;

    private async ValueTask<Outcome<NodeEntry>> LookupByListingAsync(
        Credentials caller, Node parent, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        long asOf = Now;
        ReadDirectory list = new(parent.Id, default, LookupListingEntries, LookupListingBytes);
        OperationResult result = await SubmitAsync(caller, new Compound([list, new Lookup(parent.Id, name)]), cancellation);
        IReadOnlyList<OperationResult> parts = result.Parts ?? [];
        bool listed = parts.Count > 0 && parts[0].Error == Errno.None;
        if (listed)
            LearnListing(parent.Id, parts[0], asOf);
        if (directoryCache.Find(parent.Id) is { Complete: false } directory)
            directory.NoListingBefore = Now + LargeDirectoryMilliseconds;
        if (listed && parts.Count > 1)
            return FinishLookup(parent, name.Span, parts[1], asOf);
        if (parts.Count == 0)
            return result.Error == Errno.None ? Errno.EIO : result.Error;
        // The directory may be searched but not read.
        OperationResult lookup = await SubmitAsync(caller, new Lookup(parent.Id, name), cancellation);
        return FinishLookup(parent, name.Span, lookup, asOf);
    }

    private void LearnListing(ObjectId directoryId, OperationResult page, long asOf)
    {
        if (page.Attributes is not Attributes attributes || page.Entries is not IReadOnlyList<DirectoryEntry> entries)
            return;
        CachedDirectory directory = directoryCache.FindOrAdd(directoryId, attributes.Change, asOf);
        Learn(directoryId, attributes, asOf);
        foreach (DirectoryEntry entry in entries)
            Learn(entry.Object, entry.Attributes, asOf);
        if (!page.EndOfData)
            return;
        directory.SetAll([.. entries.Select(static entry => (entry.Name.ToArray(), entry.Object))], attributes.Change);
        directoryCache.Recount(directoryId, directory);
    }

    private Outcome<NodeEntry> FinishLookup(Node parent, ReadOnlySpan<byte> name, OperationResult result, long asOf)
    {
        CachedDirectory? directory = null;
        if (result.Directory is DirectoryState state)
        {
            directory = directoryCache.FindOrAdd(parent.Id, state.After.Change, asOf);
            Learn(parent.Id, state.After, asOf);
        }

        if (result.Error == Errno.ENOENT)
        {
            Remember(parent.Id, directory, name, null, result.Directory);
            long valid = NameValid(asOf);
            return directory is null || valid == 0 ? Errno.ENOENT : new NodeEntry(0, 0, default, valid);
        }

        if (result.Error != Errno.None)
            return Failed(parent, result.Error);
        ObjectId id = result.Object!.Value;
        Learn(id, result.Attributes!, asOf);
        Remember(parent.Id, directory, name, id, result.Directory);
        return Enter(parent, id, result.Attributes!, AttributesValid(asOf), NameValid(asOf));
    }

    /// <summary>Remembers where a name leads in the state of the directory that a result named.</summary>
    private void Remember(ObjectId directoryId, CachedDirectory? directory, ReadOnlySpan<byte> name, ObjectId? id, DirectoryState? state)
    {
        if (directory is null || state is null || options.Strict)
            return;
        directory.Set(name, id, state.After.Change);
        directoryCache.Recount(directoryId, directory);
    }
}

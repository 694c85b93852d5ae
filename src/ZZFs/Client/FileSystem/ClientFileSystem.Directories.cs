using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>Listing directories.</content>
public sealed partial class ClientFileSystem
{
    private const uint PageEntries = 2048;
    private const uint PageBytes = 256 << 10;
    private const int CollectedNames = 32_768;

    /// <summary>"." and ".." come before the first entry.</summary>
    private const ulong DotEntries = 2;

    /// <summary>OPENDIR. Returns a handle.</summary>
    public Outcome<ulong> OpenDirectory(Credentials caller, ulong nodeId)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        ulong handle = NewHandle();
        node.Opens++;
        streams[handle] = new DirectoryStream(node, caller);
        return handle;
    }

    /// <summary>RELEASEDIR.</summary>
    public Errno ReleaseDirectory(ulong handle)
    {
        if (!streams.Remove(handle, out DirectoryStream? stream))
            return Errno.EBADF;
        stream.Node.Opens--;
        nodes.DropIfUnused(stream.Node);
        return Errno.None;
    }

    /// <summary>FSYNCDIR.</summary>
    public async ValueTask<Errno> SyncDirectoryAsync(Credentials caller, ulong handle, CancellationToken cancellation)
    {
        if (!streams.TryGetValue(handle, out DirectoryStream? stream))
            return Errno.EBADF;
        return await SyncNodeAsync(caller, stream.Node, cancellation);
    }

    /// <summary>SYNCFS: everything written through this mount is on disk in the cluster when it ends.</summary>
    public async ValueTask<Errno> SyncVolumeAsync(Credentials caller, CancellationToken cancellation)
    {
        foreach (Node node in dirtyNodes.ToArray())
            await FlushAsync(node, cancellation);
        return (await SubmitAsync(caller, new Sync(ObjectId.Root), cancellation)).Error;
    }

    /// <summary>
    /// READDIR and READDIRPLUS: entries from an offset on, as many as are at hand; none at the end. Offset 0 starts a
    /// new listing; others come from <see cref="ListedEntry.Offset"/>.
    /// </summary>
    public async ValueTask<Outcome<IReadOnlyList<ListedEntry>>> ReadDirectoryAsync(
        ulong handle, ulong offset, CancellationToken cancellation)
    {
        if (!streams.TryGetValue(handle, out DirectoryStream? stream))
            return Errno.EBADF;
        if (offset == 0)
            stream.Rewind();
        List<ListedEntry> listed = [];
        if (offset < 1)
            listed.Add(new ListedEntry("."u8.ToArray(), stream.Node.Id, ObjectType.Directory, null, stream.Node.Inode, 1));
        if (offset < DotEntries)
            listed.Add(new ListedEntry(".."u8.ToArray(), stream.Node.Id, ObjectType.Directory, null, stream.Node.ParentInode, DotEntries));
        Outcome<DirectoryPage> page = await PageForAsync(stream, Math.Max(offset, DotEntries) - DotEntries, cancellation);
        if (page.Error != Errno.None)
            return page.Error;
        ulong start = Math.Max(offset, DotEntries) - DotEntries;
        if (start < page.Value.EndIndex)
            listed.AddRange(page.Value.Entries.Skip((int)(start - page.Value.FirstIndex)));
        return listed;
    }

    /// <summary>
    /// Makes an entry of a listing known to the kernel, which gets one reference on its node; node 0 when that is not
    /// possible, which means only that the kernel asks when it wants to know.
    /// </summary>
    public NodeEntry EnterListed(ulong handle, in ListedEntry entry)
    {
        if (!streams.TryGetValue(handle, out DirectoryStream? stream) || stream.Current is not DirectoryPage page)
            return default;
        long nameValid = NameValid(page.AsOf);
        if (attributeCache.TryGet(entry.Object, Now, out Attributes fresh, out long valid))
            return Enter(stream.Node, entry.Object, fresh, valid, nameValid);
        if (entry.Attributes is not Attributes listed)
            return default;
        // Never older ones than the kernel may have seen already.
        Attributes newest = attributeCache.Peek(entry.Object) is Attributes known && known.Change > listed.Change ? known : listed;
        return Enter(stream.Node, entry.Object, newest, 0, nameValid);
    }

    private async ValueTask<Outcome<DirectoryPage>> PageForAsync(DirectoryStream stream, ulong index, CancellationToken cancellation)
    {
        DirectoryPage? page = stream.PageFor(index);
        if (page is null && TryListCached(stream) is DirectoryPage cached)
        {
            stream.Add(cached);
            return cached;
        }

        ulong firstIndex = page?.FirstIndex ?? 0;
        ReadOnlyMemory<byte> after = page?.After ?? default;
        while (true)
        {
            if (page is null || page != stream.Current)
            {
                Outcome<DirectoryPage> read = await NextPageAsync(stream, firstIndex, after, cancellation);
                if (read.Error != Errno.None)
                    return read;
                page = read.Value;
                stream.Add(page);
            }

            if (index < page.EndIndex || page.EndOfData || page.Entries.Count == 0)
                return page;
            firstIndex = page.EndIndex;
            after = page.Entries[^1].Name;
            page = null;
        }
    }

    private async ValueTask<Outcome<DirectoryPage>> NextPageAsync(
        DirectoryStream stream, ulong firstIndex, ReadOnlyMemory<byte> after, CancellationToken cancellation)
    {
        Task<Outcome<DirectoryPage>>? ahead = stream.Ahead;
        stream.Ahead = null;
        Outcome<DirectoryPage> page = default;
        if (ahead is not null)
            page = await ahead.WaitAsync(cancellation);
        if (ahead is null || page.Error != Errno.None || page.Value.FirstIndex != firstIndex)
            page = await FetchPageAsync(stream, firstIndex, after, cancellation);
        if (page.Error == Errno.None && !page.Value.EndOfData && page.Value.Entries.Count > 0)
        {
            stream.Ahead = FetchPageAsync(stream, page.Value.EndIndex, page.Value.Entries[^1].Name, CancellationToken.None);
            InBackground(stream.Ahead);
        }

        return page;
    }

    private async Task<Outcome<DirectoryPage>> FetchPageAsync(
        DirectoryStream stream, ulong firstIndex, ReadOnlyMemory<byte> after, CancellationToken cancellation)
    {
        ObjectId id = stream.Node.Id;
        long asOf = Now;
        ReadDirectory list = new(id, after, PageEntries, PageBytes);
        OperationResult result = await SubmitAsync(stream.Opener, list, cancellation);
        if (result.Error != Errno.None)
            return Failed(stream.Node, result.Error);
        IReadOnlyList<DirectoryEntry> entries = result.Entries ?? [];
        CachedDirectory directory = directoryCache.FindOrAdd(id, result.Attributes!.Change, asOf);
        Learn(id, result.Attributes, asOf);
        List<ListedEntry> listed = new(entries.Count);
        foreach (DirectoryEntry entry in entries)
        {
            Learn(entry.Object, entry.Attributes, asOf);
            ulong offset = firstIndex + (ulong)listed.Count + 1 + DotEntries;
            listed.Add(new ListedEntry(entry.Name, entry.Object, entry.Attributes.Type, entry.Attributes, SnapshotId.InodeOf(entry.Object), offset));
        }

        Collect(stream, directory, firstIndex, result, listed);
        return new DirectoryPage(firstIndex, after, listed, result.EndOfData, asOf);
    }

    /// <summary>A directory that didn't change from the first page to the last is known completely.</summary>
    private void Collect(
        DirectoryStream stream, CachedDirectory directory, ulong firstIndex, OperationResult result, List<ListedEntry> listed)
    {
        ulong change = result.Attributes!.Change;
        if (firstIndex == 0)
        {
            stream.Collected = [];
            stream.CollectedChange = change;
        }

        if (stream.Collected is not { } collected || options.Strict)
            return;
        if ((ulong)collected.Count != firstIndex || change != stream.CollectedChange || collected.Count + listed.Count > CollectedNames)
        {
            stream.Collected = null;
            return;
        }

        foreach (ListedEntry entry in listed)
            collected.Add((entry.Name.ToArray(), entry.Object));
        if (!result.EndOfData)
            return;
        directory.SetAll(collected, change);
        directoryCache.Recount(stream.Node.Id, directory);
        stream.Collected = null;
    }

    private DirectoryPage? TryListCached(DirectoryStream stream)
    {
        if (directoryCache.Find(stream.Node.Id) is not { Complete: true } directory)
            return null;
        long valid = directory.ValidMilliseconds(Now);
        if (valid <= 0)
            return null;
        List<ListedEntry> listed = [];
        foreach ((byte[] name, ObjectId id) in directory.Present())
        {
            // The type is needed, however old the attributes that say it: an object never changes its type.
            if (attributeCache.Peek(id) is not Attributes attributes)
                return null;
            ulong offset = (ulong)listed.Count + 1 + DotEntries;
            listed.Add(new ListedEntry(name, id, attributes.Type, null, SnapshotId.InodeOf(id), offset));
        }

        return new DirectoryPage(0, default, listed, EndOfData: true, Now + valid - options.NameMilliseconds);
    }
}

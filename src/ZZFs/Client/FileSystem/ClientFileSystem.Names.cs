using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>What changes directories.</content>
public sealed partial class ClientFileSystem
{
    /// <summary>CREATE: creates and opens. The kernel gets one reference on the node.</summary>
    public async ValueTask<Outcome<CreatedFile>> CreateAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, ushort mode, OpenFlags flags, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        long asOf = Now;
        bool exclusive = (flags & OpenFlags.Exclusive) != 0;
        (Errno error, OperationResult result) =
            await AddNameAsync(caller, parent, name, new Create(parent.Id, name, mode, exclusive), cancellation);
        if (error != Errno.None)
            return error;
        ObjectId id = result.Object!.Value;
        NodeEntry entry = Enter(parent, id, result.Attributes!, AttributesValid(asOf), NameValid(asOf));
        Node node = nodes.Find(id)!;
        if (result.Number == 1)
        {
            contentCache.SetLength(id, 0);
            return new CreatedFile(entry, AddFile(node, caller, flags, keepPages: true));
        }

        // Somebody else created it since the kernel looked: this is an open of an existing file.
        Outcome<OpenedFile> opened = await OpenAsync(caller, node, flags, cancellation);
        if (opened.Error == Errno.None)
            return new CreatedFile(entry with { Attributes = entry.Attributes with { ValidMilliseconds = 0 } }, opened.Value);
        nodes.Forget(node.NodeId, 1);
        return opened.Error;
    }

    /// <summary>MKDIR. The kernel gets one reference on the node.</summary>
    public async ValueTask<Outcome<NodeEntry>> MakeDirectoryAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, ushort mode, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        long asOf = Now;
        (Errno error, OperationResult result) =
            await AddNameAsync(caller, parent, name, new MakeDirectory(parent.Id, name, mode), cancellation);
        if (error != Errno.None)
            return error;
        ObjectId id = result.Object!.Value;
        // A new directory is empty, so all of its names are known.
        directoryCache.FindOrAdd(id, result.Attributes!.Change, asOf).SetAll([], result.Attributes.Change);
        return Enter(parent, id, result.Attributes, AttributesValid(asOf), NameValid(asOf));
    }

    /// <summary>SYMLINK. The kernel gets one reference on the node.</summary>
    public async ValueTask<Outcome<NodeEntry>> MakeSymlinkAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, ReadOnlyMemory<byte> target, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        if (target.Length > Specification.MaximumSymlinkBytes)
            return Errno.ENAMETOOLONG;
        return await MakeAsync(caller, parent, name, new MakeSymlink(parent.Id, name, target), cancellation);
    }

    /// <summary>MKNOD. The kernel gets one reference on the node.</summary>
    public async ValueTask<Outcome<NodeEntry>> MakeNodeAsync(
        Credentials caller,
        ulong parentId,
        ReadOnlyMemory<byte> name,
        ObjectType type,
        ushort mode,
        uint rawDevice,
        CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        return await MakeAsync(caller, parent, name, new MakeNode(parent.Id, name, type, mode, rawDevice), cancellation);
    }

    /// <summary>LINK. The kernel gets one more reference on the node.</summary>
    public async ValueTask<Outcome<NodeEntry>> LinkAsync(
        Credentials caller, ulong nodeId, ulong parentId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent) || !nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        return await MakeAsync(caller, parent, name, new Link(node.Id, parent.Id, name), cancellation);
    }

    /// <summary>UNLINK.</summary>
    public async ValueTask<Errno> UnlinkAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        bool keepOrphan = MayBeOpen(parent, name.Span);
        (CachedDirectory? directory, long asOf) = BeginNames(parent);
        OperationResult result = await SubmitAsync(caller, new Unlink(parent.Id, name, keepOrphan), cancellation);
        EndNames(parent, directory, result, result.Directory, asOf);
        if (result.Error != Errno.None)
            return result.Error;
        Remember(parent.Id, directoryCache.Find(parent.Id), name.Span, null, result.Directory);
        if (result.Object is ObjectId id && result.Attributes is Attributes after)
        {
            LearnOwn(id, after, asOf);
            if (after.LinkCount == 0)
                OnLastNameGone(id, keepOrphan);
        }

        return Errno.None;
    }

    /// <summary>RMDIR.</summary>
    public async ValueTask<Errno> RemoveDirectoryAsync(
        Credentials caller, ulong parentId, ReadOnlyMemory<byte> name, CancellationToken cancellation)
    {
        if (!nodes.TryGet(parentId, out Node? parent))
            return Errno.ESTALE;
        (CachedDirectory? directory, long asOf) = BeginNames(parent);
        OperationResult result = await SubmitAsync(caller, new RemoveDirectory(parent.Id, name), cancellation);
        EndNames(parent, directory, result, result.Directory, asOf);
        if (result.Error != Errno.None)
            return result.Error;
        Remember(parent.Id, directoryCache.Find(parent.Id), name.Span, null, result.Directory);
        if (result.Object is ObjectId id)
        {
            attributeCache.Remove(id);
            directoryCache.Remove(id);
        }

        return Errno.None;
    }

    /// <summary>RENAME and RENAME2.</summary>
    public async ValueTask<Errno> RenameAsync(
        Credentials caller,
        ulong sourceParentId,
        ReadOnlyMemory<byte> sourceName,
        ulong targetParentId,
        ReadOnlyMemory<byte> targetName,
        RenameMode mode,
        CancellationToken cancellation)
    {
        if (!nodes.TryGet(sourceParentId, out Node? source) || !nodes.TryGet(targetParentId, out Node? target))
            return Errno.ESTALE;
        bool keepOrphan = mode == RenameMode.Replace && MayBeOpen(target, targetName.Span);
        (CachedDirectory? sourceDirectory, long asOf) = BeginNames(source);
        (CachedDirectory? targetDirectory, _) = BeginNames(target);
        Rename rename = new(source.Id, sourceName, target.Id, targetName, mode, keepOrphan);
        OperationResult result = await SubmitAsync(caller, rename, cancellation);
        EndNames(source, sourceDirectory, result, result.Directory, asOf);
        EndNames(target, targetDirectory, result, result.SecondDirectory, asOf);
        if (result.Error != Errno.None)
            return result.Error;
        // Two names of one object: nothing was changed.
        if (result.Directory is DirectoryState { } state && state.ChangeBefore == state.After.Change)
            return Errno.None;
        if (result.Object is ObjectId moved && result.Attributes is Attributes after)
        {
            LearnOwn(moved, after, asOf);
            if (nodes.Find(moved) is Node movedNode)
                movedNode.ParentInode = target.Inode;
        }

        RememberRename(source, sourceName.Span, target, targetName.Span, mode, result);
        if (result.SecondObject is ObjectId second)
            OnOtherRenamed(second, mode, keepOrphan);
        return Errno.None;
    }

    /// <summary>Makes an object of any kind but a regular file that is opened.</summary>
    private async ValueTask<Outcome<NodeEntry>> MakeAsync(
        Credentials caller, Node parent, ReadOnlyMemory<byte> name, Operation operation, CancellationToken cancellation)
    {
        long asOf = Now;
        (Errno error, OperationResult result) = await AddNameAsync(caller, parent, name, operation, cancellation);
        if (error != Errno.None)
            return error;
        return Enter(parent, result.Object!.Value, result.Attributes!, AttributesValid(asOf), NameValid(asOf));
    }

    private async ValueTask<(Errno Error, OperationResult Result)> AddNameAsync(
        Credentials caller, Node parent, ReadOnlyMemory<byte> name, Operation operation, CancellationToken cancellation)
    {
        if (name.Length > Specification.MaximumNameBytes)
            return (Errno.ENAMETOOLONG, OperationResult.Success);
        (CachedDirectory? directory, long asOf) = BeginNames(parent);
        OperationResult result = await SubmitAsync(caller, operation, cancellation);
        EndNames(parent, directory, result, result.Directory, asOf);
        if (result.Error != Errno.None)
            return (Failed(parent, result.Error), result);
        bool existed = operation is Create && result.Number != 1;
        if (existed)
            Learn(result.Object!.Value, result.Attributes!, asOf);
        else
            LearnOwn(result.Object!.Value, result.Attributes!, asOf);
        Remember(parent.Id, directoryCache.Find(parent.Id), name.Span, result.Object, result.Directory);
        return (Errno.None, result);
    }

    private (CachedDirectory? Directory, long AsOf) BeginNames(Node parent)
    {
        parent.Changes++;
        CachedDirectory? directory = directoryCache.Find(parent.Id);
        directory?.Begin();
        return (directory, Now);
    }

    private void EndNames(Node parent, CachedDirectory? directory, OperationResult result, DirectoryState? state, long asOf)
    {
        directory?.End(state, OutcomeKnown(result.Error), asOf);
        if (state is not null)
        {
            directoryCache.FindOrAdd(parent.Id, state.After.Change, asOf);
            Learn(parent.Id, state.After, asOf);
        }
        else if (!OutcomeKnown(result.Error))
        {
            attributeCache.Expire(parent.Id);
        }
    }

    private void RememberRename(
        Node source, ReadOnlySpan<byte> sourceName, Node target, ReadOnlySpan<byte> targetName, RenameMode mode, OperationResult result)
    {
        DirectoryState? targetState = result.SecondDirectory ?? (source == target ? result.Directory : null);
        DirectoryState? sourceState = source == target ? targetState : result.Directory;
        ObjectId? left = mode == RenameMode.Exchange ? result.SecondObject : null;
        Remember(source.Id, directoryCache.Find(source.Id), sourceName, left, sourceState);
        if (result.Object is ObjectId moved)
            Remember(target.Id, directoryCache.Find(target.Id), targetName, moved, targetState);
    }

    private void OnOtherRenamed(ObjectId second, RenameMode mode, bool keepOrphan)
    {
        bool wasLastName = attributeCache.Peek(second) is not Attributes before
            || before.Type == ObjectType.Directory || before.LinkCount <= 1;
        // Its link count or change time is another now, and the result doesn't say.
        attributeCache.Expire(second);
        if (mode != RenameMode.Exchange && wasLastName)
            OnLastNameGone(second, keepOrphan);
    }

    /// <summary>Whether the object that a name leads to may be open here. Only a name that surely leads elsewhere may not.</summary>
    private bool MayBeOpen(Node parent, ReadOnlySpan<byte> name)
    {
        if (files.Count == 0)
            return false;
        CachedDirectory? directory = directoryCache.Find(parent.Id);
        if (directory is null || directory.ValidMilliseconds(Now) <= 0 || directory.Find(name, out ObjectId id) != NameKnowledge.Present)
            return true;
        return nodes.Find(id) is { Opens: > 0 };
    }

    private void OnLastNameGone(ObjectId id, bool kept)
    {
        if (nodes.Find(id) is { Opens: > 0 } node)
        {
            node.Orphan = kept;
            return;
        }

        contentCache.Remove(id);
        if (kept)
            InBackground(SubmitAsync(Credentials.Superuser, new ReleaseOrphan(id), CancellationToken.None).AsTask());
    }
}

using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>Opening and closing files.</content>
public sealed partial class ClientFileSystem
{
    private const byte MayRead = 4;
    private const byte MayWrite = 2;
    private const byte MayExecute = 1;

    /// <summary>
    /// OPEN: asks the cluster once, for permission, for the newest attributes, and for the content of a small file that
    /// isn't known (close-to-open consistency).
    /// </summary>
    public async ValueTask<Outcome<OpenedFile>> OpenAsync(
        Credentials caller, ulong nodeId, OpenFlags flags, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        return await OpenAsync(caller, node, flags, cancellation);
    }

    /// <summary>FLUSH, at each close(2): what was written is executed when it ends, or the caller learns that it is not.</summary>
    public async ValueTask<Errno> FlushAsync(
        Credentials caller, ulong handle, ulong lockOwner, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        Node node = file.Node;
        // Nobody can see what is in an orphan once its descriptors are closed, and until then reads come here first.
        if (!node.Orphan)
            await FlushAsync(node, cancellation);
        if (node.RecordLockOwners.Contains(lockOwner))
            await ReleaseLocksAsync(caller, node, lockOwner, wholeFile: false, cancellation);
        uint failures = node.Writes?.Failures ?? 0;
        if (failures == file.FailuresToldAtFlush)
            return Errno.None;
        file.FailuresToldAtFlush = failures;
        return node.Writes!.LastError;
    }

    /// <summary>FSYNC: what was written is on disk in the cluster when it ends.</summary>
    public async ValueTask<Errno> SyncAsync(Credentials caller, ulong handle, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        Node node = file.Node;
        await FlushAsync(node, cancellation);
        uint failures = node.Writes?.Failures ?? 0;
        if (failures != file.FailuresToldAtSync)
        {
            file.FailuresToldAtSync = failures;
            return node.Writes!.LastError;
        }

        return await SyncNodeAsync(caller, node, cancellation);
    }

    /// <summary>RELEASE: the last reference on a descriptor is gone.</summary>
    public async ValueTask<Errno> ReleaseAsync(
        Credentials caller, ulong handle, ulong lockOwner, LockRelease locks, CancellationToken cancellation)
    {
        if (!files.Remove(handle, out OpenFile? file))
            return Errno.EBADF;
        Node node = file.Node;
        node.Opens--;
        if (locks == LockRelease.WholeFile && node.FileLockOwners.Contains(lockOwner))
            await ReleaseLocksAsync(caller, node, lockOwner, wholeFile: true, cancellation);
        if (node.Opens > 0)
            return Errno.None;
        if (node.Orphan)
        {
            node.Writes?.Discard();
            ReleaseOrphanInBackground(node);
        }

        // After the last close nothing but pages of a mapping can have come: nobody waits for those.
        if (node.IsDirty)
            InBackground(FlushAsync(node, CancellationToken.None));
        nodes.DropIfUnused(node);
        return Errno.None;
    }

    private static byte PermissionsFor(OpenFlags flags)
    {
        byte permissions = (flags & OpenFlags.AccessMask) switch
        {
            OpenFlags.WriteOnly => MayWrite,
            OpenFlags.ReadWrite => MayRead | MayWrite,
            _ => (flags & OpenFlags.Execute) != 0 ? MayExecute : MayRead,
        };
        return (flags & OpenFlags.Truncate) != 0 ? (byte)(permissions | MayWrite) : permissions;
    }

    private async ValueTask<Outcome<OpenedFile>> OpenAsync(
        Credentials caller, Node node, OpenFlags flags, CancellationToken cancellation)
    {
        bool truncates = (flags & OpenFlags.Truncate) != 0;
        if (truncates && node.IsDirty)
            await FlushAsync(node, cancellation);
        bool fetches = !truncates && WantsContent(node, flags);
        CheckAccess check = new(node.Id, PermissionsFor(flags));
        Errno error = truncates ? await OpenTruncatedAsync(caller, node, check, cancellation)
            : fetches ? await OpenWithContentAsync(caller, node, check, cancellation)
            : await OpenPlainAsync(caller, node, check, cancellation);
        if (error != Errno.None)
            return Failed(node, error);
        bool keepPages = !node.PagesStale;
        if (!keepPages)
        {
            // The kernel drops its pages with the reply; the size that it believes in must go before.
            kernel.ForgetAttributes(node.NodeId);
            node.PagesStale = node.Opens > 0;
        }

        return AddFile(node, caller, flags, keepPages);
    }

    private bool WantsContent(Node node, OpenFlags flags) => !options.Strict
        && (flags & OpenFlags.AccessMask) != OpenFlags.WriteOnly
        && !node.IsDirty
        && attributeCache.Peek(node.Id) is { Type: ObjectType.File, SizeBytes: > 0 } attributes
        && attributes.SizeBytes <= (ulong)options.WholeFileBytes
        && !contentCache.Contains(node.Id);

    private async ValueTask<Errno> OpenPlainAsync(Credentials caller, Node node, CheckAccess check, CancellationToken cancellation)
    {
        long asOf = Now;
        OperationResult result = await SubmitAsync(caller, check, cancellation);
        if (result.Attributes is not null)
            Learn(node.Id, result.Attributes, asOf);
        return result.Error;
    }

    private async ValueTask<Errno> OpenWithContentAsync(Credentials caller, Node node, CheckAccess check, CancellationToken cancellation)
    {
        long asOf = Now;
        ulong version = node.ContentVersion;
        Read read = new(node.Id, 0, (uint)options.WholeFileBytes, Authorized: true);
        OperationResult result = await SubmitAsync(caller, new Compound([check, read]), cancellation);
        IReadOnlyList<OperationResult> parts = result.Parts ?? [];
        if (parts.Count == 0)
            return result.Error == Errno.None ? Errno.EIO : result.Error;
        Attributes? checkedAttributes = parts[0].Attributes;
        if (checkedAttributes is not null)
        {
            // A foreign change shows here; what was read belongs to the state after it.
            ulong before = node.ContentVersion;
            Learn(node.Id, checkedAttributes, asOf);
            version += node.ContentVersion - before;
        }

        if (parts.Count > 1 && parts[1] is { Error: Errno.None, EndOfData: true, Data: ReadOnlyMemory<byte> data }
            && !node.IsDirty && node.ContentVersion == version && (ulong)data.Length == checkedAttributes?.SizeBytes)
            contentCache.Set(node.Id, data.Span);
        // The permission alone decides; a read that failed shows again when it is asked for.
        return parts[0].Error;
    }

    private async ValueTask<Errno> OpenTruncatedAsync(Credentials caller, Node node, CheckAccess check, CancellationToken cancellation)
    {
        SetAttributes truncate = new(node.Id, AttributeMask.Size, 0, 0, 0, 0, default, default, Authorized: true);
        long asOf = Now;
        CachedDirectory? directory = BeginChange(node);
        OperationResult result = await SubmitAsync(caller, new Compound([check, truncate]), cancellation);
        IReadOnlyList<OperationResult> parts = result.Parts ?? [];
        EndChange(node, directory, parts.Count == 2 ? parts[1] : OperationResult.Failed(result.Error), asOf);
        node.ContentVersion++;
        if (result.Error == Errno.None)
            contentCache.SetLength(node.Id, 0);
        else
            contentCache.Remove(node.Id);
        return result.Error;
    }

    private OpenedFile AddFile(Node node, Credentials opener, OpenFlags flags, bool keepPages)
    {
        OpenFile file = new(node, opener, flags, options.Strict, options.ReadAheadOperations)
        {
            ReadAheadVersion = node.ContentVersion,
            FailuresToldAtFlush = node.Writes?.Failures ?? 0,
            FailuresToldAtSync = node.Writes?.Failures ?? 0,
        };
        ulong handle = NewHandle();
        files[handle] = file;
        node.Opens++;
        return new OpenedFile(handle, options.Strict, keepPages);
    }

    private async ValueTask<Errno> SyncNodeAsync(Credentials caller, Node node, CancellationToken cancellation)
    {
        ulong changes = node.Changes;
        if (node.SyncedChanges == changes)
            return Errno.None;
        OperationResult result = await SubmitAsync(caller, new Sync(node.Id), cancellation);
        if (result.Error == Errno.None)
            node.SyncedChanges = Math.Max(node.SyncedChanges, changes);
        return result.Error;
    }

    private void ReleaseOrphanInBackground(Node node)
    {
        node.Orphan = false;
        InBackground(SubmitAsync(Credentials.Superuser, new ReleaseOrphan(node.Id), CancellationToken.None).AsTask());
    }
}

using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>Reading and writing.</content>
public sealed partial class ClientFileSystem
{
    /// <summary>READ: short only at the end of the file. The memory is valid until the next call.</summary>
    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> ReadAsync(
        ulong handle, ulong offset, uint count, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        Node node = file.Node;
        bool fresh = !file.Uncached && attributeCache.TryGet(node.Id, Now, out _, out _);
        if ((fresh || node.IsDirty) && contentCache.TryRead(node.Id, offset, count, out ReadOnlyMemory<byte> known))
            return known;
        if (node.IsDirty)
        {
            if (node.Writes!.TryRead(offset, count, out ReadOnlyMemory<byte> written))
                return written;
            await FlushAsync(node, cancellation);
        }

        if (file.ReadAheadVersion != node.ContentVersion || !fresh)
        {
            // What was fetched before the change, or before attributes grew too old to vouch for it.
            file.ReadAhead.Reset();
            file.ReadAheadVersion = node.ContentVersion;
        }

        if (file.Uncached)
            return await FetchAsync(file, offset, count, cancellation);
        file.ReadAhead.OnRead(offset, count);
        FetchAhead(file);
        return await ReadFetchedAsync(file, offset, count, cancellation);
    }

    /// <summary>WRITE: all of it or nothing.</summary>
    public async ValueTask<Outcome<uint>> WriteAsync(
        ulong handle, ulong offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        Node node = file.Node;
        if (offset + (ulong)data.Length > Specification.MaximumFileBytes)
            return Errno.EFBIG;
        WriteBack writes = node.Writes ??= new WriteBack(dirtyBudget, new BatchSender(this, node), () => OnClean(node));
        // A writer learns as soon as possible that it is writing into a full volume; close and fsync still say it too.
        if (writes.Failures != file.FailuresToldAtFlush)
            return writes.LastError;
        await dirtyBudget.AcquireAsync(data.Length, cancellation);
        uint failures = writes.Failures;
        node.ContentVersion++;
        contentCache.Write(node.Id, offset, data.Span);
        writes.Add(file.Opener, offset, data.Span, file.Append);
        if (writes.IsDirty)
            dirtyNodes.Add(node);
        if (!WritesThrough(file))
        {
            ScheduleWriteBack();
            return (uint)data.Length;
        }

        await FlushAsync(node, cancellation);
        if (writes.Failures != failures)
        {
            file.FailuresToldAtFlush = file.FailuresToldAtSync = writes.Failures;
            return writes.LastError;
        }

        Errno synced = file.Synchronous ? await SyncNodeAsync(file.Opener, node, cancellation) : Errno.None;
        return synced == Errno.None ? (uint)data.Length : synced;
    }

    /// <summary>FALLOCATE.</summary>
    public async ValueTask<Errno> AllocateAsync(
        Credentials caller, ulong handle, AllocateMode mode, ulong offset, ulong length, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        const AllocateMode known = AllocateMode.KeepSize | AllocateMode.PunchHole | AllocateMode.ZeroRange;
        if ((mode & ~known) != 0)
            return Errno.EOPNOTSUPP;
        Node node = file.Node;
        await FlushAsync(node, cancellation);
        Allocate allocate = new(node.Id, mode, offset, length, file.Writable);
        OperationResult result = await ChangeAsync(node, caller, allocate, cancellation);
        DropContent(node);
        return result.Error;
    }

    /// <summary>LSEEK for data and holes; the kernel does the rest.</summary>
    public async ValueTask<Outcome<ulong>> SeekAsync(
        Credentials caller, ulong handle, ulong offset, bool hole, CancellationToken cancellation)
    {
        if (!files.TryGetValue(handle, out OpenFile? file))
            return Errno.EBADF;
        await FlushAsync(file.Node, cancellation);
        OperationResult result = await SubmitAsync(caller, new Seek(file.Node.Id, offset, hole), cancellation);
        return result.Error == Errno.None ? result.Number!.Value : result.Error;
    }

    /// <summary>COPY_FILE_RANGE. Returns the bytes copied.</summary>
    public async ValueTask<Outcome<ulong>> CopyRangeAsync(
        Credentials caller,
        ulong sourceHandle,
        ulong sourceOffset,
        ulong targetHandle,
        ulong targetOffset,
        ulong length,
        CancellationToken cancellation)
    {
        if (!files.TryGetValue(sourceHandle, out OpenFile? source) || !files.TryGetValue(targetHandle, out OpenFile? target))
            return Errno.EBADF;
        await FlushAsync(source.Node, cancellation);
        await FlushAsync(target.Node, cancellation);
        CopyRange copy = new(source.Node.Id, sourceOffset, target.Node.Id, targetOffset, length);
        long asOf = Now;
        CachedDirectory? directory = BeginChange(target.Node);
        OperationResult result = await SubmitAsync(caller, copy, cancellation);
        // At the end of the source nothing is copied, and the target's counter stays where it was.
        EndChange(target.Node, directory, result.Number == 0 ? OperationResult.Success : result, asOf);
        DropContent(target.Node);
        return result.Error == Errno.None ? result.Number!.Value : result.Error;
    }

    /// <summary>The file's content was changed by an own operation whose effect isn't computed here.</summary>
    private void DropContent(Node node)
    {
        contentCache.Remove(node.Id);
        node.ContentVersion++;
    }

    /// <summary>
    /// Whether a write must be executed before it returns: as asked for, and where it takes away set-user-ID and
    /// set-group-ID, which must not survive it.
    /// </summary>
    private bool WritesThrough(OpenFile file) => file.Uncached || file.Synchronous
        || (attributeCache.Peek(file.Node.Id) is Attributes attributes && (attributes.Mode & SetIdBits) != 0);

    private void FetchAhead(OpenFile file)
    {
        ulong fileBytes = attributeCache.Peek(file.Node.Id)?.SizeBytes ?? 0;
        while (file.ReadAhead.Next(fileBytes) is (ulong offset, int length))
        {
            Task<Outcome<ReadOnlyMemory<byte>>> bytes = FetchAsync(file, offset, (uint)length, CancellationToken.None).AsTask();
            InBackground(bytes);
            file.ReadAhead.Add(new FetchedRange(offset, length, bytes));
        }
    }

    private async ValueTask<Outcome<ReadOnlyMemory<byte>>> FetchAsync(
        OpenFile file, ulong offset, uint count, CancellationToken cancellation)
    {
        long asOf = Now;
        Read read = new(file.Node.Id, offset, count, Authorized: true);
        OperationResult result = await SubmitAsync(file.Opener, read, cancellation);
        if (result.Attributes is not null)
            Learn(file.Node.Id, result.Attributes, asOf);
        return result.Error == Errno.None ? result.Data ?? default : result.Error;
    }

    private async ValueTask<Outcome<ReadOnlyMemory<byte>>> ReadFetchedAsync(
        OpenFile file, ulong offset, uint count, CancellationToken cancellation)
    {
        byte[]? gathered = null;
        int filled = 0;
        while (true)
        {
            int wanted = (int)count - filled;
            (Outcome<ReadOnlyMemory<byte>> piece, bool last) = await ReadPieceAsync(file, offset + (ulong)filled, wanted, cancellation);
            if (piece.Error != Errno.None)
                return piece;
            if (gathered is null && (last || piece.Value.Length == wanted))
                return piece;
            gathered ??= new byte[count];
            piece.Value.Span.CopyTo(gathered.AsSpan(filled));
            filled += piece.Value.Length;
            if (last || filled == (int)count)
                return (ReadOnlyMemory<byte>)gathered.AsMemory(0, filled);
        }
    }

    /// <summary>
    /// Reads what one fetched range holds of a range, or asks the cluster. Last: nothing follows what was returned, since
    /// it is all that was asked for or the file ends there.
    /// </summary>
    private async ValueTask<(Outcome<ReadOnlyMemory<byte>> Piece, bool Last)> ReadPieceAsync(
        OpenFile file, ulong offset, int count, CancellationToken cancellation)
    {
        if (file.ReadAhead.Find(offset) is not FetchedRange range)
            return (await FetchAsync(file, offset, (uint)count, cancellation), true);
        Outcome<ReadOnlyMemory<byte>> fetched = await range.Bytes.WaitAsync(cancellation);
        if (fetched.Error != Errno.None)
        {
            file.ReadAhead.Remove(range);
            return (fetched, true);
        }

        int start = (int)Math.Min(offset - range.Offset, (ulong)fetched.Value.Length);
        int length = Math.Min(count, fetched.Value.Length - start);
        return (fetched.Value.Slice(start, length), fetched.Value.Length < range.Length);
    }
}

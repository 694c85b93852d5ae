using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <content>Open files.</content>
public sealed partial class Dispatcher
{
    private const uint SeekData = 3;
    private const uint SeekHole = 4;
    private const uint ReleaseFlockUnlock = 2;

    /// <summary>The narrow reply to COPY_FILE_RANGE can't say more.</summary>
    private const ulong LongestNarrowCopyBytes = 1 << 30;

    /// <summary>fuse_open_in: flags 4, open flags 4.</summary>
    private async ValueTask OpenAsync(PendingRequest request)
    {
        if (!TryParseWord(request, out uint flags))
        {
            await Malformed(request);
            return;
        }

        Outcome<OpenedFile> outcome =
            await files.OpenAsync(Caller(request), request.Header.Node, (OpenFlags)flags, request.Cancellation);
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteOpen(outcome.Value.Handle, FlagsOf(outcome.Value));
        if (!Send(request))
            await AbandonFileAsync(outcome.Value.Handle);
    }

    /// <summary>fuse_read_in: handle 8, offset 8, size 4, read flags 4, lock owner 8, flags 4, padding 4.</summary>
    private ValueTask ReadAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        ulong offset = reader.ReadUInt64();
        uint size = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        if (size > Limits.MaximumTransferBytes)
            return Refuse(request, Errno.EINVAL);
        return ReplyDataAsync(request, files.ReadAsync(handle, offset, size, request.Cancellation));
    }

    /// <summary>fuse_write_in: handle 8, offset 8, size 4, write flags 4, lock owner 8, flags 4, padding 4; data.</summary>
    private ValueTask WriteAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        ulong offset = reader.ReadUInt64();
        uint size = reader.ReadUInt32();
        reader.Skip(20);
        ReadOnlyMemory<byte> data = reader.ReadRaw(size);
        if (reader.Failed || offset > long.MaxValue)
            return Malformed(request);
        return FinishWriteAsync(request, files.WriteAsync(handle, offset, data, request.Cancellation));
    }

    private async ValueTask FinishWriteAsync(PendingRequest request, ValueTask<Outcome<uint>> answer)
    {
        Outcome<uint> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteCount(outcome.Value);
        Send(request);
    }

    /// <summary>fuse_flush_in: handle 8, unused 4, padding 4, lock owner 8.</summary>
    private ValueTask FlushAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        reader.Skip(8);
        ulong lockOwner = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.FlushAsync(CallerWithoutGroups(request), handle, lockOwner, request.Cancellation));
    }

    /// <summary>fuse_fsync_in: handle 8, flags 4, padding 4. Data alone (fdatasync) costs the same here.</summary>
    private ValueTask FsyncAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(request, files.SyncAsync(CallerWithoutGroups(request), handle, request.Cancellation));
    }

    /// <summary>fuse_release_in: handle 8, flags 4, release flags 4, lock owner 8.</summary>
    private ValueTask ReleaseAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        reader.Skip(4);
        uint releaseFlags = reader.ReadUInt32();
        ulong lockOwner = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        LockRelease locks = (releaseFlags & ReleaseFlockUnlock) != 0 ? LockRelease.WholeFile : LockRelease.None;
        return ReplyErrorAsync(
            request, files.ReleaseAsync(CallerWithoutGroups(request), handle, lockOwner, locks, request.Cancellation));
    }

    /// <summary>fuse_fallocate_in: handle 8, offset 8, length 8, mode 4, padding 4.</summary>
    private ValueTask AllocateAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        ulong offset = reader.ReadUInt64();
        ulong length = reader.ReadUInt64();
        AllocateMode mode = (AllocateMode)reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.AllocateAsync(Caller(request), handle, mode, offset, length, request.Cancellation));
    }

    /// <summary>fuse_lseek_in: handle 8, offset 8, whence 4, padding 4. Reply: offset 8.</summary>
    private ValueTask SeekAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        ulong offset = reader.ReadUInt64();
        uint whence = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        if (whence is not (SeekData or SeekHole))
            return Refuse(request, Errno.EINVAL);
        return ReplyNumberAsync(
            request, files.SeekAsync(Caller(request), handle, offset, whence == SeekHole, request.Cancellation));
    }

    /// <summary>
    /// fuse_copy_file_range_in: source handle 8, source offset 8, target node 8, target handle 8, target offset 8,
    /// length 8, flags 8. Reply: count 4, padding 4, or for the later request count 8.
    /// </summary>
    private ValueTask CopyFileRangeAsync(PendingRequest request, bool wideResult)
    {
        RequestReader reader = request.Body();
        ulong sourceHandle = reader.ReadUInt64();
        ulong sourceOffset = reader.ReadUInt64();
        reader.Skip(8);
        ulong targetHandle = reader.ReadUInt64();
        ulong targetOffset = reader.ReadUInt64();
        ulong length = reader.ReadUInt64();
        ulong flags = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        if (flags != 0)
            return Refuse(request, Errno.EINVAL);
        // A count below 2^32 followed by zeros is the same bytes in both replies.
        if (!wideResult)
            length = Math.Min(length, LongestNarrowCopyBytes);
        return ReplyNumberAsync(
            request,
            files.CopyRangeAsync(
                Caller(request), sourceHandle, sourceOffset, targetHandle, targetOffset, length, request.Cancellation));
    }

    private async ValueTask ReplyNumberAsync(PendingRequest request, ValueTask<Outcome<ulong>> answer)
    {
        Outcome<ulong> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteUInt64(outcome.Value);
        Send(request);
    }

    /// <summary>The kernel doesn't know of a file that was opened for it, so it won't release it either.</summary>
    private async ValueTask AbandonFileAsync(ulong handle) =>
        await files.ReleaseAsync(Credentials.Superuser, handle, 0, LockRelease.None, CancellationToken.None);

    private static bool TryParseWord(PendingRequest request, out uint word)
    {
        RequestReader reader = request.Body();
        word = reader.ReadUInt32();
        return !reader.Failed;
    }

    private static OpenReplyFlags FlagsOf(in OpenedFile file) =>
        file.Uncached ? OpenReplyFlags.DirectIo : file.KeepPages ? OpenReplyFlags.KeepCache : OpenReplyFlags.None;
}

using ZZFs.Abstraction;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <content>Open directories, and the volume as a whole.</content>
public sealed partial class Dispatcher
{
    private ValueTask OpenDirectory(PendingRequest request)
    {
        Outcome<ulong> outcome = files.OpenDirectory(Caller(request), request.Header.Node);
        if (outcome.Error != Errno.None)
            return Refuse(request, outcome.Error);
        Reply(request).WriteOpen(outcome.Value, OpenReplyFlags.None);
        if (!Send(request))
            files.ReleaseDirectory(outcome.Value);
        return default;
    }

    /// <summary>
    /// fuse_read_in: handle 8, offset 8, size 4, 20 unused. Reply: entries (with attributes: fuse_entry_out before each)
    /// up to the size; none at the end.
    /// </summary>
    private async ValueTask ReadDirectoryAsync(PendingRequest request, bool withAttributes)
    {
        if (!TryParseReadDirectory(request, out ulong handle, out ulong offset, out uint size))
        {
            await Malformed(request);
            return;
        }

        Outcome<IReadOnlyList<ListedEntry>> outcome = await files.ReadDirectoryAsync(handle, offset, request.Cancellation);
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        List<ulong>? entered = withAttributes ? [] : null;
        Reply(request);
        int end = FuseAbi.ReplyHeaderBytes + (int)Math.Min(size, int.MaxValue / 2);
        foreach (ListedEntry entry in outcome.Value)
        {
            if (writer.Length + ReplyWriter.DirectoryEntryBytes(entry.Name.Length, withAttributes) > end)
                break;
            WriteListed(handle, entry, entered);
        }

        if (!Send(request))
            entered?.ForEach(node => files.Forget(node, 1));
    }

    private ValueTask ReleaseDirectory(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        return reader.Failed ? Malformed(request) : Refuse(request, files.ReleaseDirectory(handle));
    }

    /// <summary>fuse_fsync_in: handle 8, flags 4, padding 4.</summary>
    private ValueTask FsyncDirectoryAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong handle = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(request, files.SyncDirectoryAsync(Caller(request), handle, request.Cancellation));
    }

    private ValueTask SyncFsAsync(PendingRequest request) =>
        ReplyErrorAsync(request, files.SyncVolumeAsync(Caller(request), request.Cancellation));

    private void WriteListed(ulong handle, in ListedEntry entry, List<ulong>? entered)
    {
        if (entered is not null)
        {
            bool isDot = entry.Offset <= 2;
            NodeEntry node = isDot ? default : files.EnterListed(handle, entry);
            writer.WriteEntry(node);
            if (node.NodeId != 0)
                entered.Add(node.NodeId);
        }

        writer.WriteDirectoryEntry(entry.Inode, entry.Offset, entry.Type, entry.Name.Span);
    }

    private static bool TryParseReadDirectory(PendingRequest request, out ulong handle, out ulong offset, out uint size)
    {
        RequestReader reader = request.Body();
        handle = reader.ReadUInt64();
        offset = reader.ReadUInt64();
        size = reader.ReadUInt32();
        return !reader.Failed;
    }
}

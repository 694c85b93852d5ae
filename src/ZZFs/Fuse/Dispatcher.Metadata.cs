using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <content>Names to nodes, attributes, extended attributes, statistics.</content>
public sealed partial class Dispatcher
{
    private const long NanosecondsPerSecond = 1_000_000_000;
    private const ushort PermissionBits = 0xFFF;
    private const byte AccessBits = 7;

    /// <summary>Body: name, NUL.</summary>
    private ValueTask LookupAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        return ReplyEntryAsync(request, files.LookupAsync(Caller(request), request.Header.Node, name, request.Cancellation));
    }

    /// <summary>fuse_forget_in: count 8. No reply.</summary>
    private ValueTask Forget(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong count = reader.ReadUInt64();
        if (reader.Failed)
            return Malformed(request);
        files.Forget(request.Header.Node, count);
        return default;
    }

    /// <summary>fuse_batch_forget_in: count 4, padding 4, then node 8, count 8 each. No reply.</summary>
    private ValueTask BatchForget(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint entries = reader.ReadUInt32();
        reader.Skip(4);
        for (uint index = 0; index < entries && !reader.Failed; index++)
        {
            ulong node = reader.ReadUInt64();
            ulong count = reader.ReadUInt64();
            if (!reader.Failed)
                files.Forget(node, count);
        }

        return reader.Failed ? Malformed(request) : default;
    }

    /// <summary>fuse_getattr_in (flags 4, padding 4, handle 8) says nothing that we need.</summary>
    private ValueTask GetAttributesAsync(PendingRequest request) =>
        ReplyAttributesAsync(request, files.GetAttributesAsync(Caller(request), request.Header.Node, request.Cancellation));

    /// <summary>
    /// fuse_setattr_in: valid 4, padding 4, handle 8, size 8, lock owner 8, atime 8, mtime 8, ctime 8, their nanoseconds 4
    /// each, mode 4, unused 4, uid 4, gid 4, unused 4.
    /// </summary>
    private ValueTask SetAttributesAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        SetAttributesFields fields = (SetAttributesFields)reader.ReadUInt32();
        reader.Skip(4);
        ulong handle = reader.ReadUInt64();
        ulong size = reader.ReadUInt64();
        reader.Skip(8);
        long accessSeconds = (long)reader.ReadUInt64();
        long modifySeconds = (long)reader.ReadUInt64();
        reader.Skip(8);
        Timestamp accessTime = TimeOf(accessSeconds, reader.ReadUInt32());
        Timestamp modifyTime = TimeOf(modifySeconds, reader.ReadUInt32());
        reader.Skip(4);
        ushort mode = (ushort)(reader.ReadUInt32() & PermissionBits);
        reader.Skip(4);
        uint uid = reader.ReadUInt32();
        uint gid = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        SetAttributes change = new(default, MaskOf(fields), mode, uid, gid, size, accessTime, modifyTime, Authorized: false);
        ulong through = (fields & SetAttributesFields.Handle) != 0 ? handle : 0;
        return ReplyAttributesAsync(
            request, files.SetAttributesAsync(Caller(request), request.Header.Node, through, change, request.Cancellation));
    }

    private ValueTask ReadLinkAsync(PendingRequest request) =>
        ReplyDataAsync(request, files.ReadLinkAsync(Caller(request), request.Header.Node, request.Cancellation));

    /// <summary>fuse_access_in: mask 4, padding 4.</summary>
    private ValueTask AccessAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        byte permissions = (byte)(reader.ReadUInt32() & AccessBits);
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.AccessAsync(Caller(request), request.Header.Node, permissions, request.Cancellation));
    }

    private async ValueTask StatFsAsync(PendingRequest request)
    {
        Outcome<VolumeStatistics> outcome = await files.GetStatisticsAsync(Caller(request), request.Cancellation);
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteStatistics(outcome.Value);
        Send(request);
    }

    /// <summary>fuse_getxattr_in: size 4, padding 4; name, NUL.</summary>
    private ValueTask GetXattrAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint size = reader.ReadUInt32();
        reader.Skip(4);
        ReadOnlyMemory<byte> name = reader.ReadString();
        if (reader.Failed)
            return Malformed(request);
        return ReplySizedAsync(request, size, files.GetXattrAsync(Caller(request), request.Header.Node, name, request.Cancellation));
    }

    /// <summary>fuse_getxattr_in: size 4, padding 4.</summary>
    private ValueTask ListXattrAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint size = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        return ReplySizedAsync(request, size, files.ListXattrsAsync(Caller(request), request.Header.Node, request.Cancellation));
    }

    /// <summary>fuse_setxattr_in before SETXATTR_EXT: size 4, flags 4; name, NUL; value.</summary>
    private ValueTask SetXattrAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint size = reader.ReadUInt32();
        byte flags = (byte)reader.ReadUInt32();
        ReadOnlyMemory<byte> name = reader.ReadString();
        ReadOnlyMemory<byte> value = reader.ReadRaw(size);
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.SetXattrAsync(Caller(request), request.Header.Node, name, value, flags, request.Cancellation));
    }

    /// <summary>Body: name, NUL.</summary>
    private ValueTask RemoveXattrAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ReadOnlyMemory<byte> name = reader.ReadString();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(request, files.RemoveXattrAsync(Caller(request), request.Header.Node, name, request.Cancellation));
    }

    private async ValueTask ReplyAttributesAsync(PendingRequest request, ValueTask<Outcome<NodeAttributes>> answer)
    {
        Outcome<NodeAttributes> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteAttributes(outcome.Value);
        Send(request);
    }

    /// <summary>Replies with a value, or with its size alone when the caller asked for that by size 0.</summary>
    private async ValueTask ReplySizedAsync(PendingRequest request, uint size, ValueTask<Outcome<ReadOnlyMemory<byte>>> answer)
    {
        Outcome<ReadOnlyMemory<byte>> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
        }
        else if (size == 0)
        {
            Reply(request).WriteCount((uint)outcome.Value.Length);
            Send(request);
        }
        else if (outcome.Value.Length > size)
        {
            ReplyError(request, Errno.ERANGE);
        }
        else
        {
            Reply(request);
            Send(request, outcome.Value.Span);
        }
    }

    private static AttributeMask MaskOf(SetAttributesFields fields)
    {
        AttributeMask mask = (AttributeMask)((uint)fields & 0xF);
        mask |= TimeMask(fields, SetAttributesFields.AccessTime, SetAttributesFields.AccessTimeNow, AttributeMask.AccessTime, AttributeMask.AccessTimeNow);
        mask |= TimeMask(fields, SetAttributesFields.ModifyTime, SetAttributesFields.ModifyTimeNow, AttributeMask.ModifyTime, AttributeMask.ModifyTimeNow);
        return mask;
    }

    private static AttributeMask TimeMask(
        SetAttributesFields fields, SetAttributesFields given, SetAttributesFields now, AttributeMask ifGiven, AttributeMask ifNow) =>
        (fields & now) != 0 ? ifNow : (fields & given) != 0 ? ifGiven : AttributeMask.None;

    /// <summary>The abstract state holds no times before 1970 or after 2262: the nearest that it holds is set.</summary>
    private static Timestamp TimeOf(long seconds, uint nanoseconds)
    {
        if (seconds < 0)
            return new Timestamp(0);
        if (seconds >= long.MaxValue / NanosecondsPerSecond)
            return new Timestamp(long.MaxValue);
        return new Timestamp((seconds * NanosecondsPerSecond) + Math.Min(nanoseconds, NanosecondsPerSecond - 1));
    }
}

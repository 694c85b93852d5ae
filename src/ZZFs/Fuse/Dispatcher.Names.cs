using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <content>What changes directories.</content>
public sealed partial class Dispatcher
{
    private const int FileTypeShift = 12;

    /// <summary>fuse_create_in: flags 4, mode 4, umask 4, open flags 4; name, NUL.</summary>
    private async ValueTask CreateAsync(PendingRequest request)
    {
        if (!TryParseCreate(request, out OpenFlags flags, out ushort mode, out ReadOnlyMemory<byte> name))
        {
            await Malformed(request);
            return;
        }

        Outcome<CreatedFile> outcome =
            await files.CreateAsync(Caller(request), request.Header.Node, name, mode, flags, request.Cancellation);
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        CreatedFile created = outcome.Value;
        Reply(request).WriteEntry(created.Entry);
        writer.WriteOpen(created.File.Handle, FlagsOf(created.File));
        if (Send(request))
            return;
        files.Forget(created.Entry.NodeId, 1);
        await AbandonFileAsync(created.File.Handle);
    }

    /// <summary>fuse_mkdir_in: mode 4, umask 4; name, NUL. The kernel has applied the umask.</summary>
    private ValueTask MakeDirectoryAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ushort mode = (ushort)(reader.ReadUInt32() & PermissionBits);
        reader.Skip(4);
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        return ReplyEntryAsync(
            request, files.MakeDirectoryAsync(Caller(request), request.Header.Node, name, mode, request.Cancellation));
    }

    /// <summary>Body: name, NUL; target, NUL.</summary>
    private ValueTask SymlinkAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ReadOnlyMemory<byte> name = reader.ReadName();
        ReadOnlyMemory<byte> target = reader.ReadString();
        if (reader.Failed)
            return Malformed(request);
        return ReplyEntryAsync(
            request, files.MakeSymlinkAsync(Caller(request), request.Header.Node, name, target, request.Cancellation));
    }

    /// <summary>fuse_mknod_in: mode 4, rdev 4, umask 4, padding 4; name, NUL.</summary>
    private ValueTask MakeNodeAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint mode = reader.ReadUInt32();
        uint rawDevice = reader.ReadUInt32();
        reader.Skip(8);
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        ObjectType type = TypeOf(mode);
        if (type == ObjectType.Null)
            return Refuse(request, Errno.EINVAL);
        return ReplyEntryAsync(
            request,
            files.MakeNodeAsync(
                Caller(request), request.Header.Node, name, type, (ushort)(mode & PermissionBits), rawDevice, request.Cancellation));
    }

    /// <summary>fuse_link_in: node 8; name, NUL.</summary>
    private ValueTask LinkAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong node = reader.ReadUInt64();
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        return ReplyEntryAsync(request, files.LinkAsync(Caller(request), node, request.Header.Node, name, request.Cancellation));
    }

    /// <summary>Body: name, NUL.</summary>
    private ValueTask UnlinkAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(request, files.UnlinkAsync(Caller(request), request.Header.Node, name, request.Cancellation));
    }

    /// <summary>Body: name, NUL.</summary>
    private ValueTask RemoveDirectoryAsync(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ReadOnlyMemory<byte> name = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.RemoveDirectoryAsync(Caller(request), request.Header.Node, name, request.Cancellation));
    }

    /// <summary>fuse_rename_in: target directory 8, and for RENAME2 flags 4, padding 4; old name, NUL; new name, NUL.</summary>
    private ValueTask RenameAsync(PendingRequest request, bool withFlags)
    {
        RequestReader reader = request.Body();
        ulong target = reader.ReadUInt64();
        uint flags = withFlags ? reader.ReadUInt32() : 0;
        if (withFlags)
            reader.Skip(4);
        ReadOnlyMemory<byte> sourceName = reader.ReadName();
        ReadOnlyMemory<byte> targetName = reader.ReadName();
        if (reader.Failed)
            return Malformed(request);
        // RENAME_WHITEOUT (4) is for overlay file systems.
        if (flags > (uint)RenameMode.Exchange)
            return Refuse(request, Errno.EINVAL);
        return ReplyErrorAsync(
            request,
            files.RenameAsync(
                Caller(request), request.Header.Node, sourceName, target, targetName, (RenameMode)flags, request.Cancellation));
    }

    private static bool TryParseCreate(
        PendingRequest request, out OpenFlags flags, out ushort mode, out ReadOnlyMemory<byte> name)
    {
        RequestReader reader = request.Body();
        flags = (OpenFlags)reader.ReadUInt32();
        mode = (ushort)(reader.ReadUInt32() & PermissionBits);
        reader.Skip(8);
        name = reader.ReadName();
        return !reader.Failed;
    }

    private static ObjectType TypeOf(uint mode) => (mode >> FileTypeShift) switch
    {
        1 => ObjectType.Fifo,
        2 => ObjectType.CharacterDevice,
        6 => ObjectType.BlockDevice,
        8 => ObjectType.File,
        12 => ObjectType.Socket,
        _ => ObjectType.Null,
    };
}

using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Content of files, and targets of symlinks.
public sealed partial class ConformanceWrapper
{
    // One operation must not hold up the others for long; copy_file_range(2) may copy less than it was asked to.
    private const ulong MaximumCopyBytes = 16 << 20;

    private OperationResult Read(Read o)
    {
        if (!TryResolveFile(o.Object, out ObjectRecord? file, out Errno error))
            return Failed(error);
        if (!(o.Authorized ? caller.MayThroughDescriptor(file, Permission.Read) : caller.May(file, Permission.Read)))
            return Failed(Errno.EACCES);
        if (o.Count > Limits.MaximumTransferBytes)
            return Failed(Errno.EINVAL);
        ulong rest = o.Offset < file.SizeBytes ? file.SizeBytes - o.Offset : 0;
        int count = (int)Math.Min(o.Count, rest);
        if (transfer.Take(count) is not { } data)
            return Failed(Errno.E2BIG);
        content.Read(file, o.Offset, data.Span);
        return new OperationResult { Data = data, EndOfData = (ulong)count == rest, Attributes = file.ToAttributes() };
    }

    private OperationResult Write(Write o)
    {
        if (!TryResolveFile(o.Object, out ObjectRecord? file, out Errno error))
            return Failed(error);
        error = CheckChange(file, o.Authorized);
        if (error != Errno.None)
            return Failed(error);
        ulong offset = o.Append ? file.SizeBytes : o.Offset;
        ulong count = (ulong)o.Data.Length;
        if (offset > Specification.MaximumFileBytes || count > Specification.MaximumFileBytes - offset)
            return Failed(Errno.EFBIG);
        if (count == 0)
            return Described(file) with { Number = offset };
        if (!content.Fits(file, offset, o.Data.Span, FreeBytes))
            return Failed(Errno.ENOSPC);
        WriteAt(file, offset, o.Data.Span);
        ContentChanged(file);
        return Described(file) with { Number = offset };
    }

    private OperationResult Allocate(Allocate o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? file, out Errno error))
            return Failed(error);
        if (!file.IsFile)
            return Failed(file.IsDirectory ? Errno.EISDIR : Errno.ENODEV);
        bool keepSize = (o.Mode & AllocateMode.KeepSize) != 0;
        AllocateMode what = o.Mode & ~AllocateMode.KeepSize;
        if (what is not (AllocateMode.Default or AllocateMode.PunchHole or AllocateMode.ZeroRange)
            || (what == AllocateMode.PunchHole && !keepSize))
            return Failed(Errno.EOPNOTSUPP);
        if (o.Length == 0)
            return Failed(Errno.EINVAL);
        error = CheckChange(file, o.Authorized);
        if (error != Errno.None)
            return Failed(error);
        if (o.Offset > Specification.MaximumFileBytes || o.Length > Specification.MaximumFileBytes - o.Offset)
            return Failed(Errno.EFBIG);

        // Nothing is reserved: zeros are holes, whoever wrote them. A later write may still find the volume full.
        ulong before = file.FootprintBytes;
        ulong end = o.Offset + o.Length;
        if (what != AllocateMode.Default)
            content.Clear(file, o.Offset, end);
        if (!keepSize)
            file.SizeBytes = Math.Max(file.SizeBytes, end);
        objects.Changed(file, before);
        ContentChanged(file);
        return Described(file);
    }

    private OperationResult Seek(Seek o)
    {
        if (!TryResolveFile(o.Object, out ObjectRecord? file, out Errno error))
            return Failed(error == Errno.EISDIR ? Errno.EINVAL : error);
        if (o.Offset >= file.SizeBytes)
            return Failed(Errno.ENXIO);
        ulong found = content.Seek(file, o.Offset, o.Hole);
        return found == file.SizeBytes && !o.Hole ? Failed(Errno.ENXIO) : new OperationResult { Number = found };
    }

    private OperationResult CopyRange(CopyRange o)
    {
        if (!TryResolveFile(o.Source, out ObjectRecord? source, out Errno error)
            || !TryResolveFile(o.Target, out ObjectRecord? target, out error))
            return Failed(error);
        error = CheckChange(target, authorized: true);
        if (error == Errno.None && !caller.MayThroughDescriptor(source, Permission.Read))
            error = Errno.EACCES;
        if (error == Errno.None && source == target && Overlaps(o))
            error = Errno.EINVAL;
        if (error == Errno.None && o.TargetOffset > Specification.MaximumFileBytes)
            error = Errno.EFBIG;
        if (error != Errno.None)
            return Failed(error);
        ulong rest = o.SourceOffset < source.SizeBytes ? source.SizeBytes - o.SourceOffset : 0;
        ulong wanted = Math.Min(Math.Min(o.Length, rest), MaximumCopyBytes);
        if (wanted > 0 && o.TargetOffset == Specification.MaximumFileBytes)
            return Failed(Errno.EFBIG);
        wanted = Math.Min(wanted, Specification.MaximumFileBytes - o.TargetOffset);
        ulong copied = Copy(source, o.SourceOffset, target, o.TargetOffset, wanted);
        if (copied > 0)
            ContentChanged(target);
        return copied == 0 && wanted > 0 ? Failed(Errno.ENOSPC) : Described(target) with { Number = copied };
    }

    // Piece by piece, each within one block of the target; less than asked for when the volume is full.
    private ulong Copy(ObjectRecord source, ulong sourceOffset, ObjectRecord target, ulong targetOffset, ulong count)
    {
        Span<byte> piece = blockBuffer;
        ulong copied = 0;
        while (copied < count)
        {
            ulong room = Specification.BlockBytes - ((targetOffset + copied) % Specification.BlockBytes);
            Span<byte> data = piece[..(int)Math.Min(room, count - copied)];
            content.Read(source, sourceOffset + copied, data);
            if (!content.Fits(target, targetOffset + copied, data, FreeBytes))
                break;
            WriteAt(target, targetOffset + copied, data);
            copied += (ulong)data.Length;
        }

        return copied;
    }

    private static bool Overlaps(CopyRange o)
    {
        ulong distance = o.SourceOffset > o.TargetOffset ? o.SourceOffset - o.TargetOffset : o.TargetOffset - o.SourceOffset;
        return distance < o.Length;
    }

    private void WriteAt(ObjectRecord file, ulong offset, ReadOnlySpan<byte> data)
    {
        ulong before = file.FootprintBytes;
        content.Write(file, offset, data);
        file.SizeBytes = Math.Max(file.SizeBytes, offset + (ulong)data.Length);
        objects.Changed(file, before);
    }

    private void Resize(ObjectRecord file, ulong size)
    {
        ulong before = file.FootprintBytes;
        content.Clear(file, size, file.SizeBytes);
        file.SizeBytes = size;
        objects.Changed(file, before);
        DropPrivileges(file);
    }

    // Whoever changes a program may not leave it with somebody else's privileges (file_remove_privs of Linux).
    private void DropPrivileges(ObjectRecord file)
    {
        if (!caller.IsSuperuser)
            file.Mode = ModeBits.WithoutPrivileges(file.Mode);
        DropCapabilities(file);
    }

    private void ContentChanged(ObjectRecord file)
    {
        DropPrivileges(file);
        Changed(file, file.FootprintBytes, contentChanged: true);
    }

    private Errno CheckChange(ObjectRecord file, bool authorized) =>
        context.Export.ReadOnly ? Errno.EROFS : MayWrite(file, authorized) ? Errno.None : Errno.EACCES;

    private bool MayWrite(ObjectRecord file, bool authorized) =>
        authorized ? caller.MayThroughDescriptor(file, Permission.Write) : caller.May(file, Permission.Write);

    private readonly byte[] blockBuffer = new byte[Specification.BlockBytes];

    private OperationResult ReadLink(ReadLink o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? link, out Errno error))
            return Failed(error);
        if (link.Type != ObjectType.Symlink)
            return Failed(Errno.EINVAL);
        if (transfer.Take((int)link.SizeBytes) is not { } data)
            return Failed(Errno.E2BIG);
        store.ReadBlock(link.Index, 0, blockBuffer);
        blockBuffer.AsSpan(0, data.Length).CopyTo(data.Span);
        return new OperationResult { Data = data };
    }

    private void SetLinkTarget(ObjectRecord link, ReadOnlySpan<byte> target)
    {
        store.WriteBlock(link.Index, 0, target);
        link.SizeBytes = (ulong)target.Length;
    }
}

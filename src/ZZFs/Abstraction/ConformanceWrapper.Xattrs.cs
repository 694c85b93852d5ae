using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Extended attributes, with Linux's rules for their name spaces (xattr(7), xattr_permission): user.* on files and
// directories by permission bits, trusted.* for the superuser alone, security.* readable by all and written by the
// superuser; others, access control lists among them, aren't supported.
public sealed partial class ConformanceWrapper
{
    private const byte MustBeNew = 1;
    private const byte MustExist = 2;

    private OperationResult GetXattr(GetXattr o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        error = CheckXattr(target, o.Name.Span, Permission.Read);
        if (error != Errno.None)
            return Failed(error);
        if (FindXattr(target, o.Name.Span) is not { } value)
            return Failed(Errno.ENODATA);
        if (transfer.Take(value.Length) is not { } data)
            return Failed(Errno.E2BIG);
        value.CopyTo(data);
        return new OperationResult { Data = data };
    }

    private OperationResult SetXattr(SetXattr o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (o.Flags is not (0 or MustBeNew or MustExist))
            return Failed(Errno.EINVAL);
        if (o.Value.Length > Specification.MaximumXattrValueBytes)
            return Failed(Errno.E2BIG);
        error = context.Export.ReadOnly ? Errno.EROFS : CheckXattr(target, o.Name.Span, Permission.Write);
        if (error != Errno.None)
            return Failed(error);
        byte[]? present = FindXattr(target, o.Name.Span);
        if (o.Flags == MustBeNew && present is not null)
            return Failed(Errno.EEXIST);
        if (o.Flags == MustExist && present is null)
            return Failed(Errno.ENODATA);
        uint added = (uint)(o.Name.Length + o.Value.Length);
        uint removed = present is null ? 0 : (uint)(o.Name.Length + present.Length);
        uint total = target.XattrBytes + added - removed;
        if (total > Specification.MaximumXattrTotalBytes || (added > removed && !objects.HasRoom(added - removed)))
            return Failed(Errno.ENOSPC);
        store.WriteMetadata(MetadataKey.OfXattr(target.Index, o.Name.Span), o.Value.Span);
        XattrsChanged(target, total);
        Changed(target);
        return Described(target);
    }

    private OperationResult ListXattrs(ListXattrs o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        var names = new MessageWriter();
        byte[] prefix = MetadataKey.Of(MetadataKind.Xattr, target.Index);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, _) =>
        {
            ReadOnlySpan<byte> name = key[prefix.Length..];
            if (name.StartsWith("trusted."u8) && !caller.IsSuperuser)
                return true;
            names.WriteRaw(name);
            names.WriteByte(0);
            return true;
        });
        if (transfer.Take(names.Length) is not { } data)
            return Failed(Errno.E2BIG);
        names.Written.CopyTo(data.Span);
        return new OperationResult { Data = data };
    }

    private OperationResult RemoveXattr(RemoveXattr o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        error = context.Export.ReadOnly ? Errno.EROFS : CheckXattr(target, o.Name.Span, Permission.Write);
        if (error != Errno.None)
            return Failed(error);
        if (!RemoveXattr(target, o.Name.Span))
            return Failed(Errno.ENODATA);
        Changed(target);
        return Described(target);
    }

    private Errno CheckXattr(ObjectRecord target, ReadOnlySpan<byte> name, Permission wanted)
    {
        if (name.IsEmpty || name.Length > Specification.MaximumXattrNameBytes)
            return Errno.ERANGE;
        if (name.Contains((byte)0))
            return Errno.EINVAL;
        bool writes = wanted == Permission.Write;
        if (name.StartsWith("trusted."u8))
            return caller.IsSuperuser ? Suffix(name, 8) : writes ? Errno.EPERM : Errno.ENODATA;
        if (name.StartsWith("security."u8))
            return caller.IsSuperuser || !writes ? Suffix(name, 9) : Errno.EPERM;
        if (!name.StartsWith("user."u8))
            return Errno.EOPNOTSUPP;

        // On other objects permission bits mean access to a device or pipe, and can't guard a user's notes.
        if (!target.IsFile && !target.IsDirectory)
            return writes ? Errno.EPERM : Errno.ENODATA;
        if (writes && target.IsDirectory && (target.Mode & ModeBits.Sticky) != 0 && !caller.Owns(target))
            return Errno.EPERM;
        return caller.May(target, wanted) ? Suffix(name, 5) : Errno.EACCES;
    }

    private static Errno Suffix(ReadOnlySpan<byte> name, int prefixLength) =>
        name.Length > prefixLength ? Errno.None : Errno.EINVAL;

    private byte[]? FindXattr(ObjectRecord target, ReadOnlySpan<byte> name) =>
        target.XattrBytes == 0 ? null : store.ReadMetadata(MetadataKey.OfXattr(target.Index, name));

    private bool RemoveXattr(ObjectRecord target, ReadOnlySpan<byte> name)
    {
        if (FindXattr(target, name) is not { } present)
            return false;
        byte[] key = MetadataKey.OfXattr(target.Index, name);
        store.RemoveMetadata(key, [.. key, 0]);
        XattrsChanged(target, target.XattrBytes - (uint)(name.Length + present.Length));
        return true;
    }

    // Capabilities of a program don't survive a change of its content or owner, whoever made it.
    private void DropCapabilities(ObjectRecord target) => RemoveXattr(target, "security.capability"u8);

    private void XattrsChanged(ObjectRecord target, uint totalBytes)
    {
        ulong before = target.FootprintBytes;
        target.XattrBytes = totalBytes;
        changes.XattrsChanged(target.Index);
        objects.Changed(target, before);
    }
}

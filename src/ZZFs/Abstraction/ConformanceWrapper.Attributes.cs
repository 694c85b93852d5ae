using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Attributes and their permission rules: chmod(2), chown(2), truncate(2), utimensat(2), access(2).
public sealed partial class ConformanceWrapper
{
    private OperationResult GetAttributes(GetAttributes o) =>
        TryResolve(o.Object, out ObjectRecord? target, out Errno error) ? Described(target) : Failed(error);

    private OperationResult CheckAccess(CheckAccess o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        var wanted = (Permission)o.Permissions;
        bool stored = target.Type is ObjectType.File or ObjectType.Directory or ObjectType.Symlink;
        if ((wanted & Permission.Write) != 0 && context.Export.ReadOnly && stored)
            return Failed(Errno.EROFS);
        return caller.May(target, wanted) ? Described(target) : Failed(Errno.EACCES);
    }

    private OperationResult SetAttributes(SetAttributes o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (o.Mask == AttributeMask.None)
            return Described(target);
        error = context.Export.ReadOnly ? Errno.EROFS : CheckSize(o, target);
        if (error == Errno.None)
            error = CheckOwner(o, target);
        if (error == Errno.None)
            error = CheckTimes(o, target);
        if (error != Errno.None)
            return Failed(error);
        bool resized = (o.Mask & AttributeMask.Size) != 0;
        if (resized)
            Resize(target, o.SizeBytes);
        SetOwnerAndMode(o, target);
        Changed(target, target.FootprintBytes, contentChanged: resized);
        SetTimes(o, target);
        return Described(target);
    }

    private Errno CheckSize(SetAttributes o, ObjectRecord target)
    {
        if ((o.Mask & AttributeMask.Size) == 0)
            return Errno.None;
        if (!target.IsFile)
            return target.IsDirectory ? Errno.EISDIR : Errno.EINVAL;
        if (!MayWrite(target, o.Authorized))
            return Errno.EACCES;
        return o.SizeBytes > Specification.MaximumFileBytes ? Errno.EFBIG : Errno.None;
    }

    private Errno CheckOwner(SetAttributes o, ObjectRecord target)
    {
        // The owner may give a file to a group that it is in, and nobody but the superuser may give it away.
        if ((o.Mask & AttributeMask.Uid) != 0)
        {
            if (o.Uid == uint.MaxValue)
                return Errno.EINVAL;
            if (!caller.IsSuperuser && (caller.Uid != target.Uid || o.Uid != target.Uid))
                return Errno.EPERM;
        }

        if ((o.Mask & AttributeMask.Gid) != 0)
        {
            if (o.Gid == uint.MaxValue)
                return Errno.EINVAL;
            if (!caller.IsSuperuser && (caller.Uid != target.Uid || (o.Gid != target.Gid && !caller.InGroup(o.Gid))))
                return Errno.EPERM;
        }

        if ((o.Mask & AttributeMask.Mode) == 0)
            return Errno.None;
        return target.Type == ObjectType.Symlink ? Errno.EOPNOTSUPP : caller.Owns(target) ? Errno.None : Errno.EPERM;
    }

    private Errno CheckTimes(SetAttributes o, ObjectRecord target)
    {
        const AttributeMask given = AttributeMask.AccessTime | AttributeMask.ModifyTime;
        const AttributeMask now = AttributeMask.AccessTimeNow | AttributeMask.ModifyTimeNow;
        if ((o.Mask & given) != 0 && !caller.Owns(target))
            return Errno.EPERM;
        if ((o.Mask & now) == 0 || caller.Owns(target))
            return Errno.None;
        bool mayWrite = o.Authorized ? caller.MayThroughDescriptor(target, Permission.Write) : caller.May(target, Permission.Write);
        return mayWrite ? Errno.None : Errno.EACCES;
    }

    private void SetOwnerAndMode(SetAttributes o, ObjectRecord target)
    {
        const AttributeMask owner = AttributeMask.Uid | AttributeMask.Gid;
        if ((o.Mask & AttributeMask.Uid) != 0)
            target.Uid = o.Uid;
        if ((o.Mask & AttributeMask.Gid) != 0)
            target.Gid = o.Gid;
        if ((o.Mask & owner) != 0 && !target.IsDirectory)
        {
            target.Mode = ModeBits.WithoutPrivileges(target.Mode);
            DropCapabilities(target);
        }

        if ((o.Mask & AttributeMask.Mode) == 0)
            return;
        target.Mode = (ushort)(o.Mode & ModeBits.All);
        if (!caller.IsSuperuser && !caller.InGroup(target.Gid))
            target.Mode &= unchecked((ushort)~ModeBits.SetGroupId);
    }

    private void SetTimes(SetAttributes o, ObjectRecord target)
    {
        if ((o.Mask & AttributeMask.AccessTimeNow) != 0)
            target.AccessTime = Now;
        else if ((o.Mask & AttributeMask.AccessTime) != 0)
            target.AccessTime = NotNegative(o.AccessTime);
        if ((o.Mask & AttributeMask.ModifyTimeNow) != 0)
            target.ModifyTime = Now;
        else if ((o.Mask & AttributeMask.ModifyTime) != 0)
            target.ModifyTime = NotNegative(o.ModifyTime);
    }

    private static OperationResult Described(ObjectRecord target) => new() { Attributes = target.ToAttributes() };

    // Times before 1970 become 1970, as file systems do with times that they can't hold.
    private static Timestamp NotNegative(Timestamp time) => new(Math.Max(0, time.Nanoseconds));
}

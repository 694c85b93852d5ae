using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

/// <summary>Permission bits, as in access(2).</summary>
[Flags]
internal enum Permission : byte
{
    None = 0,
    Execute = 1,
    Write = 2,
    Read = 4,
}

/// <summary>Who an operation runs as, after the export list mapped the user, and what POSIX lets that user do.</summary>
internal sealed class Caller
{
    private readonly SquashMode squash;
    private readonly IReadOnlyList<uint> groups;

    /// <summary>Maps the user as the export entry says: with root squash also group 0, wherever it appears.</summary>
    public Caller(Credentials credentials, ExportEntry export)
    {
        squash = export.Squash;
        Uid = credentials.Uid;
        Gid = credentials.Gid;
        groups = credentials.Groups;
        if (export.Squash == SquashMode.All || (export.Squash == SquashMode.Root && Uid == 0))
        {
            Uid = export.AnonymousUid;
            Gid = export.AnonymousGid;
            groups = [];
        }
        else if (export.Squash == SquashMode.Root)
        {
            Gid = Gid == 0 ? export.AnonymousGid : Gid;
            groups = groups.Contains(0u) ? [.. groups.Select(group => group == 0 ? export.AnonymousGid : group)] : groups;
        }
    }

    /// <summary>User.</summary>
    public uint Uid { get; }

    /// <summary>Primary group.</summary>
    public uint Gid { get; }

    /// <summary>Whether permission bits don't bind this caller.</summary>
    public bool IsSuperuser => Uid == 0;

    /// <summary>Whether the caller owns the object or is the superuser.</summary>
    public bool Owns(ObjectRecord target) => IsSuperuser || Uid == target.Uid;

    /// <summary>Whether the caller belongs to a group.</summary>
    public bool InGroup(uint group)
    {
        if (group == Gid)
            return true;
        for (int i = 0; i < groups.Count; i++)
        {
            if (groups[i] == group)
                return true;
        }

        return false;
    }

    /// <summary>Whether the permission bits grant all of <paramref name="wanted"/>. The superuser needs some execute bit to execute a file.</summary>
    public bool May(ObjectRecord target, Permission wanted)
    {
        if (IsSuperuser)
            return (wanted & Permission.Execute) == 0 || target.IsDirectory || (target.Mode & 0x49) != 0;
        int shift = Uid == target.Uid ? 6 : InGroup(target.Gid) ? 3 : 0;
        return ((Permission)(target.Mode >> shift & 7) & wanted) == wanted;
    }

    /// <summary>
    /// Whether an operation through an open descriptor is let through. The client vouches for the descriptor, and is
    /// believed as far as it could get by naming another user, and no further: under root squash it can't name root, so
    /// root's objects need the bits; under all squash it can name nobody, so only the owner's descriptors count.
    /// </summary>
    public bool MayThroughDescriptor(ObjectRecord target, Permission wanted) =>
        May(target, wanted) || squash switch
        {
            SquashMode.None => true,
            SquashMode.Root => target.Uid != 0,
            _ => target.Uid == Uid,
        };

    /// <summary>Whether the sticky bit of a directory keeps the caller from removing or renaming an entry (EPERM).</summary>
    public bool IsStopped(ObjectRecord directory, ObjectRecord entry) =>
        (directory.Mode & ModeBits.Sticky) != 0 && !IsSuperuser && Uid != entry.Uid && Uid != directory.Uid;
}

/// <summary>The bits of a mode that aren't permissions.</summary>
internal static class ModeBits
{
    public const ushort SetUserId = 0x800;
    public const ushort SetGroupId = 0x400;
    public const ushort Sticky = 0x200;
    public const ushort GroupExecute = 0x8;
    public const ushort All = 0xfff;

    /// <summary>What remains of a mode when somebody who isn't the superuser changes the content, or anybody the owner (inode(7)).</summary>
    public static ushort WithoutPrivileges(ushort mode)
    {
        mode &= unchecked((ushort)~SetUserId);

        // Without group execution the bit once meant mandatory locking, and is kept.
        return (mode & GroupExecute) != 0 ? (ushort)(mode & ~SetGroupId) : mode;
    }
}

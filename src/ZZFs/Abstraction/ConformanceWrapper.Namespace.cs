using System.Diagnostics.CodeAnalysis;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Names: lookup, making, linking, listing.
public sealed partial class ConformanceWrapper
{
    private const uint MaximumListedEntries = 4096;

    private OperationResult Lookup(Lookup o)
    {
        if (!TryResolveDirectory(o.Directory, Permission.Execute, out ObjectRecord? directory, out Errno error))
            return Failed(error);
        error = CheckName(o.Name.Span);
        if (error != Errno.None)
            return Failed(error);
        var state = new DirectoryState(directory.Change, directory.ToAttributes());
        ObjectRecord? found = o.Name.Span switch
        {
            [(byte)'.'] => directory,
            [(byte)'.', (byte)'.'] => directory == exportRoot ? directory : objects.Load(directory.Parent),
            _ => store.FindEntry(directory.Index, o.Name.Span) is { } target ? objects.Load(target) : null,
        };
        return found is null
            ? new OperationResult { Error = Errno.ENOENT, Directory = state }
            : new OperationResult { Object = found.Id, Attributes = found.ToAttributes(), Directory = state };
    }

    private OperationResult Create(Create o)
    {
        if (!TryResolveDirectory(o.Directory, Permission.Execute, out ObjectRecord? directory, out Errno error))
            return Failed(error);
        if (!o.Exclusive && CheckNewName(o.Name.Span) == Errno.None && store.FindEntry(directory.Index, o.Name.Span) is { } present)
        {
            return new OperationResult
            {
                Object = present,
                Attributes = objects.Load(present).ToAttributes(),
                Directory = new DirectoryState(directory.Change, directory.ToAttributes()),
                Number = 0,
            };
        }

        OperationResult made = Make(o.Directory, o.Name, ObjectType.File, (ushort)(o.Mode & ModeBits.All), 0, default);
        return made.Error == Errno.None ? made with { Number = 1 } : made;
    }

    private OperationResult MakeDirectory(MakeDirectory o) =>
        Make(o.Directory, o.Name, ObjectType.Directory, (ushort)(o.Mode & (ModeBits.Sticky | 0x1ff)), 0, default);

    private OperationResult MakeSymlink(MakeSymlink o)
    {
        if (o.Target.IsEmpty)
            return Failed(Errno.ENOENT);
        if (o.Target.Length > Specification.MaximumSymlinkBytes)
            return Failed(Errno.ENAMETOOLONG);
        return o.Target.Span.Contains((byte)0)
            ? Failed(Errno.EINVAL)
            : Make(o.Directory, o.Name, ObjectType.Symlink, 0x1ff, 0, o.Target.Span);
    }

    private OperationResult MakeNode(MakeNode o)
    {
        bool device = o.Type is ObjectType.CharacterDevice or ObjectType.BlockDevice;
        if (o.Type == ObjectType.Directory)
            return Failed(Errno.EPERM);
        if (o.Type is ObjectType.Null or ObjectType.Symlink)
            return Failed(Errno.EINVAL);
        return Make(o.Directory, o.Name, o.Type, (ushort)(o.Mode & ModeBits.All), device ? o.RawDevice : 0, default);
    }

    private OperationResult Make(
        ObjectId directoryId, ReadOnlyMemory<byte> name, ObjectType type, ushort mode, uint rawDevice, ReadOnlySpan<byte> target)
    {
        if (!TryPrepareNewName(directoryId, name.Span, out ObjectRecord? directory, out Errno error))
            return Failed(error);
        if (type is ObjectType.CharacterDevice or ObjectType.BlockDevice && !caller.IsSuperuser)
            return Failed(Errno.EPERM);
        if (type == ObjectType.Directory && directory.LinkCount >= Specification.MaximumLinks)
            return Failed(Errno.EMLINK);
        if (!objects.HasRoom(EntryBytes + (ulong)target.Length) || objects.Allocate(type, context.Incarnation) is not { } made)
            return Failed(Errno.ENOSPC);
        bool inheritsGroup = (directory.Mode & ModeBits.SetGroupId) != 0;
        made.Uid = caller.Uid;
        made.Gid = inheritsGroup ? directory.Gid : caller.Gid;
        made.Mode = ModeOfNew(type, mode, inheritsGroup, made.Gid);
        made.RawDevice = rawDevice;
        made.LinkCount = type == ObjectType.Directory ? 2u : 1;
        made.Parent = directory.Index;
        made.AccessTime = Now;
        store.MakeObject(made);
        if (type == ObjectType.Symlink)
            SetLinkTarget(made, target);
        Changed(made, 0, contentChanged: true);
        ulong before = directory.Change;
        AddName(directory, name, made);
        return Named(made, directory, before);
    }

    // inode_init_owner and mode_strip_sgid of Linux: directories pass the bit on, and nobody gets a set-group-ID program
    // of a group that isn't theirs.
    private ushort ModeOfNew(ObjectType type, ushort mode, bool inheritsGroup, uint gid)
    {
        const ushort runsAsGroup = ModeBits.SetGroupId | ModeBits.GroupExecute;
        if (!inheritsGroup)
            return mode;
        if (type == ObjectType.Directory)
            return (ushort)(mode | ModeBits.SetGroupId);
        bool strip = (mode & runsAsGroup) == runsAsGroup && !caller.IsSuperuser && !caller.InGroup(gid);
        return strip ? (ushort)(mode & ~ModeBits.SetGroupId) : mode;
    }

    private OperationResult Link(Link o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error)
            || !TryPrepareNewName(o.Directory, o.Name.Span, out ObjectRecord? directory, out error))
            return Failed(error);
        if (target.IsDirectory)
            return Failed(Errno.EPERM);
        if (target.LinkCount == 0)
            return Failed(Errno.ENOENT);
        if (target.LinkCount >= Specification.MaximumLinks)
            return Failed(Errno.EMLINK);
        if (!objects.HasRoom(EntryBytes))
            return Failed(Errno.ENOSPC);
        ulong before = directory.Change;
        AddParent(target, directory.Index);
        Changed(target);
        AddName(directory, o.Name, target);
        return Named(target, directory, before);
    }

    private OperationResult ReadDirectory(ReadDirectory o)
    {
        if (!TryResolveDirectory(o.Directory, Permission.Read, out ObjectRecord? directory, out Errno error))
            return Failed(error);
        uint maximumEntries = Math.Clamp(o.MaximumEntries, 1, MaximumListedEntries);
        long room = Math.Min(o.MaximumBytes, transfer.Room);
        var entries = new List<DirectoryEntry>();
        bool end = true;
        store.ListEntries(directory.Index, o.After.Span, inclusive: false, (name, target) =>
        {
            int bytes = OperationCodec.EntryOverheadBytes + name.Length;

            // The first entry always fits, or a listing with a small bound would never get on.
            if (entries.Count == maximumEntries || (entries.Count > 0 && bytes > room))
                return end = false;
            room -= bytes;
            entries.Add(new DirectoryEntry(name.ToArray(), target, objects.Load(target).ToAttributes()));
            return true;
        });
        transfer.Spend(entries.Sum(entry => OperationCodec.EntryOverheadBytes + entry.Name.Length));
        return new OperationResult { Entries = entries, EndOfData = end, Attributes = directory.ToAttributes() };
    }

    private OperationResult Named(ObjectRecord target, ObjectRecord directory, ulong changeBefore) => new()
    {
        Object = target.Id,
        Attributes = target.ToAttributes(),
        Directory = new DirectoryState(changeBefore, directory.ToAttributes()),
    };

    private void AddName(ObjectRecord directory, ReadOnlyMemory<byte> name, ObjectRecord target)
    {
        ulong before = directory.FootprintBytes;
        store.AddEntry(directory.Index, name.Span, target.Id);
        changes.NameChanged(directory.Index, name.Span);
        directory.SizeBytes += EntryBytes;
        if (target.IsDirectory)
            directory.LinkCount++;
        Changed(directory, before, contentChanged: true);
    }

    // That a name exists is found before that the volume can't be written, and that before missing permission (filename_create).
    private bool TryPrepareNewName(
        ObjectId id,
        ReadOnlySpan<byte> name,
        [NotNullWhen(true)] out ObjectRecord? directory,
        out Errno error)
    {
        if (!TryResolveDirectory(id, Permission.Execute, out directory, out error))
            return false;
        error = CheckNewName(name);
        if (error == Errno.None && store.FindEntry(directory.Index, name) is not null)
            error = Errno.EEXIST;
        if (error == Errno.None && context.Export.ReadOnly)
            error = Errno.EROFS;
        if (error == Errno.None && !caller.May(directory, Permission.Write))
            error = Errno.EACCES;
        return error == Errno.None;
    }

    internal static Errno CheckNewName(ReadOnlySpan<byte> name) => IsDots(name) ? Errno.EEXIST : CheckName(name);

    private static Errno CheckName(ReadOnlySpan<byte> name) =>
        name.IsEmpty ? Errno.ENOENT
        : name.Length > Specification.MaximumNameBytes ? Errno.ENAMETOOLONG
        : name.ContainsAny((byte)0, (byte)'/') ? Errno.EINVAL
        : Errno.None;

    private static bool IsDots(ReadOnlySpan<byte> name) => name is [(byte)'.'] or [(byte)'.', (byte)'.'];
}

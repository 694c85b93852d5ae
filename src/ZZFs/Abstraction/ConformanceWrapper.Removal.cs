using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Removing names and renaming, and what becomes of objects that lose their last name.
public sealed partial class ConformanceWrapper
{
    private OperationResult Unlink(Unlink o)
    {
        if (IsDots(o.Name.Span))
            return Failed(Errno.EISDIR);
        if (!TryPrepareRemoval(o.Directory, o.Name.Span, out ObjectRecord? directory, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (target.IsDirectory)
            return Failed(Errno.EISDIR);
        ulong before = directory.Change;
        ObjectId id = target.Id;
        store.RemoveEntry(directory.Index, o.Name.Span);
        NameRemoved(directory, o.Name, target);
        Attributes after = DropName(target, directory.Index, o.KeepOrphan);
        return new OperationResult { Object = id, Attributes = after, Directory = new DirectoryState(before, directory.ToAttributes()) };
    }

    private OperationResult RemoveDirectory(RemoveDirectory o)
    {
        if (IsDots(o.Name.Span))
            return Failed(o.Name.Length == 1 ? Errno.EINVAL : Errno.ENOTEMPTY);
        if (!TryPrepareRemoval(o.Directory, o.Name.Span, out ObjectRecord? directory, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (!target.IsDirectory)
            return Failed(Errno.ENOTDIR);
        if (target.SizeBytes != 0)
            return Failed(Errno.ENOTEMPTY);
        ulong before = directory.Change;
        ObjectId id = target.Id;
        store.RemoveEntry(directory.Index, o.Name.Span);
        NameRemoved(directory, o.Name, target);
        Remove(target);
        return new OperationResult { Object = id, Directory = new DirectoryState(before, directory.ToAttributes()) };
    }

    private OperationResult Rename(Rename o)
    {
        if (!TryResolveDirectory(o.SourceDirectory, Permission.Execute, out ObjectRecord? source, out Errno error)
            || !TryResolveDirectory(o.TargetDirectory, Permission.Execute, out ObjectRecord? target, out error))
            return Failed(error);
        error = CheckRenamedNames(o);
        if (error != Errno.None)
            return Failed(error);
        if (store.FindEntry(source.Index, o.SourceName.Span) is not { } movedId)
            return Failed(Errno.ENOENT);
        ObjectRecord moved = objects.Load(movedId);
        ObjectRecord? present = store.FindEntry(target.Index, o.TargetName.Span) is { } presentId ? objects.Load(presentId) : null;
        if (o.Mode == RenameMode.NoReplace && present is not null)
            return Failed(Errno.EEXIST);
        if (o.Mode == RenameMode.Exchange && present is null)
            return Failed(Errno.ENOENT);
        bool exchange = o.Mode == RenameMode.Exchange;
        error = CheckRename(source, target, moved, present, exchange);
        if (error != Errno.None)
            return Failed(error);
        ulong sourceBefore = source.Change;
        ulong targetBefore = target.Change;
        ObjectId? secondId = moved == present ? null : present?.Id;

        // Two names of one object: rename(2) does nothing.
        if (moved != present)
        {
            if (exchange)
                Exchange(o, source, target, moved, present!);
            else
                Move(o, source, target, moved, present);
        }

        return new OperationResult
        {
            Object = moved.Id,
            Attributes = moved.ToAttributes(),
            Directory = new DirectoryState(sourceBefore, source.ToAttributes()),
            SecondDirectory = new DirectoryState(targetBefore, target.ToAttributes()),
            SecondObject = secondId,
        };
    }

    private Errno CheckRenamedNames(Rename o)
    {
        if (IsDots(o.SourceName.Span))
            return Errno.EBUSY;
        if (IsDots(o.TargetName.Span))
            return o.Mode == RenameMode.NoReplace ? Errno.EEXIST : Errno.EBUSY;
        if (context.Export.ReadOnly)
            return Errno.EROFS;
        Errno error = CheckName(o.SourceName.Span);
        return error == Errno.None ? CheckName(o.TargetName.Span) : error;
    }

    // In the order of do_renameat2 and vfs_rename.
    private Errno CheckRename(ObjectRecord source, ObjectRecord target, ObjectRecord moved, ObjectRecord? present, bool exchange)
    {
        if (source != target && IsAncestor(moved, target))
            return Errno.EINVAL;
        if (source != target && present is not null && IsAncestor(present, source))
            return exchange ? Errno.EINVAL : Errno.ENOTEMPTY;
        if (moved == present)
            return Errno.None;
        if (!caller.May(source, Permission.Write | Permission.Execute))
            return Errno.EACCES;
        if (caller.IsStopped(source, moved))
            return Errno.EPERM;
        if (!caller.May(target, Permission.Write | Permission.Execute))
            return Errno.EACCES;
        if (present is not null && caller.IsStopped(target, present))
            return Errno.EPERM;
        if (present is not null && !exchange && moved.IsDirectory != present.IsDirectory)
            return moved.IsDirectory ? Errno.ENOTDIR : Errno.EISDIR;

        // A directory that changes its parent is itself changed: its entry "..".
        if (source != target && moved.IsDirectory && !caller.May(moved, Permission.Write))
            return Errno.EACCES;
        if (source != target && exchange && present!.IsDirectory && !caller.May(present, Permission.Write))
            return Errno.EACCES;
        if (source != target && TooManySubdirectories(source, target, moved, present, exchange))
            return Errno.EMLINK;
        return present is { IsDirectory: true, SizeBytes: > 0 } && !exchange ? Errno.ENOTEMPTY : Errno.None;
    }

    private static bool TooManySubdirectories(
        ObjectRecord source, ObjectRecord target, ObjectRecord moved, ObjectRecord? present, bool exchange)
    {
        bool presentDirectory = present is { IsDirectory: true };
        return (moved.IsDirectory && !presentDirectory && target.LinkCount >= Specification.MaximumLinks)
            || (exchange && !moved.IsDirectory && presentDirectory && source.LinkCount >= Specification.MaximumLinks);
    }

    private void Move(Rename o, ObjectRecord source, ObjectRecord target, ObjectRecord moved, ObjectRecord? present)
    {
        if (present is not null)
        {
            store.RemoveEntry(target.Index, o.TargetName.Span);
            target.SizeBytes -= EntryBytes;
            target.LinkCount -= present.IsDirectory ? 1u : 0;
            objects.Changed(target, target.FootprintBytes + EntryBytes);
        }

        ulong sourceFootprint = source.FootprintBytes;
        store.MoveEntry(source.Index, o.SourceName.Span, target.Index, o.TargetName.Span);
        changes.NameChanged(source.Index, o.SourceName.Span);
        changes.NameChanged(target.Index, o.TargetName.Span);
        if (source == target)
        {
            Changed(source, sourceFootprint, contentChanged: true);
        }
        else
        {
            ulong targetFootprint = target.FootprintBytes;
            source.SizeBytes -= EntryBytes;
            source.LinkCount -= moved.IsDirectory ? 1u : 0;
            target.SizeBytes += EntryBytes;
            target.LinkCount += moved.IsDirectory ? 1u : 0;
            Changed(source, sourceFootprint, contentChanged: true);
            Changed(target, targetFootprint, contentChanged: true);
            MoveParent(moved, source.Index, target.Index);
        }

        Changed(moved);
        if (present is { IsDirectory: true })
            Remove(present);
        else if (present is not null)
            DropName(present, target.Index, o.KeepOrphan);
    }

    private void Exchange(Rename o, ObjectRecord source, ObjectRecord target, ObjectRecord moved, ObjectRecord present)
    {
        store.ExchangeEntries(source.Index, o.SourceName.Span, target.Index, o.TargetName.Span);
        changes.NameChanged(source.Index, o.SourceName.Span);
        changes.NameChanged(target.Index, o.TargetName.Span);
        if (source != target)
        {
            uint movedLinks = moved.IsDirectory ? 1u : 0;
            uint presentLinks = present.IsDirectory ? 1u : 0;
            source.LinkCount = source.LinkCount - movedLinks + presentLinks;
            target.LinkCount = target.LinkCount - presentLinks + movedLinks;
            MoveParent(moved, source.Index, target.Index);
            MoveParent(present, target.Index, source.Index);
            Changed(target, target.FootprintBytes, contentChanged: true);
        }

        Changed(source, source.FootprintBytes, contentChanged: true);
        Changed(moved);
        Changed(present);
    }

    // What all removals check first; that the volume can't be written is found before that the name isn't there (do_unlinkat).
    private bool TryPrepareRemoval(
        ObjectId id,
        ReadOnlySpan<byte> name,
        [NotNullWhen(true)] out ObjectRecord? directory,
        [NotNullWhen(true)] out ObjectRecord? target,
        out Errno error)
    {
        target = null;
        if (!TryResolveDirectory(id, Permission.Execute, out directory, out error))
            return false;
        error = context.Export.ReadOnly ? Errno.EROFS : CheckName(name);
        if (error != Errno.None)
            return false;
        if (store.FindEntry(directory.Index, name) is not { } found)
        {
            error = Errno.ENOENT;
            return false;
        }

        target = objects.Load(found);
        if (!caller.May(directory, Permission.Write))
            error = Errno.EACCES;
        else if (caller.IsStopped(directory, target))
            error = Errno.EPERM;
        return error == Errno.None;
    }

    private void NameRemoved(ObjectRecord directory, ReadOnlyMemory<byte> name, ObjectRecord target)
    {
        ulong before = directory.FootprintBytes;
        changes.NameChanged(directory.Index, name.Span);
        directory.SizeBytes -= EntryBytes;
        directory.LinkCount -= target.IsDirectory ? 1u : 0;
        Changed(directory, before, contentChanged: true);
    }

    // A non-directory lost a name. Returns its attributes afterwards, also when it is gone.
    private Attributes DropName(ObjectRecord target, uint directory, bool keepOrphan)
    {
        RemoveParent(target, directory);
        Changed(target);
        Attributes after = target.ToAttributes();
        if (target.LinkCount > 0)
            return after;
        if (keepOrphan && context.Session != SessionId.None)
        {
            target.OrphanOf = context.Session;
            store.WriteMetadata(MetadataKey.OfSession(context.Session.Value, target.Index), OrphanMark);
        }
        else
        {
            Remove(target);
        }

        return after;
    }

    private OperationResult ReleaseOrphan(ReleaseOrphan o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (target.LinkCount != 0 || target.IsDirectory || target.OrphanOf != context.Session)
            return Failed(Errno.EINVAL);
        Remove(target);
        return OperationResult.Success;
    }

    // Frees an object that has no name, with all that belongs to it.
    private void Remove(ObjectRecord target)
    {
        if (target.Type is ObjectType.File or ObjectType.Symlink)
            content.Drop(target);
        if (target.XattrBytes > 0)
        {
            byte[] prefix = MetadataKey.Of(MetadataKind.Xattr, target.Index);
            store.RemoveMetadata(prefix, MetadataKey.After(prefix));
        }

        locks.DropObject(target.Index);
        if (target.OrphanOf != SessionId.None)
        {
            byte[] key = MetadataKey.OfSession(target.OrphanOf.Value, target.Index);
            store.RemoveMetadata(key, [.. key, 0]);
        }

        objects.Free(target);
    }

    private List<uint> OrphansOf(SessionId session)
    {
        byte[] first = MetadataKey.OfSession(session.Value, 0);
        byte[] last = MetadataKey.OfSession(session.Value, uint.MaxValue);
        var orphans = new List<uint>();
        store.ListMetadata(first, [.. last, 0], (key, _) =>
        {
            orphans.Add(MetadataKey.LastNumber(key));
            return true;
        });
        return orphans;
    }
}

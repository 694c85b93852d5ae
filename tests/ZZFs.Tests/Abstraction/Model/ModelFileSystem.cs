using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction.Model;

/// <summary>
/// The abstract file system written for being obviously right rather than fast, for one superuser: an object is an object,
/// links are counted by walking everything. The differential test compares its answers with a service's.
/// </summary>
internal sealed partial class ModelFileSystem
{
    private readonly List<ModelObject?> places = [];
    private readonly List<ulong> generations = [];
    private readonly VolumeLimits limits;
    private long now;
    private ulong session;
    private ObjectId? current;

    public ModelFileSystem(VolumeLimits limits)
    {
        this.limits = limits;
        ModelObject root = NewObject(ObjectType.Directory, 0)!;
        root.Mode = 0x1ed;
    }

    public OperationResult Execute(long time, ulong callingSession, Operation operation)
    {
        now = time;
        session = callingSession;
        current = null;
        if (operation is not Compound compound)
            return Dispatch(operation);
        var parts = new List<OperationResult>();
        foreach (Operation part in compound.Operations)
        {
            parts.Add(Dispatch(part));
            if (parts[^1].Error != Errno.None)
                return new OperationResult { Error = parts[^1].Error, Parts = parts };
            current = parts[^1].Object ?? current;
        }

        return new OperationResult { Parts = parts };
    }

    public void EndSession(ulong ended)
    {
        foreach (ModelObject one in Everything().ToList())
        {
            foreach (var key in one.Locks.Keys.Where(key => key.Session == ended).ToList())
                one.Locks.Remove(key);
            if (one.OrphanOf == ended)
                places[(int)one.Id.Index] = null;
        }
    }

    /// <summary>The log incarnation in which operations are executed; it is part of the generations given out.</summary>
    public ulong Incarnation { get; set; }

    /// <summary>The objects that exist, for generators that want to name one.</summary>
    public IEnumerable<ModelObject> Everything() => places.OfType<ModelObject>();

    private OperationResult Dispatch(Operation operation)
    {
        try
        {
            return operation switch
            {
                Lookup o => Lookup(o),
                GetAttributes o => Described(Get(o.Object)),
                SetAttributes o => SetAttributes(o),
                CheckAccess o => CheckAccess(o),
                ReadLink o => new OperationResult { Data = Expect(Get(o.Object), ObjectType.Symlink, Errno.EINVAL).Content },
                Read o => Read(o),
                Write o => Write(o),
                Create o => Create(o),
                MakeDirectory o => Make(o.Directory, o.Name, ObjectType.Directory, (ushort)(o.Mode & 0x3ff), 0, []),
                MakeSymlink o => Make(o.Directory, o.Name, ObjectType.Symlink, 0x1ff, 0, o.Target.ToArray()),
                MakeNode o => Make(o.Directory, o.Name, o.Type, o.Mode, o.Type >= ObjectType.CharacterDevice ? o.RawDevice : 0, []),
                Link o => Link(o),
                Unlink o => Unlink(o),
                RemoveDirectory o => RemoveDirectory(o),
                Rename o => Rename(o),
                ReadDirectory o => ReadDirectory(o),
                GetStatistics => Statistics(),
                Sync => OperationResult.Success,
                _ => DispatchMore(operation),
            };
        }
        catch (Refused refused)
        {
            return OperationResult.Failed(refused.Error);
        }
    }

    private OperationResult Lookup(Lookup o)
    {
        ModelObject directory = GetDirectory(o.Directory);
        var state = new DirectoryState(directory.Change, Describe(directory));
        return directory.Entries.TryGetValue(Text(o.Name), out ModelObject? found)
            ? new OperationResult { Object = found.Id, Attributes = Describe(found), Directory = state }
            : new OperationResult { Error = Errno.ENOENT, Directory = state };
    }

    private OperationResult CheckAccess(CheckAccess o)
    {
        ModelObject target = Get(o.Object);
        bool execute = (o.Permissions & 1) == 0 || target.IsDirectory || (target.Mode & 0x49) != 0;
        return execute ? Described(target) : throw new Refused(Errno.EACCES);
    }

    private OperationResult Create(Create o)
    {
        ModelObject directory = GetDirectory(o.Directory);
        if (!o.Exclusive && directory.Entries.TryGetValue(Text(o.Name), out ModelObject? present))
        {
            return new OperationResult
            {
                Object = present.Id,
                Attributes = Describe(present),
                Directory = new DirectoryState(directory.Change, Describe(directory)),
                Number = 0,
            };
        }

        return Make(o.Directory, o.Name, ObjectType.File, o.Mode, 0, []) with { Number = 1 };
    }

    private OperationResult Make(ObjectId directoryId, ReadOnlyMemory<byte> name, ObjectType type, ushort mode, uint device, byte[] content)
    {
        ModelObject directory = GetDirectory(directoryId);
        if (directory.Entries.ContainsKey(Text(name)))
            throw new Refused(Errno.EEXIST);
        if (UsedBytes() + 32 + (ulong)content.Length > limits.TotalBytes || NewObject(type, device) is not { } made)
            throw new Refused(Errno.ENOSPC);
        bool inherits = (directory.Mode & 0x400) != 0;
        made.Mode = (ushort)(mode | (inherits && type == ObjectType.Directory ? 0x400 : 0));
        made.Gid = inherits ? directory.Gid : 0;
        made.Content = content;
        made.AccessTime = made.ModifyTime = now;
        Touch(made);
        ulong before = directory.Change;
        directory.Entries.Add(Text(name), made);
        TouchContent(directory);
        return Named(made, directory, before);
    }

    private OperationResult Link(Link o)
    {
        ModelObject target = Get(o.Object);
        ModelObject directory = GetDirectory(o.Directory);
        if (directory.Entries.ContainsKey(Text(o.Name)))
            throw new Refused(Errno.EEXIST);
        if (target.IsDirectory)
            throw new Refused(Errno.EPERM);
        if (Links(target) == 0)
            throw new Refused(Errno.ENOENT);
        if (UsedBytes() + 32 > limits.TotalBytes)
            throw new Refused(Errno.ENOSPC);
        ulong before = directory.Change;
        directory.Entries.Add(Text(o.Name), target);
        Touch(target);
        TouchContent(directory);
        return Named(target, directory, before);
    }

    private OperationResult Unlink(Unlink o)
    {
        ModelObject directory = GetDirectory(o.Directory);
        ModelObject target = Entry(directory, o.Name);
        if (target.IsDirectory)
            throw new Refused(Errno.EISDIR);
        ulong before = directory.Change;
        directory.Entries.Remove(Text(o.Name));
        TouchContent(directory);
        Touch(target);
        OperationResult result = Named(target, directory, before);
        Bury(target, o.KeepOrphan);
        return result;
    }

    private OperationResult RemoveDirectory(RemoveDirectory o)
    {
        ModelObject directory = GetDirectory(o.Directory);
        ModelObject target = Entry(directory, o.Name);
        if (!target.IsDirectory)
            throw new Refused(Errno.ENOTDIR);
        if (target.Entries.Count > 0)
            throw new Refused(Errno.ENOTEMPTY);
        ulong before = directory.Change;
        directory.Entries.Remove(Text(o.Name));
        TouchContent(directory);
        Bury(target, false);
        return Named(target, directory, before) with { Attributes = null };
    }

    private OperationResult Rename(Rename o)
    {
        ModelObject source = GetDirectory(o.SourceDirectory);
        ModelObject target = GetDirectory(o.TargetDirectory);
        ModelObject moved = Entry(source, o.SourceName);
        ModelObject? present = target.Entries.GetValueOrDefault(Text(o.TargetName));
        bool exchange = o.Mode == RenameMode.Exchange;
        if (o.Mode == RenameMode.NoReplace && present is not null)
            throw new Refused(Errno.EEXIST);
        if (exchange && present is null)
            throw new Refused(Errno.ENOENT);
        if (Holds(moved, target))
            throw new Refused(Errno.EINVAL);
        if (present is not null && source != target && Holds(present, source))
            throw new Refused(exchange ? Errno.EINVAL : Errno.ENOTEMPTY);
        if (present is not null && present != moved && !exchange)
        {
            if (moved.IsDirectory != present.IsDirectory)
                throw new Refused(moved.IsDirectory ? Errno.ENOTDIR : Errno.EISDIR);
            if (present.Entries.Count > 0)
                throw new Refused(Errno.ENOTEMPTY);
        }

        ulong sourceBefore = source.Change;
        ulong targetBefore = target.Change;
        if (moved != present)
        {
            source.Entries.Remove(Text(o.SourceName));
            target.Entries[Text(o.TargetName)] = moved;
            if (exchange)
                source.Entries[Text(o.SourceName)] = present!;
            foreach (ModelObject directory in new[] { source, target }.Distinct())
                TouchContent(directory);
            Touch(moved);
            if (present is { IsDirectory: false } || exchange)
                Touch(present!);
            if (present is not null && !exchange)
                Bury(present, o.KeepOrphan);
        }

        return new OperationResult
        {
            Object = moved.Id,
            Attributes = Describe(moved),
            Directory = new DirectoryState(sourceBefore, Describe(source)),
            SecondDirectory = new DirectoryState(targetBefore, Describe(target)),
            SecondObject = moved == present ? null : present?.Id,
        };
    }

    private OperationResult ReadDirectory(ReadDirectory o)
    {
        ModelObject directory = GetDirectory(o.Directory);
        var after = directory.Entries.Where(e => string.CompareOrdinal(e.Key, Text(o.After)) > 0).ToList();
        var listed = after.Take((int)Math.Max(1, o.MaximumEntries)).ToList();
        return new OperationResult
        {
            Entries = [.. listed.Select(e => new DirectoryEntry(Encoding.Latin1.GetBytes(e.Key), e.Value.Id, Describe(e.Value)))],
            EndOfData = listed.Count == after.Count,
            Attributes = Describe(directory),
        };
    }

    private OperationResult Statistics() => new()
    {
        Statistics = new VolumeStatistics(limits.TotalBytes, UsedBytes(), limits.TotalObjects, (ulong)Everything().Count()),
    };

    private ModelObject? NewObject(ObjectType type, uint device)
    {
        int index = places.IndexOf(null);
        if (index < 0)
        {
            if (places.Count == limits.TotalObjects)
                return null;
            index = places.Count;
            places.Add(null);
            generations.Add(0);
        }

        // Nothing that a lost end of the log named may be named again.
        generations[index] = Math.Max(generations[index] + 1, Incarnation << 40);
        var made = new ModelObject { Id = new ObjectId((uint)index, generations[index]), Type = type, RawDevice = device };
        places[index] = made;
        return made;
    }

    private void Bury(ModelObject target, bool keepOrphan)
    {
        if (Everything().Any(one => one.Entries.ContainsValue(target)))
            return;
        if (keepOrphan)
            target.OrphanOf = session;
        else
            places[(int)target.Id.Index] = null;
    }

    private ModelObject Get(ObjectId id)
    {
        if (id == ObjectId.Current)
            id = current ?? throw new Refused(Errno.EINVAL);
        return Everything().SingleOrDefault(one => one.Id == id) ?? throw new Refused(Errno.ESTALE);
    }

    private ModelObject GetDirectory(ObjectId id) => Expect(Get(id), ObjectType.Directory, Errno.ENOTDIR);

    private static ModelObject Expect(ModelObject one, ObjectType type, Errno error) =>
        one.Type == type ? one : throw new Refused(error);

    private static ModelObject Entry(ModelObject directory, ReadOnlyMemory<byte> name) =>
        directory.Entries.GetValueOrDefault(Text(name)) ?? throw new Refused(Errno.ENOENT);

    private static bool Holds(ModelObject outer, ModelObject inner) =>
        outer == inner || outer.Entries.Values.Any(one => one.IsDirectory && Holds(one, inner));

    private uint Links(ModelObject target) => target.IsDirectory
        ? 2 + (uint)target.Entries.Values.Count(one => one.IsDirectory)
        : (uint)Everything().Sum(one => one.Entries.Values.Count(entry => entry == target));

    private Attributes Describe(ModelObject target) => target.Describe(Links(target));

    private OperationResult Described(ModelObject target) => new() { Attributes = Describe(target) };

    private OperationResult Named(ModelObject target, ModelObject directory, ulong before) => new()
    {
        Object = target.Id,
        Attributes = Describe(target),
        Directory = new DirectoryState(before, Describe(directory)),
    };

    private ulong UsedBytes() => Everything().Aggregate(0UL, (sum, one) =>
        sum + one.Allocated + (one.IsDirectory || one.Type == ObjectType.Symlink ? one.Size : 0) + XattrBytes(one));

    private static ulong XattrBytes(ModelObject one) =>
        one.Xattrs.Aggregate(0UL, (sum, xattr) => sum + (ulong)(xattr.Key.Length + xattr.Value.Length));

    private void Touch(ModelObject target)
    {
        target.ChangeTime = now;
        target.Change++;
    }

    private void TouchContent(ModelObject target)
    {
        target.ModifyTime = now;
        Touch(target);
    }

    // Latin-1 keeps bytes apart and in order.
    private static string Text(ReadOnlyMemory<byte> name) => Encoding.Latin1.GetString(name.Span);

    private sealed class Refused(Errno error) : Exception
    {
        public Errno Error { get; } = error;
    }
}

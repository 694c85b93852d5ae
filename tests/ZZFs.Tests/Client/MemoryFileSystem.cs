using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Client;

/// <summary>
/// The file system's specification in plain dictionaries, without permissions or limits: what mounts are tested on.
/// </summary>
internal sealed class MemoryFileSystem : ITestVolume
{
    private readonly Dictionary<ObjectId, Item> items = [];
    private readonly List<HeldLock> locks = [];
    private uint nextIndex = 1;
    private long clock = 1_700_000_000_000_000_000;

    public MemoryFileSystem() =>
        items[ObjectId.Root] = new Item { Id = ObjectId.Root, Type = ObjectType.Directory, Mode = 0x1ED, Links = 2, Change = 1 };

    /// <summary>EFBIG beyond this size.</summary>
    public ulong MaximumFileBytes { get; set; } = 64 << 20;

    public int OrphanCount => items.Values.Count(item => item.Links == 0);

    public OperationResult Execute(Credentials caller, Operation operation)
    {
        clock += 1_000_000;
        try
        {
            return operation is Compound compound ? ExecuteAll(caller, compound) : ExecuteOne(caller, operation, default);
        }
        catch (Failure failure)
        {
            return OperationResult.Failed(failure.Error);
        }
    }

    private OperationResult ExecuteAll(Credentials caller, Compound compound)
    {
        List<OperationResult> parts = [];
        ObjectId current = default;
        foreach (Operation operation in compound.Operations)
        {
            OperationResult part;
            try
            {
                part = ExecuteOne(caller, operation, current);
            }
            catch (Failure failure)
            {
                part = OperationResult.Failed(failure.Error);
            }

            parts.Add(part);
            current = part.Object ?? current;
            if (part.Error != Errno.None)
                break;
        }

        return new OperationResult { Error = parts[^1].Error, Parts = parts };
    }

    private OperationResult ExecuteOne(Credentials caller, Operation operation, ObjectId current)
    {
        Item Get(ObjectId id) => items.GetValueOrDefault(id == ObjectId.Current ? current : id) ?? throw new Failure(Errno.ESTALE);
        switch (operation)
        {
            case Lookup lookup:
                return Look(Get(lookup.Directory), lookup.Name);
            case GetAttributes get:
                return Stat(Get(get.Object));
            case CheckAccess check:
                return Stat(Get(check.Object));
            case SetAttributes set:
                return Set(Get(set.Object), set);
            case ReadLink link:
                return new OperationResult { Data = Get(link.Object).Content.ToArray() };
            case Read read:
                return ReadContent(Get(read.Object), read);
            case Write write:
                return WriteContent(Get(write.Object), write);
            case Create create:
                return CreateFile(caller, Get(create.Directory), create);
            case MakeDirectory make:
                return Make(caller, Get(make.Directory), make.Name, ObjectType.Directory, make.Mode, 0, default);
            case MakeSymlink make:
                return Make(caller, Get(make.Directory), make.Name, ObjectType.Symlink, 0x1FF, 0, make.Target);
            case MakeNode make:
                return Make(caller, Get(make.Directory), make.Name, make.Type, make.Mode, make.RawDevice, default);
            case Link link:
                return LinkItem(Get(link.Object), Get(link.Directory), link.Name);
            case Unlink unlink:
                return UnlinkItem(Get(unlink.Directory), unlink);
            case RemoveDirectory remove:
                return Remove(Get(remove.Directory), remove.Name);
            case Rename rename:
                return RenameItem(Get(rename.SourceDirectory), Get(rename.TargetDirectory), rename);
            case ReadDirectory list:
                return List(Get(list.Directory), list);
            case GetStatistics:
                return new OperationResult { Statistics = new VolumeStatistics(1 << 30, 1 << 20, 1 << 20, (ulong)items.Count) };
            case Sync:
                return OperationResult.Success;
            case GetXattr get:
                return new OperationResult { Data = Get(get.Object).Xattrs.GetValueOrDefault(Text(get.Name)) ?? throw new Failure(Errno.ENODATA) };
            case ListXattrs list:
                return new OperationResult { Data = Get(list.Object).Xattrs.Keys.SelectMany(name => Bytes(name).Append((byte)0)).ToArray() };
            case SetXattr set:
                return SetAttribute(Get(set.Object), set);
            case RemoveXattr remove:
                return Get(remove.Object).Xattrs.Remove(Text(remove.Name)) ? Changed(Get(remove.Object)) : throw new Failure(Errno.ENODATA);
            case Allocate allocate:
                return AllocateRange(Get(allocate.Object), allocate);
            case Seek seek:
                return SeekContent(Get(seek.Object), seek);
            case CopyRange copy:
                return CopyContent(Get(copy.Source), Get(copy.Target), copy);
            case SetLock set:
                return Lock(Get(set.Object), set);
            case TestLock test:
                return new OperationResult { Conflict = ConflictWith(test.Object, test.Owner, test.Start, test.End, test.Kind, false) };
            case ReleaseOrphan release:
                if (Get(release.Object).Links == 0)
                    items.Remove(release.Object);
                return OperationResult.Success;
            default:
                throw new Failure(Errno.EPROTO);
        }
    }

    private OperationResult Look(Item directory, ReadOnlyMemory<byte> name)
    {
        DirectoryState state = new(directory.Change, directory.Attributes());
        return Entries(directory).TryGetValue(Text(name), out ObjectId id)
            ? new OperationResult { Object = id, Attributes = items[id].Attributes(), Directory = state }
            : new OperationResult { Error = Errno.ENOENT, Directory = state };
    }

    private OperationResult Set(Item item, SetAttributes set)
    {
        bool Has(AttributeMask mask) => (set.Mask & mask) != 0;
        if (Has(AttributeMask.Mode))
            item.Mode = set.Mode;
        if (Has(AttributeMask.Uid))
            item.Uid = set.Uid;
        if (Has(AttributeMask.Gid))
            item.Gid = set.Gid;
        if (Has(AttributeMask.Size))
        {
            Check(set.SizeBytes, 0);
            item.Resize((int)set.SizeBytes);
            item.ModifyTime = clock;
        }

        if (Has(AttributeMask.AccessTime))
            item.AccessTime = set.AccessTime.Nanoseconds;
        if (Has(AttributeMask.ModifyTime))
            item.ModifyTime = set.ModifyTime.Nanoseconds;
        if (Has(AttributeMask.AccessTimeNow))
            item.AccessTime = clock;
        if (Has(AttributeMask.ModifyTimeNow))
            item.ModifyTime = clock;
        return Changed(item);
    }

    private static OperationResult ReadContent(Item item, Read read)
    {
        int start = (int)Math.Min(read.Offset, (ulong)item.Content.Length);
        int count = (int)Math.Min(read.Count, item.Content.Length - start);
        return new OperationResult
        {
            Data = item.Content.AsMemory(start, count).ToArray(),
            EndOfData = start + count == item.Content.Length,
            Attributes = item.Attributes(),
        };
    }

    private OperationResult WriteContent(Item item, Write write)
    {
        ulong offset = write.Append ? (ulong)item.Content.Length : write.Offset;
        Check(offset, (ulong)write.Data.Length);
        int end = (int)offset + write.Data.Length;
        if (end > item.Content.Length)
            item.Resize(end);
        write.Data.Span.CopyTo(item.Content.AsSpan((int)offset));
        item.Mode &= 0x3FF;
        item.ModifyTime = clock;
        return Changed(item) with { Number = offset };
    }

    private OperationResult CreateFile(Credentials caller, Item directory, Create create)
    {
        if (!Entries(directory).TryGetValue(Text(create.Name), out ObjectId id))
            return Make(caller, directory, create.Name, ObjectType.File, create.Mode, 0, default) with { Number = 1 };
        if (create.Exclusive || items[id].Type != ObjectType.File)
            throw new Failure(Errno.EEXIST);
        DirectoryState state = new(directory.Change, directory.Attributes());
        return new OperationResult { Object = id, Attributes = items[id].Attributes(), Directory = state, Number = 0 };
    }

    private OperationResult Make(
        Credentials caller, Item directory, ReadOnlyMemory<byte> name, ObjectType type, ushort mode, uint device, ReadOnlyMemory<byte> content)
    {
        if (Entries(directory).ContainsKey(Text(name)))
            throw new Failure(Errno.EEXIST);
        Item item = new()
        {
            Id = new ObjectId(nextIndex++, 1),
            Type = type,
            Mode = mode,
            Uid = caller.Uid,
            Gid = caller.Gid,
            Links = type == ObjectType.Directory ? 2u : 1u,
            Device = device,
            Content = content.ToArray(),
            AccessTime = clock,
            ModifyTime = clock,
            ChangeTime = clock,
            Change = 1,
        };
        items[item.Id] = item;
        DirectoryState state = ChangeEntries(directory, () => directory.Entries[Text(name)] = item.Id, type == ObjectType.Directory ? 1 : 0);
        return new OperationResult { Object = item.Id, Attributes = item.Attributes(), Directory = state };
    }

    private OperationResult LinkItem(Item item, Item directory, ReadOnlyMemory<byte> name)
    {
        if (Entries(directory).ContainsKey(Text(name)))
            throw new Failure(Errno.EEXIST);
        item.Links++;
        DirectoryState state = ChangeEntries(directory, () => directory.Entries[Text(name)] = item.Id, 0);
        return Changed(item) with { Object = item.Id, Directory = state };
    }

    private OperationResult UnlinkItem(Item directory, Unlink unlink)
    {
        Item item = Child(directory, unlink.Name);
        if (item.Type == ObjectType.Directory)
            throw new Failure(Errno.EISDIR);
        DirectoryState state = ChangeEntries(directory, () => directory.Entries.Remove(Text(unlink.Name)), 0);
        OperationResult result = DropName(item, unlink.KeepOrphan);
        return result with { Object = item.Id, Directory = state };
    }

    private OperationResult DropName(Item item, bool keepOrphan)
    {
        item.Links--;
        if (item.Links == 0 && !keepOrphan)
            items.Remove(item.Id);
        return Changed(item);
    }

    private OperationResult Remove(Item directory, ReadOnlyMemory<byte> name)
    {
        Item item = Child(directory, name);
        if (Entries(item).Count > 0)
            throw new Failure(Errno.ENOTEMPTY);
        items.Remove(item.Id);
        return new OperationResult { Object = item.Id, Directory = ChangeEntries(directory, () => directory.Entries.Remove(Text(name)), -1) };
    }

    private OperationResult RenameItem(Item source, Item target, Rename rename)
    {
        Item moved = Child(source, rename.SourceName);
        bool exists = Entries(target).TryGetValue(Text(rename.TargetName), out ObjectId otherId);
        if (rename.Mode == RenameMode.NoReplace && exists)
            throw new Failure(Errno.EEXIST);
        if (rename.Mode == RenameMode.Exchange && !exists)
            throw new Failure(Errno.ENOENT);
        Item? other = exists ? items[otherId] : null;
        if (rename.Mode == RenameMode.Replace && other is { Type: ObjectType.Directory, Entries.Count: > 0 })
            throw new Failure(Errno.ENOTEMPTY);
        int movedLinks = source == target || moved.Type != ObjectType.Directory ? 0 : 1;
        DirectoryState first = ChangeEntries(source, () => source.Entries.Remove(Text(rename.SourceName)), -movedLinks);
        DirectoryState second = ChangeEntries(target, () => target.Entries[Text(rename.TargetName)] = moved.Id, movedLinks);
        if (source == target)
            first = second = new DirectoryState(first.ChangeBefore, second.After);
        if (rename.Mode == RenameMode.Exchange)
            source.Entries[Text(rename.SourceName)] = otherId;
        else if (other is { Type: ObjectType.Directory })
            items.Remove(otherId);
        else if (other is not null)
            DropName(other, rename.KeepOrphan);
        return Changed(moved) with { Object = moved.Id, Directory = first, SecondDirectory = second, SecondObject = exists ? otherId : null };
    }

    private OperationResult List(Item directory, ReadDirectory list)
    {
        string after = Text(list.After);
        List<DirectoryEntry> entries = [.. Entries(directory)
            .Where(entry => string.CompareOrdinal(entry.Key, after) > 0)
            .Select(entry => new DirectoryEntry(Bytes(entry.Key), entry.Value, items[entry.Value].Attributes()))];
        int count = (int)Math.Min(list.MaximumEntries, (uint)entries.Count);
        return new OperationResult { Entries = entries[..count], EndOfData = count == entries.Count, Attributes = directory.Attributes() };
    }

    private OperationResult SetAttribute(Item item, SetXattr set)
    {
        bool exists = item.Xattrs.ContainsKey(Text(set.Name));
        if (set.Flags == 1 && exists)
            throw new Failure(Errno.EEXIST);
        if (set.Flags == 2 && !exists)
            throw new Failure(Errno.ENODATA);
        item.Xattrs[Text(set.Name)] = set.Value.ToArray();
        return Changed(item);
    }

    private OperationResult AllocateRange(Item item, Allocate allocate)
    {
        Check(allocate.Offset, allocate.Length);
        int end = (int)(allocate.Offset + allocate.Length);
        bool keeps = (allocate.Mode & AllocateMode.KeepSize) != 0;
        if (!keeps && end > item.Content.Length)
            item.Resize(end);
        if ((allocate.Mode & (AllocateMode.PunchHole | AllocateMode.ZeroRange)) != 0 && (int)allocate.Offset < item.Content.Length)
            item.Content.AsSpan((int)allocate.Offset, Math.Min(end, item.Content.Length) - (int)allocate.Offset).Clear();
        return Changed(item);
    }

    private static OperationResult SeekContent(Item item, Seek seek)
    {
        if (seek.Offset >= (ulong)item.Content.Length)
            throw new Failure(Errno.ENXIO);
        return new OperationResult { Number = seek.Hole ? (ulong)item.Content.Length : seek.Offset };
    }

    private OperationResult CopyContent(Item source, Item target, CopyRange copy)
    {
        int start = (int)Math.Min(copy.SourceOffset, (ulong)source.Content.Length);
        byte[] bytes = source.Content.AsSpan(start, (int)Math.Min(copy.Length, (ulong)(source.Content.Length - start))).ToArray();
        if (bytes.Length == 0)
            return new OperationResult { Number = 0, Attributes = target.Attributes() };
        return WriteContent(target, new Write(target.Id, copy.TargetOffset, bytes, false, true)) with { Number = (ulong)bytes.Length };
    }

    private OperationResult Lock(Item item, SetLock set)
    {
        if (set.Kind != LockKind.Unlock && ConflictWith(item.Id, set.Owner, set.Start, set.End, set.Kind, set.WholeFile) is LockConflict conflict)
            return new OperationResult { Error = Errno.EAGAIN, Conflict = conflict };
        List<HeldLock> split = [];
        locks.RemoveAll(held =>
        {
            if (held.Id != item.Id || held.Owner != set.Owner || held.WholeFile != set.WholeFile || held.Start > set.End || set.Start > held.End)
                return false;
            if (held.Start < set.Start)
                split.Add(held with { End = set.Start - 1 });
            if (held.End > set.End)
                split.Add(held with { Start = set.End + 1 });
            return true;
        });
        locks.AddRange(split);
        if (set.Kind != LockKind.Unlock)
            locks.Add(new HeldLock(item.Id, set.Owner, set.Start, set.End, set.Kind, set.ProcessId, set.WholeFile));
        return OperationResult.Success;
    }

    private LockConflict? ConflictWith(ObjectId id, ulong owner, ulong start, ulong end, LockKind kind, bool wholeFile)
    {
        HeldLock? held = locks.Find(held => held.Id == id && held.Owner != owner && held.WholeFile == wholeFile
            && held.Start <= end && start <= held.End && (held.Kind == LockKind.Write || kind == LockKind.Write));
        return held is null ? null : new LockConflict(held.Start, held.End, held.Kind, held.ProcessId);
    }

    private void Check(ulong offset, ulong length)
    {
        if (offset > MaximumFileBytes || length > MaximumFileBytes - offset)
            throw new Failure(Errno.EFBIG);
    }

    private DirectoryState ChangeEntries(Item directory, Action change, int linkDifference)
    {
        ulong before = directory.Change;
        change();
        directory.Links = (uint)(directory.Links + linkDifference);
        directory.ModifyTime = clock;
        return new DirectoryState(before, Changed(directory).Attributes!);
    }

    private OperationResult Changed(Item item)
    {
        item.Change++;
        item.ChangeTime = clock;
        return Stat(item);
    }

    private static OperationResult Stat(Item item) => new() { Attributes = item.Attributes() };

    private Item Child(Item directory, ReadOnlyMemory<byte> name) =>
        Entries(directory).TryGetValue(Text(name), out ObjectId id) ? items[id] : throw new Failure(Errno.ENOENT);

    private static SortedDictionary<string, ObjectId> Entries(Item item) =>
        item.Type == ObjectType.Directory ? item.Entries : throw new Failure(Errno.ENOTDIR);

    // Latin 1 keeps bytes apart and in order.
    private static string Text(ReadOnlyMemory<byte> bytes) => System.Text.Encoding.Latin1.GetString(bytes.Span);

    private static byte[] Bytes(string text) => System.Text.Encoding.Latin1.GetBytes(text);

    private sealed record HeldLock(ObjectId Id, ulong Owner, ulong Start, ulong End, LockKind Kind, uint ProcessId, bool WholeFile);

    private sealed class Failure(Errno error) : Exception
    {
        public Errno Error => error;
    }

    private sealed class Item
    {
        private byte[] content = [];

        public required ObjectId Id { get; init; }
        public required ObjectType Type { get; init; }
        public ushort Mode { get; set; }
        public uint Uid { get; set; }
        public uint Gid { get; set; }
        public uint Links { get; set; }
        public uint Device { get; init; }
        public ulong Change { get; set; }
        public long AccessTime { get; set; }
        public long ModifyTime { get; set; }
        public long ChangeTime { get; set; }
        public SortedDictionary<string, ObjectId> Entries { get; } = new(StringComparer.Ordinal);
        public SortedDictionary<string, byte[]> Xattrs { get; } = new(StringComparer.Ordinal);
        public byte[] Content { get => content; set => content = value; }

        public void Resize(int length) => Array.Resize(ref content, length);

        public Attributes Attributes() => new(
            Type, Mode, Uid, Gid, Links, (ulong)(Type == ObjectType.Directory ? Entries.Count * 32 : content.Length),
            (ulong)content.Length, new Timestamp(AccessTime), new Timestamp(ModifyTime), new Timestamp(ChangeTime), Device, Change);
    }
}

using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction.Model;

// Content, attributes, extended attributes and locks of the model.
internal sealed partial class ModelFileSystem
{
    /// <summary>Lock ranges that tests use lie below this.</summary>
    public const int LockCells = 24;

    private OperationResult DispatchMore(Operation operation) => operation switch
    {
        GetXattr o => new OperationResult { Data = Get(o.Object).Xattrs.GetValueOrDefault(Text(o.Name)) ?? throw new Refused(Errno.ENODATA) },
        SetXattr o => SetXattr(o),
        ListXattrs o => new OperationResult { Data = Encoding.Latin1.GetBytes(string.Concat(Get(o.Object).Xattrs.Keys.Select(key => key + "\0"))) },
        RemoveXattr o => RemoveXattr(o),
        Allocate o => Allocate(o),
        Seek o => Seek(o),
        CopyRange o => CopyRange(o),
        SetLock o => SetLock(o),
        TestLock o => Conflict(Get(o.Object), false, o.Owner, o.Start, o.End, o.Kind) is { } conflict
            ? new OperationResult { Conflict = conflict }
            : OperationResult.Success,
        ReleaseOrphan o => ReleaseOrphan(o),
        _ => throw new InvalidOperationException(operation.ToString()),
    };

    private ModelObject GetFile(ObjectId id)
    {
        ModelObject file = Get(id);
        return file.IsDirectory ? throw new Refused(Errno.EISDIR) : Expect(file, ObjectType.File, Errno.EINVAL);
    }

    private OperationResult SetAttributes(SetAttributes o)
    {
        ModelObject target = Get(o.Object);
        if (o.Mask == AttributeMask.None)
            return Described(target);
        if (o.Mask.HasFlag(AttributeMask.Size))
            GetFile(target.Id);
        if (o.Mask.HasFlag(AttributeMask.Mode) && target.Type == ObjectType.Symlink)
            throw new Refused(Errno.EOPNOTSUPP);
        if (o.Mask.HasFlag(AttributeMask.Size))
        {
            byte[] content = target.Content;
            Array.Resize(ref content, (int)o.SizeBytes);
            target.Content = content;
            target.ModifyTime = now;
        }

        target.Uid = o.Mask.HasFlag(AttributeMask.Uid) ? o.Uid : target.Uid;
        target.Gid = o.Mask.HasFlag(AttributeMask.Gid) ? o.Gid : target.Gid;
        if ((o.Mask & (AttributeMask.Uid | AttributeMask.Gid)) != 0 && !target.IsDirectory)
            target.Mode = (ushort)(target.Mode & ~((target.Mode & 8) != 0 ? 0xc00 : 0x800));
        target.Mode = o.Mask.HasFlag(AttributeMask.Mode) ? (ushort)(o.Mode & 0xfff) : target.Mode;
        target.AccessTime = o.Mask.HasFlag(AttributeMask.AccessTime) ? Math.Max(0, o.AccessTime.Nanoseconds) : target.AccessTime;
        target.ModifyTime = o.Mask.HasFlag(AttributeMask.ModifyTime) ? Math.Max(0, o.ModifyTime.Nanoseconds) : target.ModifyTime;
        target.AccessTime = o.Mask.HasFlag(AttributeMask.AccessTimeNow) ? now : target.AccessTime;
        target.ModifyTime = o.Mask.HasFlag(AttributeMask.ModifyTimeNow) ? now : target.ModifyTime;
        Touch(target);
        return Described(target);
    }

    private OperationResult Read(Read o)
    {
        ModelObject file = GetFile(o.Object);
        byte[] data = [.. file.Content.Skip((int)Math.Min(o.Offset, int.MaxValue)).Take((int)o.Count)];
        return new OperationResult
        {
            Data = data,
            EndOfData = o.Offset + (ulong)data.Length >= file.Size,
            Attributes = Describe(file),
        };
    }

    private OperationResult Write(Write o)
    {
        ModelObject file = GetFile(o.Object);
        ulong offset = o.Append ? file.Size : o.Offset;
        if (o.Data.Length > 0)
        {
            Replace(file, Overwritten(file.Content, (int)offset, o.Data.ToArray()));
            TouchContent(file);
        }

        return Described(file) with { Number = offset };
    }

    private OperationResult Allocate(Allocate o)
    {
        ModelObject file = Get(o.Object);
        if (file.Type != ObjectType.File)
            throw new Refused(file.IsDirectory ? Errno.EISDIR : Errno.ENODEV);
        bool keep = o.Mode.HasFlag(AllocateMode.KeepSize);
        AllocateMode what = o.Mode & ~AllocateMode.KeepSize;
        if ((what != 0 && what != AllocateMode.PunchHole && what != AllocateMode.ZeroRange) || (what == AllocateMode.PunchHole && !keep))
            throw new Refused(Errno.EOPNOTSUPP);
        if (o.Length == 0)
            throw new Refused(Errno.EINVAL);
        byte[] content = what == 0
            ? [.. file.Content, .. new byte[Math.Max(0, (int)(o.Offset + o.Length) - file.Content.Length)]]
            : Overwritten(file.Content, (int)o.Offset, new byte[o.Length]);
        file.Content = keep ? [.. content.Take(file.Content.Length)] : content;
        TouchContent(file);
        return Described(file);
    }

    private OperationResult Seek(Seek o)
    {
        ModelObject file = Get(o.Object);
        Expect(file, ObjectType.File, Errno.EINVAL);
        if (o.Offset >= file.Size)
            throw new Refused(Errno.ENXIO);
        for (ulong at = o.Offset; at < file.Size; at = (at / Specification.BlockBytes * Specification.BlockBytes) + Specification.BlockBytes)
        {
            int block = (int)(at / Specification.BlockBytes) * Specification.BlockBytes;
            bool data = file.Content.Skip(block).Take(Specification.BlockBytes).Any(one => one != 0);
            if (data != o.Hole)
                return new OperationResult { Number = at };
        }

        return o.Hole ? new OperationResult { Number = file.Size } : throw new Refused(Errno.ENXIO);
    }

    private OperationResult CopyRange(CopyRange o)
    {
        ModelObject source = GetFile(o.Source);
        ModelObject target = GetFile(o.Target);
        if (source == target && o.SourceOffset < o.TargetOffset + o.Length && o.TargetOffset < o.SourceOffset + o.Length)
            throw new Refused(Errno.EINVAL);
        byte[] data = [.. source.Content.Skip((int)o.SourceOffset).Take((int)o.Length)];
        int copied = CopyWhatFits(target, (int)o.TargetOffset, data);
        if (copied == 0 && data.Length > 0)
            throw new Refused(Errno.ENOSPC);
        if (copied > 0)
            TouchContent(target);
        return Described(target) with { Number = (ulong)copied };
    }

    // Block by block of the target; less than asked for when the volume is full, as with copy_file_range(2).
    private int CopyWhatFits(ModelObject target, int offset, byte[] data)
    {
        int copied = 0;
        while (copied < data.Length)
        {
            int count = Math.Min(Specification.BlockBytes - ((offset + copied) % Specification.BlockBytes), data.Length - copied);
            try
            {
                Replace(target, Overwritten(target.Content, offset + copied, data[copied..(copied + count)]));
            }
            catch (Refused)
            {
                break;
            }

            copied += count;
        }

        return copied;
    }

    private static byte[] Overwritten(byte[] content, int offset, byte[] data)
    {
        byte[] after = new byte[Math.Max(content.Length, offset + data.Length)];
        content.CopyTo(after, 0);
        data.CopyTo(after, offset);
        return after;
    }

    private void Replace(ModelObject file, byte[] content)
    {
        byte[] before = file.Content;
        ulong allocatedBefore = file.Allocated;
        file.Content = content;
        if (file.Allocated > allocatedBefore && UsedBytes() > limits.TotalBytes)
        {
            file.Content = before;
            throw new Refused(Errno.ENOSPC);
        }
    }

    private OperationResult SetXattr(SetXattr o)
    {
        ModelObject target = Get(o.Object);
        bool present = target.Xattrs.TryGetValue(Text(o.Name), out byte[]? old);
        if (o.Flags == 1 && present)
            throw new Refused(Errno.EEXIST);
        if (o.Flags == 2 && !present)
            throw new Refused(Errno.ENODATA);
        target.Xattrs[Text(o.Name)] = o.Value.ToArray();
        if (UsedBytes() > limits.TotalBytes && o.Value.Length > (old?.Length ?? -1))
        {
            target.Xattrs.Remove(Text(o.Name));
            if (present)
                target.Xattrs[Text(o.Name)] = old!;
            throw new Refused(Errno.ENOSPC);
        }

        Touch(target);
        return Described(target);
    }

    private OperationResult RemoveXattr(RemoveXattr o)
    {
        ModelObject target = Get(o.Object);
        if (!target.Xattrs.Remove(Text(o.Name)))
            throw new Refused(Errno.ENODATA);
        Touch(target);
        return Described(target);
    }

    private OperationResult SetLock(SetLock o)
    {
        ModelObject target = Get(o.Object);
        if (o.Kind != LockKind.Unlock && Conflict(target, o.WholeFile, o.Owner, o.Start, o.End, o.Kind) is { } conflict)
            return new OperationResult { Error = Errno.EAGAIN, Conflict = conflict };
        var key = (o.WholeFile, session, o.Owner);
        if (!target.Locks.TryGetValue(key, out LockKind?[]? cells))
            target.Locks.Add(key, cells = new LockKind?[LockCells]);
        for (ulong at = o.Start; at <= o.End; at++)
            cells[at] = o.Kind == LockKind.Unlock ? null : o.Kind;
        return OperationResult.Success;
    }

    // The process of a lock is its owner in tests, so that joined locks have one answer.
    private LockConflict? Conflict(ModelObject target, bool wholeFile, ulong owner, ulong start, ulong end, LockKind kind) =>
        target.Locks
            .Where(held => held.Key.WholeFile == wholeFile && (held.Key.Session, held.Key.Owner) != (session, owner))
            .SelectMany(held => Runs(held.Value).Select(run => (held.Key, Run: run)))
            .Where(held => held.Run.Start <= end && start <= held.Run.End && (kind == LockKind.Write || held.Run.Kind == LockKind.Write))
            .OrderBy(held => (held.Run.Start, held.Key.Session, held.Key.Owner))
            .Select(held => new LockConflict(held.Run.Start, held.Run.End, held.Run.Kind, (uint)held.Key.Owner))
            .FirstOrDefault();

    private static IEnumerable<(ulong Start, ulong End, LockKind Kind)> Runs(LockKind?[] cells)
    {
        for (int at = 0; at < cells.Length;)
        {
            int end = at;
            while (end + 1 < cells.Length && cells[end + 1] == cells[at])
                end++;
            if (cells[at] is { } kind)
                yield return ((ulong)at, (ulong)end, kind);
            at = end + 1;
        }
    }

    private OperationResult ReleaseOrphan(ReleaseOrphan o)
    {
        ModelObject target = Get(o.Object);
        if (target.OrphanOf != session)
            throw new Refused(Errno.EINVAL);
        places[(int)target.Id.Index] = null;
        return OperationResult.Success;
    }
}

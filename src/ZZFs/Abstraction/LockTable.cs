using Agreement.Messages;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>One lock. <paramref name="End"/> is included.</summary>
internal readonly record struct HeldLock(
    bool WholeFile, ulong Start, ulong End, ulong Session, ulong Owner, LockKind Kind, uint ProcessId) : IComparable<HeldLock>
{
    public bool SameOwner(in HeldLock other) =>
        WholeFile == other.WholeFile && Session == other.Session && Owner == other.Owner;

    public bool Overlaps(in HeldLock other) => WholeFile == other.WholeFile && Start <= other.End && other.Start <= End;

    public bool Conflicts(in HeldLock other) =>
        Overlaps(other) && !SameOwner(other) && (Kind == LockKind.Write || other.Kind == LockKind.Write);

    // The order is total on what can be held at once: locks of one owner don't overlap.
    public int CompareTo(HeldLock other)
    {
        int order = WholeFile.CompareTo(other.WholeFile);
        if (order == 0)
            order = Start.CompareTo(other.Start);
        if (order == 0)
            order = Session.CompareTo(other.Session);
        return order != 0 ? order : Owner.CompareTo(other.Owner);
    }
}

/// <summary>
/// All locks of the volume, part of the replicated state: record locks with the rules of fcntl(2), where a new lock of an
/// owner replaces its old ones in the range, and whole-file locks of flock(2) apart from them.
/// </summary>
internal sealed class LockTable(uint totalLocks)
{
    // u8 whole file, u64 start, u64 end, u64 session, u64 owner, u8 kind, u32 process
    private const int LockBytes = 1 + (4 * sizeof(ulong)) + 1 + sizeof(uint);

    private readonly SortedDictionary<uint, List<HeldLock>> locks = [];
    private readonly SortedSet<uint> unwritten = [];
    private uint count;

    /// <summary>Takes, changes or releases (<see cref="LockKind.Unlock"/>) a lock.</summary>
    /// <returns>EAGAIN with the lock in the way; ENOLCK when the table is full.</returns>
    public Errno Set(uint index, in HeldLock wanted, out HeldLock conflict)
    {
        List<HeldLock> held = locks.GetValueOrDefault(index) ?? [];
        conflict = default;
        if (wanted.Kind != LockKind.Unlock && Conflict(index, wanted) is { } other)
        {
            conflict = other;
            return Errno.EAGAIN;
        }

        List<HeldLock> after = Merge(held, wanted);
        if (after.Count > held.Count && count + (uint)(after.Count - held.Count) > totalLocks)
            return Errno.ENOLCK;
        Replace(index, held.Count, after);
        return Errno.None;
    }

    /// <summary>The first lock that stands in the way of <paramref name="wanted"/>.</summary>
    public HeldLock? Conflict(uint index, in HeldLock wanted)
    {
        if (!locks.TryGetValue(index, out List<HeldLock>? held))
            return null;
        foreach (HeldLock other in held)
        {
            if (wanted.Conflicts(other))
                return other;
        }

        return null;
    }

    /// <summary>Releases all locks on an object that goes.</summary>
    public void DropObject(uint index)
    {
        if (locks.TryGetValue(index, out List<HeldLock>? held))
            Replace(index, held.Count, []);
    }

    /// <summary>Releases all locks of a session.</summary>
    /// <returns>The objects whose locks changed.</returns>
    public List<uint> DropSession(SessionId session)
    {
        var changed = new List<uint>();
        foreach ((uint index, List<HeldLock> held) in locks)
        {
            if (held.Exists(one => one.Session == session.Value))
                changed.Add(index);
        }

        foreach (uint index in changed)
            Replace(index, locks[index].Count, locks[index].FindAll(one => one.Session != session.Value));
        return changed;
    }

    /// <summary>Writes what changed to the store.</summary>
    public void WriteBack(IBackingStore store)
    {
        foreach (uint index in unwritten)
        {
            byte[] key = MetadataKey.Of(MetadataKind.Locks, index);
            if (locks.TryGetValue(index, out List<HeldLock>? held))
                store.WriteMetadata(key, Encode(held));
            else
                store.RemoveMetadata(key, MetadataKey.After(key));
        }

        unwritten.Clear();
    }

    /// <summary>Reads what <see cref="WriteBack"/> wrote.</summary>
    public void Load(IBackingStore store)
    {
        byte[] prefix = MetadataKey.Of(MetadataKind.Locks);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            if (key.Length != prefix.Length + sizeof(uint) || value.IsEmpty || value.Length % LockBytes != 0)
                throw new StoreDamagedException("the store is damaged: its locks can't be read");
            List<HeldLock> held = Decode(value);
            locks.Add(MetadataKey.LastNumber(key), held);
            count += (uint)held.Count;
            return true;
        });
    }

    // The owner's old locks in the range give way: cut at its ends, and joined with the new one where kinds are equal.
    private static List<HeldLock> Merge(List<HeldLock> held, HeldLock wanted)
    {
        var after = new List<HeldLock>(held.Count + 2);
        HeldLock joined = wanted;
        foreach (HeldLock old in held)
        {
            if (!old.SameOwner(wanted) || !Touches(old, wanted))
            {
                after.Add(old);
                continue;
            }

            if (old.Kind == wanted.Kind)
            {
                joined = joined with { Start = Math.Min(joined.Start, old.Start), End = Math.Max(joined.End, old.End) };
                continue;
            }

            if (old.Start < wanted.Start)
                after.Add(old with { End = Math.Min(old.End, wanted.Start - 1) });
            if (old.End > wanted.End)
                after.Add(old with { Start = Math.Max(old.Start, wanted.End + 1) });
        }

        if (wanted.Kind != LockKind.Unlock)
            after.Add(joined);
        after.Sort();
        return after;
    }

    private static bool Touches(in HeldLock old, in HeldLock wanted) =>
        old.Overlaps(wanted)
        || (wanted.Start > 0 && old.End == wanted.Start - 1)
        || (wanted.End < ulong.MaxValue && old.Start == wanted.End + 1);

    private void Replace(uint index, int countBefore, List<HeldLock> after)
    {
        count = count - (uint)countBefore + (uint)after.Count;
        if (after.Count == 0)
            locks.Remove(index);
        else
            locks[index] = after;
        unwritten.Add(index);
    }

    private static byte[] Encode(List<HeldLock> held)
    {
        var writer = new MessageWriter(held.Count * LockBytes);
        foreach (HeldLock one in held)
        {
            writer.WriteBool(one.WholeFile);
            writer.WriteUInt64(one.Start);
            writer.WriteUInt64(one.End);
            writer.WriteUInt64(one.Session);
            writer.WriteUInt64(one.Owner);
            writer.WriteByte((byte)one.Kind);
            writer.WriteUInt32(one.ProcessId);
        }

        return writer.ToArray();
    }

    private static List<HeldLock> Decode(ReadOnlySpan<byte> stored)
    {
        var held = new List<HeldLock>(stored.Length / LockBytes);
        var reader = new MessageReader(stored.ToArray());
        while (reader.Remaining > 0)
        {
            held.Add(new HeldLock(
                reader.ReadBool(),
                reader.ReadUInt64(),
                reader.ReadUInt64(),
                reader.ReadUInt64(),
                reader.ReadUInt64(),
                (LockKind)reader.ReadByte(),
                reader.ReadUInt32()));
            if (reader.Failed)
                throw new StoreDamagedException("the store is damaged: a lock can't be read");
        }

        return held;
    }
}

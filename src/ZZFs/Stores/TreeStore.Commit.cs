using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Commits: the tree is brought up to the records, then kept as a snapshot.
public sealed partial class TreeStore
{
    private const int ObjectsAtATime = 8;

    /// <inheritdoc/>
    public void Commit(ulong number)
    {
        while (PrepareSnapshot())
        {
        }

        TakeSnapshot(number);
    }

    /// <inheritdoc/>
    /// <remarks>The store's thread may be waiting, so that a part is a few system calls.</remarks>
    public bool PrepareSnapshot()
    {
        foreach (uint index in announced.Keys.Take(ObjectsAtATime).ToArray())
            MakeHidden(index);
        foreach (uint index in touched.Take(ObjectsAtATime).ToArray())
        {
            SetAttributes(index);
            touched.Remove(index);
        }

        if (announced.Count > 0 || touched.Count > 0)
            return true;
        live.Blocks.Flush();
        commit.Run();
        begin.Run();
        return false;
    }

    /// <inheritdoc/>
    public void TakeSnapshot(ulong number)
    {
        lock (listGate)
            Invariant.That(number > 0 && (snapshots.Count == 0 || number > snapshots[^1]));
        volume.Take(number);
        lock (listGate)
            snapshots.Add(number);
    }

    /// <summary>Does nothing: neither btrfs nor ZFS lets go of the caller before a snapshot is on disk.</summary>
    public void Harden(ulong number)
    {
    }

    /// <inheritdoc/>
    public IStoreView OpenVersion(ulong number)
    {
        MustExist(number);
        return OpenVersion(number, () => { });
    }

    /// <inheritdoc/>
    public IStoreView OpenVersion(ulong number, Action ready)
    {
        views.Enter(number);
        return new TreeView(volume, number, ready, () => views.Leave(number));
    }

    /// <inheritdoc/>
    public bool IsRead(ulong number) => views.IsOpen(number);

    /// <inheritdoc/>
    public bool TryDrop(ulong number)
    {
        MustExist(number);
        if (views.IsOpen(number) || !volume.TryDestroy(number))
            return false;
        lock (listGate)
            snapshots.Remove(number);
        return true;
    }

    /// <inheritdoc/>
    public void Rollback(ulong number)
    {
        if (number > 0)
            MustExist(number);
        Invariant.That(!views.IsOpenAbove(number));
        live.Dispose();
        lock (listGate)
            snapshots.RemoveAll(snapshot => snapshot > number);
        Reopen(number);
    }

    private void MustExist(ulong number)
    {
        lock (listGate)
        {
            if (snapshots.Contains(number))
                return;
        }

        throw new ArgumentException($"there is no version {number}", nameof(number));
    }

    private void SetAttributes(uint index)
    {
        live.Places.Trim();
        if (live.Objects.Read(index) is not { } record)
            throw Damaged($"object {index} has no record");
        if (record.IsFile)
        {
            live.Places.File(index).SetAttributes(record, privileged);
        }
        else if (record.IsDirectory)
        {
            live.Places.Directory(index).SetAttributes(record, privileged);
        }
        else if (record.Type != ObjectType.Null)
        {
            (Descriptor directory, byte[] name) = live.Places.Locate(index);
            directory.SetAttributes(name, record, privileged);
        }
    }
}

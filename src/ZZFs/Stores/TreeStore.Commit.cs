using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Commits: the tree is brought up to the records, then kept as a snapshot.
public sealed partial class TreeStore
{
    /// <inheritdoc/>
    public void Commit(ulong number)
    {
        Invariant.That(number > 0 && (snapshots.Count == 0 || number > snapshots[^1]));
        foreach (uint index in announced.Keys.ToArray())
            MakeHidden(index);
        foreach (uint index in touched)
            SetAttributes(index);
        touched.Clear();
        live.Blocks.Flush();
        commit.Run();
        volume.Take(number);
        snapshots.Add(number);
        begin.Run();
    }

    /// <summary>Does nothing: neither btrfs nor ZFS lets go of the caller before a snapshot is on disk.</summary>
    public void Harden(ulong number)
    {
    }

    /// <inheritdoc/>
    public IStoreView OpenVersion(ulong number)
    {
        MustExist(number);
        views.Enter(number);
        return new TreeView(volume, number, () => views.Leave(number));
    }

    /// <inheritdoc/>
    public bool TryDrop(ulong number)
    {
        MustExist(number);
        if (views.IsOpen(number) || !volume.TryDestroy(number))
            return false;
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
        snapshots.RemoveAll(snapshot => snapshot > number);
        Reopen(number);
    }

    private void MustExist(ulong number)
    {
        if (!snapshots.Contains(number))
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

using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Commits: the tree is brought up to the records, then kept as a snapshot.
public sealed partial class TreeStore
{
    /// <inheritdoc/>
    public void Commit()
    {
        foreach (uint index in announced.Keys.ToArray())
            MakeHidden(index);
        foreach (uint index in touched)
            SetAttributes(index);
        touched.Clear();
        blocks.Flush();
        commit.Run();
        ulong number = snapshots.Count == 0 ? 1 : snapshots[^1] + 1;
        volume.Take(number);
        snapshots.Add(number);
        begin.Run();
        for (int i = snapshots.Count - KeptSnapshots - 1; i >= 0; i--)
        {
            // One that somebody looks at goes when it can.
            if (volume.TryDestroy(snapshots[i]))
                snapshots.RemoveAt(i);
        }
    }

    private void SetAttributes(uint index)
    {
        places.Trim();
        if (objects.Read(index) is not { } record)
            throw Damaged($"object {index} has no record");
        if (record.IsFile)
        {
            places.File(index).SetAttributes(record, privileged);
        }
        else if (record.IsDirectory)
        {
            places.Directory(index).SetAttributes(record, privileged);
        }
        else if (record.Type != ObjectType.Null)
        {
            (Descriptor directory, byte[] name) = places.Locate(index);
            directory.SetAttributes(name, record, privileged);
        }
    }
}

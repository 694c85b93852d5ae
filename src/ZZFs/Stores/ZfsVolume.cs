using System.Globalization;

namespace ZZFs.Stores;

/// <summary>
/// A ZFS dataset and its snapshots, <c>DATASET@checkpoint-NUMBER</c>, by the <c>zfs</c> command: that of OpenZFS or of zfs-fuse.
/// </summary>
/// <remarks>
/// Snapshots of other names are left alone, except that a return to a snapshot destroys all that are newer: ZFS can't do it
/// otherwise. A synchronous task of ZFS, as each of these commands is, is on disk when it returns.
/// Where there is no <c>.zfs</c> directory, as with zfs-fuse, a snapshot is read in a clone beside the dataset,
/// <c>DATASET-view-NUMBER</c>, which goes in the background when nobody reads it any more.
/// </remarks>
public sealed class ZfsVolume : ISnapshotVolume
{
    private const string Prefix = "checkpoint-";

    // In the names of clones beside the dataset, before the snapshot's number.
    private const string CloneInfix = "-view-";

    private readonly ZfsCommand zfs;
    private readonly string dataset;
    private readonly Lock gate = new();
    private readonly Dictionary<ulong, SnapshotClone> clones = [];

    // Clones that nobody reads any more, on their way out: one is busy for a moment after it was read.
    private readonly Dictionary<ulong, Task> leaving = [];

    private ZfsVolume(ZfsCommand zfs, string dataset)
    {
        this.zfs = zfs;
        this.dataset = dataset;
    }

    /// <inheritdoc/>
    public string Name => "zfs:" + dataset;

    /// <inheritdoc/>
    public string WorkingPath { get; private set; } = "";

    /// <summary>Opens, or makes later, the volume of a replica below a pool or dataset.</summary>
    /// <param name="parent">The pool or dataset, which exists.</param>
    /// <param name="replica">The name below it.</param>
    /// <param name="heldLock">Keeps others from it; stays the caller's.</param>
    /// <exception cref="StoreException">There is no <c>zfs</c> command, or no such dataset.</exception>
    public static ZfsVolume Open(string parent, string replica, StoreLock heldLock)
    {
        Check(parent);
        return Open(parent, replica, ZfsCommand.Find(heldLock));
    }

    /// <summary>The same with a given command.</summary>
    internal static ZfsVolume Open(string parent, string replica, ZfsCommand zfs)
    {
        var volume = new ZfsVolume(zfs, parent + "/" + replica);
        volume.DestroyClones(parent);
        return volume;
    }

    /// <summary>Throws unless there is a dataset of that name.</summary>
    /// <exception cref="StoreException">There isn't.</exception>
    public static void Check(string parent)
    {
        var zfs = ZfsCommand.Find();
        if (!zfs.TryRun(out _, out string problem, "list", "-H", "-o", "name", parent))
            throw new StoreException($"there is no ZFS pool or dataset {parent}: {problem}");
    }

    /// <inheritdoc/>
    public IReadOnlyList<ulong> Snapshots()
    {
        if (!Exists())
            return [];
        var numbers = new List<ulong>();
        string prefix = dataset + "@" + Prefix;
        foreach (string line in zfs.Run("list", "-H", "-r", "-d", "1", "-t", "snapshot", "-o", "name", dataset).Split('\n'))
        {
            if (line.StartsWith(prefix, StringComparison.Ordinal)
                && ulong.TryParse(line[prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
                numbers.Add(number);
        }

        numbers.Sort();
        return numbers;
    }

    /// <inheritdoc/>
    public void Take(ulong number) => zfs.Run("snapshot", SnapshotName(number));

    /// <inheritdoc/>
    public ISnapshotPath OpenSnapshot(ulong number)
    {
        // It lists itself nowhere, and is mounted by whoever goes there; an empty directory where that isn't possible, as in
        // some containers.
        string hidden = Path.Combine(WorkingPath, ".zfs", "snapshot", SnapshotName(number)[(dataset.Length + 1)..]);
        if (Directory.Exists(Path.Combine(hidden, TreeContents.OwnFolder)))
            return new SnapshotFolder(hidden);
        lock (gate)
        {
            WaitForLeaving(number);
            if (!clones.TryGetValue(number, out SnapshotClone? clone))
                clones.Add(number, clone = new SnapshotClone(this, number, Clone(number)));
            clone.Users++;
            return clone;
        }
    }

    /// <inheritdoc/>
    public bool TryDestroy(ulong number)
    {
        lock (gate)
            WaitForLeaving(number);
        return zfs.TryRun(out _, out string problem, "destroy", SnapshotName(number))
            || (IsBusy(problem) ? false : throw zfs.Failure("destroy", problem));
    }

    /// <inheritdoc/>
    public void Return(ulong number)
    {
        WaitForLeaving();

        // Those that are newer are destroyed first, the newest before others: after a crash the newest one left is what counts.
        foreach (ulong later in Snapshots().Where(snapshot => snapshot > number).Reverse())
            zfs.RunWhenIdle("destroy", SnapshotName(later));
        zfs.RunWhenIdle("rollback", "-r", SnapshotName(number));
        FindMount();
    }

    /// <inheritdoc/>
    public void MakeEmpty()
    {
        WaitForLeaving();
        if (Exists())
            zfs.RunWhenIdle("destroy", "-r", dataset);

        // Reads would change access times, which are the users' to set.
        zfs.Run("create", "-o", "atime=off", dataset);
        FindMount();
    }

    /// <inheritdoc/>
    public long DiskBytes() =>
        long.TryParse(zfs.Run("get", "-H", "-p", "-o", "value", "used", dataset).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            ? bytes
            : throw new StoreException($"the ZFS dataset {dataset} doesn't say how much it holds");

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            WaitForLeaving();
        }
        catch (StoreException)
        {
            // Whoever opens it next removes them.
        }
    }

    // Also what an administrator holds (zfs hold) can't go now.
    private static bool IsBusy(string problem) =>
        problem.Contains("busy", StringComparison.Ordinal)
        || problem.Contains("has dependent clones", StringComparison.Ordinal)
        || problem.Contains("being held", StringComparison.Ordinal);

    private void WaitForLeaving()
    {
        lock (gate)
        {
            foreach (ulong number in leaving.Keys.ToArray())
                WaitForLeaving(number);
        }
    }

    private void WaitForLeaving(ulong number)
    {
        if (leaving.Remove(number, out Task? task))
            task.GetAwaiter().GetResult();
    }

    private string SnapshotName(ulong number) =>
        string.Create(CultureInfo.InvariantCulture, $"{dataset}@{Prefix}{number}");

    private bool Exists()
    {
        if (zfs.TryRun(out _, out string problem, "list", "-H", "-o", "name", dataset))
            return true;
        return problem.Contains("does not exist", StringComparison.Ordinal) ? false : throw zfs.Failure("list", problem);
    }

    private string CloneName(ulong number) => string.Create(CultureInfo.InvariantCulture, $"{dataset}{CloneInfix}{number}");

    // Makes a snapshot readable where there is no .zfs, and returns the path.
    private string Clone(ulong number)
    {
        string clone = CloneName(number);
        zfs.Run("clone", "-o", "readonly=on", "-o", "atime=off", SnapshotName(number), clone);
        string path = zfs.Run("get", "-H", "-o", "value", "mountpoint", clone).Trim();
        return IsMounted(clone, path) ? path : throw new StoreException($"the ZFS dataset {clone} isn't mounted at {path}");
    }

    // What a process that died had open.
    private void DestroyClones(string parent)
    {
        foreach (string line in zfs.Run("list", "-H", "-r", "-d", "1", "-t", "filesystem", "-o", "name", parent).Split('\n'))
        {
            if (line.StartsWith(dataset + CloneInfix, StringComparison.Ordinal)
                && ulong.TryParse(line[(dataset + CloneInfix).Length..], NumberStyles.None, CultureInfo.InvariantCulture, out _))
                zfs.RunWhenIdle("destroy", line);
        }
    }

    // After a reboot, or a killed zfs-fuse, the dataset may not be mounted: its mount point is then a directory of another
    // file system, where nothing must be written.
    private void FindMount()
    {
        WorkingPath = zfs.Run("get", "-H", "-o", "value", "mountpoint", dataset).Trim();
        if (!WorkingPath.StartsWith('/'))
            throw new StoreException($"the ZFS dataset {dataset} has no mount point; give its parent one with zfs set mountpoint=PATH");
        if (IsMounted(dataset, WorkingPath))
            return;
        zfs.Run("mount", dataset);
        if (!IsMounted(dataset, WorkingPath))
            throw new StoreException($"the ZFS dataset {dataset} can't be mounted at {WorkingPath}");
    }

    // In the table of mounts, since zfs-fuse only believes to know. The last mount at a place is the one that is seen.
    private static bool IsMounted(string dataset, string path)
    {
        string source = "";
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (separator > 4 && separator + 2 < fields.Length && Unescaped(fields[4]) == path)
                source = Unescaped(fields[separator + 2]);
        }

        return source == dataset;
    }

    private static string Unescaped(string field) => field.Replace("\\040", " ", StringComparison.Ordinal);

    private sealed record SnapshotFolder(string Path) : ISnapshotPath
    {
        public void Dispose()
        {
        }
    }

    // One for all who read the snapshot at a time.
    private sealed class SnapshotClone(ZfsVolume volume, ulong number, string path) : ISnapshotPath
    {
        public string Path { get; } = path;

        public int Users { get; set; }

        public void Dispose()
        {
            lock (volume.gate)
            {
                if (--Users > 0)
                    return;
                volume.clones.Remove(number);
                volume.leaving.Add(number, Task.Run(() => volume.zfs.RunWhenIdle("destroy", volume.CloneName(number))));
            }
        }
    }
}

using System.Globalization;
using ZZFs.Abstraction;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>Opens tree stores on one backing system, and lets tests look at what they leave there.</summary>
public abstract class TreeVolumes
{
    private static int count;

    /// <summary>The directory of lock files.</summary>
    protected abstract string Folder { get; }

    /// <summary>Whether it keeps fractions of seconds.</summary>
    public abstract bool HasFractions { get; }

    public static string NewName() => "store-" + Interlocked.Increment(ref count).ToString(CultureInfo.InvariantCulture);

    /// <summary>The store as replicas have it.</summary>
    public IBackingStore Open(string name) => new DeferredStore(OpenPlain(name));

    /// <summary>The store alone.</summary>
    public TreeStore OpenPlain(string name)
    {
        StoreLock held = Hold(name);
        return TreeStore.Open(OpenVolume(name, held), held);
    }

    public StoreLock Hold(string name) => StoreLock.Hold(Path.Combine(Folder, name + ".lock"), name);

    internal ConformanceWrapper OpenService(string name, VolumeLimits? limits = null) => new(
        Open(name), SqliteDigestStore.Open(Path.Combine(Folder, name + ".digests")), limits ?? VolumeLimits.Default);

    /// <summary>The volume, while no store is open on it.</summary>
    public abstract ISnapshotVolume OpenVolume(string name, StoreLock held);

    /// <summary>The working copy.</summary>
    public abstract string WorkingPath(string name);

    /// <summary>Lets <paramref name="use"/> read a snapshot under the path that it is given.</summary>
    public abstract void LookInto(string name, ulong snapshot, Action<string> use);

    /// <summary>The command line of <see cref="Resume"/>.</summary>
    public abstract string[] Describe();

    /// <summary>The volumes that another process described.</summary>
    public static TreeVolumes Resume(string kind, string where, string folder) =>
        kind == "btrfs" ? new BtrfsVolumes(where) : new ZfsVolumes(where, folder);
}

/// <summary>On a btrfs.</summary>
public sealed class BtrfsVolumes(string path) : TreeVolumes
{
    public override bool HasFractions => true;

    protected override string Folder => path;

    public override ISnapshotVolume OpenVolume(string name, StoreLock held) => BtrfsVolume.Open(path, name);

    public override string WorkingPath(string name) => Path.Combine(path, name, "current");

    public override void LookInto(string name, ulong snapshot, Action<string> use) =>
        use(Path.Combine(path, name, "snapshots", snapshot.ToString(CultureInfo.InvariantCulture)));

    public override string[] Describe() => ["btrfs", path, path];
}

/// <summary>In a ZFS pool.</summary>
public sealed class ZfsVolumes(string pool, string path) : TreeVolumes
{
    public override bool HasFractions => false;

    protected override string Folder => Path.GetDirectoryName(path)!;

    public override ISnapshotVolume OpenVolume(string name, StoreLock held) => ZfsVolume.Open(pool, name, held);

    public override string WorkingPath(string name) => Path.Combine(path, name);

    public override void LookInto(string name, ulong snapshot, Action<string> use)
    {
        string clone = $"{pool}/look-{name}";
        ZfsCommand zfs = ZfsCommand.Find();
        zfs.RunWhenIdle("clone", "-o", "readonly=on", string.Create(CultureInfo.InvariantCulture, $"{pool}/{name}@checkpoint-{snapshot}"), clone);
        try
        {
            use(Path.Combine(path, "look-" + name));
        }
        finally
        {
            zfs.RunWhenIdle("destroy", clone);
        }
    }

    public override string[] Describe() => ["zfs", pool, path];
}

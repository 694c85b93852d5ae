using ZZFs.Tests.Stores;

namespace Mounted;

/// <summary>Bytes that somebody changes in one replica's files, behind its back.</summary>
public sealed class ScrubTests
{
    private const int Damaged = 7;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [RootClusterFact("mkfs.btrfs")]
    public async Task What_is_changed_behind_a_replicas_back_is_found_and_never_read()
    {
        using var btrfs = new BtrfsSystem();
        using var cluster = Cluster.Started("--store-of", $"e0=btrfs:{btrfs.Path}");
        var mount = cluster.Mount("mount");
        Tool.Shell("mkdir d; for i in 1 2 3; do head -c 100000 /dev/urandom >d/f$i; done; mkdir ../copy; cp -a d ../copy/; sync d/f1", mount).Succeeded();
        var clean = Cluster.Zzfs("scrub", cluster.ClusterDirectory);
        Assert.Equal(0, clean.ExitCode);
        Assert.Matches("(?m)^e0: checkpoint [0-9]+, [0-9]+ objects, [0-9.]+ MB read, all as it should be$", clean.Output);
        Assert.Matches("(?m)^e1: checkpoint [0-9]+, [0-9]+ objects, [0-9.]+ MB read, all as it should be$", clean.Output);
        Assert.Contains("e2: asleep, so its store was not read\n", clean.Output, StringComparison.Ordinal);

        // Of the living file one byte, and another file as a whole; the replica holds nothing of them in memory any more.
        Tool.Shell("head -c 20000000 /dev/zero | tr '\\0' x >big; sync big", mount).Succeeded();
        var current = Path.Combine(Directory.GetDirectories(btrfs.Path, "zzfs-*-e0").Single(), "current", "tree", "d");
        FlipByte(Path.Combine(current, "f1"), 40_000);
        File.Delete(Path.Combine(current, "f2"));
        var other = cluster.Mount("other");
        foreach (var file in (string[])["f1", "f2", "f3"])
        {
            Tool.Run("cmp", [Path.Combine(other, "d", file), cluster.PathOf($"copy/d/{file}")]).Succeeded();
        }

        Assert.Contains("is damaged", File.ReadAllText(Path.Combine(cluster.ClusterDirectory, "e0", "node.log")), StringComparison.Ordinal);
        await Eventually.Holds(() => cluster.Status().ExecutionIn("active").Count() == 2, Bound, "both replicas are active again");
        Assert.Equal(0, Cluster.Zzfs("scrub", cluster.ClusterDirectory).ExitCode);

        // What a checkpoint holds already is found by a scrub, and in this replica only.
        current = Path.Combine(Directory.GetDirectories(btrfs.Path, "zzfs-*-e0").Single(), "current", "tree", "d");
        FlipByte(Path.Combine(current, "f3"), 70_000);
        var found = Cluster.Zzfs("scrub", cluster.ClusterDirectory);
        Assert.Equal(Damaged, found.ExitCode);
        Assert.Matches("(?m)^e0: checkpoint [0-9]+, [0-9]+ objects, [0-9.]+ MB read, 1 DAMAGED\n  /d/f3: block 2 is wrong$", found.Output);
        Assert.Matches("(?m)^e1: .*all as it should be$", found.Output);
        await Eventually.Holds(() => Cluster.Zzfs("status", cluster.ClusterDirectory).Output.Contains("DAMAGED in 1 places", StringComparison.Ordinal), Bound, "the status tells of it");
    }

    private static void FlipByte(string path, long offset)
    {
        using var file = File.Open(path, FileMode.Open);
        file.Position = offset;
        var old = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(old ^ 0x20));
        file.Flush(flushToDisk: true);
    }
}

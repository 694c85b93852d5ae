using System.Globalization;
using ZZFs.Tests.Stores;

namespace Mounted;

/// <summary>Replicas on different file systems (N-version): each shows the files as plain files, and all hold the same.</summary>
public sealed class StoreTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [RootClusterFact("mkfs.btrfs", "zfs")]
    public async Task Replicas_on_btrfs_and_zfs_agree_also_after_they_were_killed()
    {
        using var btrfs = new BtrfsSystem();
        using var zfs = new ZfsSystem();
        using var cluster = Cluster.Started("--store-of", $"e0=btrfs:{btrfs.Path}", "--store-of", $"e1=zfs:{zfs.Pool}");
        var status = cluster.Status();
        Assert.Equal(
            [$"btrfs:{btrfs.Path}", $"zfs:{zfs.Pool}", "embedded"],
            status.Execution.Select(node => node.GetProperty("store").GetString()));
        var mount = cluster.Mount("mount");
        PostMark(mount).Wait(Bound).Succeeded();
        foreach (var replica in (string[])["e0", "e1"])
        {
            using var postmark = PostMark(mount);
            var begin = cluster.Status().Delivered;
            await Eventually.Holds(() => cluster.Status().Delivered > begin + 300, Bound, "PostMark gets on");
            ClusterProcesses.Kill(cluster.ProcessOf(replica));
            postmark.Wait(Bound).Succeeded();
        }

        Tool.Shell(
            "mkdir -p d/e; echo hello >d/f; ln d/f d/e/g; ln -s ../f d/e/link; mkfifo d/p; mknod d/null c 1 3; chown 5:6 d/f; chmod 2750 d/e; "
            + "truncate -s 1M d/sparse; touch -d 2001-02-03 d/f; touch -hd 2002-03-04 d/e/link; touch -d 2003-04-05 d/e; sync d/f",
            mount).Succeeded();
        var expected = Listing(mount);
        Assert.Contains("d/e/link l", expected, StringComparison.Ordinal);

        // Operations that leave it so bring the next checkpoints.
        Tool.Shell("for i in $(seq 1100); do touch -d 2001-02-03 d/f; done", mount).Succeeded();
        await Eventually.Holds(
            () => Checkpoint(cluster, "e0") == Checkpoint(cluster, "e1") && Trees(btrfs, zfs).All(tree => Listing(tree) == expected),
            Bound,
            $"checkpoints of both show\n{expected}");
        Assert.Equal(["e0", "e1"], cluster.Status().ExecutionIn("active"));
    }

    [RootClusterFact("mkfs.btrfs", "zfs")]
    public void Checkpoints_on_btrfs_and_zfs_have_the_same_roots_under_Andrew_and_PostMark()
    {
        using var btrfs = new BtrfsSystem();
        using var zfs = new ZfsSystem();
        using var cluster = Cluster.Started("--store-of", $"e0=btrfs:{btrfs.Path}", "--store-of", $"e1=zfs:{zfs.Pool}");
        var mount = cluster.Mount("mount");
        var roots = new Dictionary<ulong, string>();
        var common = new HashSet<ulong>();
        using (var andrew = Tool.Start(Cluster.Program, ["bench", "andrew", "--at", mount]))
        {
            Watch(andrew);
        }

        using (var postmark = PostMark(mount))
        {
            Watch(postmark);
        }

        Assert.InRange(common.Count, 3, int.MaxValue);

        // A checkpoint is stable, and the log is cut, only if both replicas signed the same root; a replica that was awoken
        // would tell of one that they didn't.
        Assert.Equal(["e0", "e1"], cluster.Status().ExecutionIn("active"));

        void Watch(Tool tool)
        {
            while (!tool.HasExited)
            {
                var status = cluster.Status();
                foreach (var replica in (string[])["e0", "e1"])
                {
                    var node = status.Node(replica);
                    var number = node.GetProperty("checkpoint").GetUInt64();
                    var root = node.GetProperty("root").GetString()!;
                    if (number == 0 || roots.TryAdd(number, $"{replica} {root}"))
                    {
                        continue;
                    }

                    Assert.Equal(roots[number].Split(' ')[1], root);
                    if (!roots[number].StartsWith(replica, StringComparison.Ordinal))
                    {
                        common.Add(number);
                    }
                }
            }

            tool.Wait(Bound).Succeeded();
        }
    }

    private static Tool PostMark(string mount) => Tool.Start(
        Cluster.Program, ["bench", "postmark", "--at", mount, "--files", "200", "--transactions", "600"]);

    // Number and root of a replica's last checkpoint.
    private static string Checkpoint(Cluster cluster, string replica)
    {
        var node = cluster.Status().Node(replica);
        return $"{node.GetProperty("checkpoint").GetRawText()} {node.GetProperty("root").GetString()}";
    }

    // The newest snapshot on btrfs, and on ZFS the working copy: it is as the last snapshot is while nothing is executed.
    private static IEnumerable<string> Trees(BtrfsSystem btrfs, ZfsSystem zfs)
    {
        var replica = Directory.GetDirectories(btrfs.Path, "zzfs-*-e0").Single();
        var newest = Directory.GetDirectories(Path.Combine(replica, "snapshots")).MaxBy(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))!;
        return [Path.Combine(newest, "tree"), Path.Combine(Directory.GetDirectories(zfs.Path, "zzfs-*-e1").Single(), "tree")];
    }

    // Times to the minute: zfs-fuse keeps no fractions of seconds.
    private static string Listing(string directory) => Tool.Shell(
        "find . -mindepth 1 \\( -type d -printf '%P d %m %U %G %TY%Tm%Td%TH%TM\\n' -o -printf '%P %y %m %U %G %s %n %TY%Tm%Td%TH%TM %l\\n' \\) | sort", directory).Output;
}

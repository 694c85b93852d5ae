using System.Text.Json;

namespace Mounted;

/// <summary>Processes die by SIGKILL in the middle of PostMark, which must neither notice nor read a wrong byte.</summary>
public sealed class CrashTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [ClusterFact]
    public async Task Every_backup_is_killed_and_restarted_unnoticed()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        foreach (var backup in cluster.Status().Backups.ToList())
        {
            using var postmark = StartPostMark(mount, 6_000);
            await Progress(cluster, postmark);
            var process = cluster.ProcessOf(backup);
            ClusterProcesses.Kill(process);
            await Eventually.Holds(() => !Up(cluster, backup), Bound, $"status shows {backup} as down");

            // Without it the cluster goes on.
            await Progress(cluster, postmark);
            var goal = cluster.Status().Delivered;
            Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();
            await Eventually.Holds(
                () => Up(cluster, backup) && ClusterStatus.Executed(cluster.Status().Node(backup)) >= goal, Bound, $"{backup} catches up to {goal}");
            Assert.NotEqual(process, cluster.ProcessOf(backup));
            AssertVerified(postmark);
        }
    }

    [ClusterFact]
    public async Task An_active_execution_replica_is_killed_and_restarted_by_its_controller()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        foreach (var replica in cluster.Status().ExecutionIn("active").ToList())
        {
            using var postmark = StartPostMark(mount, 4_000);
            await Progress(cluster, postmark);
            var process = cluster.ProcessOf(replica);

            ClusterProcesses.Kill(process);

            await Eventually.Holds(() => ClusterProcesses.NodeOf(cluster.ClusterDirectory, replica) is { } now && now != process, Bound, $"the controller restarts {replica}");
            AssertVerified(postmark);
            var delivered = cluster.Status().Delivered;
            await Eventually.Holds(
                () => cluster.Status().Node(replica) is var node && ClusterStatus.Up(node) && ClusterStatus.Executed(node) >= delivered && node.GetProperty("complete").GetBoolean(),
                Bound,
                $"{replica} has executed {delivered} and is complete");
        }
    }

    [ClusterFact]
    public void A_cluster_that_is_killed_whole_still_has_what_was_synced()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        Tool.Shell("seq 1 100000 > numbers; sync numbers; mkdir folder; sync folder", mount).Succeeded();
        cluster.Unmount(mount);

        ClusterProcesses.KillAll(cluster.ClusterDirectory);
        Cluster.Zzfs("down", cluster.ClusterDirectory).Succeeded();
        Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();

        var again = cluster.Mount("again");
        Assert.Equal(Enumerable.Range(1, 100000).Select(number => $"{number}"), File.ReadLines(Path.Combine(again, "numbers")));
        Assert.True(Directory.Exists(Path.Combine(again, "folder")));
    }

    private static Tool StartPostMark(string mount, int transactions) =>
        Tool.Start(Cluster.Program, ["bench", "postmark", "--at", mount, "--transactions", $"{transactions}", "--json"]);

    // The workload is running and the cluster orders its requests.
    private static async Task Progress(Cluster cluster, Tool postmark)
    {
        var from = cluster.Status().Delivered;
        await Eventually.Holds(() => cluster.Status().Delivered > from + 200, Bound, "PostMark makes progress");
        Assert.False(postmark.HasExited, "PostMark was over before something was killed; this run shows nothing");
    }

    private static bool Up(Cluster cluster, string id) => ClusterStatus.Up(cluster.Status().Node(id));

    private static void AssertVerified(Tool postmark)
    {
        var output = postmark.Wait(TimeSpan.FromMinutes(8)).Succeeded();
        using var json = JsonDocument.Parse(output);
        Assert.True(json.RootElement.GetProperty("verified").GetBoolean(), output);
    }
}

using System.Diagnostics;
using System.Text.Json;

namespace Mounted;

/// <summary>The primary dies, or hangs, in the middle of PostMark: others go on, and nobody waits for long.</summary>
public sealed class PrimaryTests
{
    private const int SigStop = 19;
    private const int SigContinue = 18;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    /// <summary>The longest that any operation may take with default settings.</summary>
    private static readonly TimeSpan LongestStall = TimeSpan.FromSeconds(2);

    [ClusterFact]
    public async Task A_primary_that_is_killed_is_replaced_and_comes_back_as_a_backup()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        for (var round = 0; round < 2; round++)
        {
            var view = cluster.Status().View;
            var primary = cluster.Status().Primary;
            using var postmark = StartPostMark(mount, 6_000);
            await Progress(cluster, postmark);
            using var probe = new Probe(mount);

            ClusterProcesses.Kill(cluster.ProcessOf(primary));

            await Eventually.Holds(() => cluster.Status().View > view, Bound, "another view begins");
            await Progress(cluster, postmark);
            var goal = cluster.Status().Delivered;
            Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();
            await Eventually.Holds(
                () => cluster.Status().Node(primary) is var node && ClusterStatus.Up(node) && ClusterStatus.Executed(node) >= goal,
                Bound,
                $"{primary} catches up to {goal}");
            AssertVerified(postmark);
            Assert.InRange(probe.Longest(), TimeSpan.Zero, LongestStall);
            Assert.NotEqual(primary, cluster.Status().Primary);
        }
    }

    [ClusterFact]
    public async Task A_primary_that_hangs_is_replaced()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        var primary = cluster.Status().Primary;
        using var postmark = StartPostMark(mount, 4_000);
        await Progress(cluster, postmark);
        using var probe = new Probe(mount);
        var process = cluster.ProcessOf(primary);
        ClusterProcesses.Signal(process, SigStop);
        try
        {
            await Eventually.Holds(() => cluster.Status().Primary != primary, Bound, "another view begins");
            await Progress(cluster, postmark);
        }
        finally
        {
            ClusterProcesses.Signal(process, SigContinue);
        }

        AssertVerified(postmark);
        Assert.InRange(probe.Longest(), TimeSpan.Zero, LongestStall);
    }

    [ClusterFact]
    public async Task All_nodes_are_killed_at_once_and_the_mount_goes_on_when_they_are_back()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        using var postmark = StartPostMark(mount, 4_000);
        await Progress(cluster, postmark);

        ClusterProcesses.KillNodes(cluster.ClusterDirectory);
        Cluster.Zzfs("down", cluster.ClusterDirectory);
        Assert.False(postmark.HasExited);
        Cluster.Zzfs("up", cluster.ClusterDirectory).Succeeded();

        AssertVerified(postmark);
    }

    private static Tool StartPostMark(string mount, int transactions) =>
        Tool.Start(Cluster.Program, ["bench", "postmark", "--at", mount, "--transactions", $"{transactions}", "--json"]);

    private static async Task Progress(Cluster cluster, Tool postmark)
    {
        var from = cluster.Status().Delivered;
        await Eventually.Holds(() => cluster.Status().Delivered > from + 200, Bound, "PostMark makes progress");
        Assert.False(postmark.HasExited, "PostMark was over before something was done to the primary; this run shows nothing");
    }

    private static void AssertVerified(Tool postmark)
    {
        var output = postmark.Wait(TimeSpan.FromMinutes(8)).Succeeded();
        using var json = JsonDocument.Parse(output);
        Assert.True(json.RootElement.GetProperty("verified").GetBoolean(), output);
    }

    /// <summary>Makes, reads and removes a file all the time, and notes how long it took at most.</summary>
    private sealed class Probe : IDisposable
    {
        private readonly Task<TimeSpan> _loop;
        private volatile bool _ends;

        public Probe(string mount)
        {
            var path = Path.Combine(mount, "probe");
            _loop = Task.Factory.StartNew(() => Run(path), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        public TimeSpan Longest()
        {
            _ends = true;
            return _loop.GetAwaiter().GetResult();
        }

        public void Dispose() => Longest();

        private TimeSpan Run(string path)
        {
            var longest = TimeSpan.Zero;
            for (var i = 0; !_ends; i++)
            {
                Time(() => File.WriteAllText(path, $"{i}"));
                Time(() => Assert.Equal($"{i}", File.ReadAllText(path)));
                Time(() => File.Delete(path));
            }

            return longest;

            void Time(Action step)
            {
                var start = Stopwatch.GetTimestamp();
                step();
                var took = Stopwatch.GetElapsedTime(start);
                longest = took > longest ? took : longest;
            }
        }
    }
}

using ZZFs.Bench;

namespace ZZFs.Tests.Bench;

public sealed class DemoTests : IDisposable
{
    private static readonly DemoPrerequisites All = new(IsRoot: true, HasFusermount: true, HasDevice: true, HasCompiler: true);
    private static readonly PostMarkOptions Small = new() { Files = 20, Transactions = 50 };

    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_good_run_reports_phases_and_replicas_and_undoes_all_steps_in_reverse()
    {
        var cluster = new PlainCluster(_directory.FullPath);

        Assert.Equal(DemoOutcome.Verified, Run(cluster, All));

        Assert.Equal(["Init", "Up", "Mount", "Unmount", "Down", "Remove"], cluster.Steps);
        Assert.Equal("", _errors.ToString());
        foreach (var part in new[] { "MakeDir", "PostMark on", "no wrong byte", "primary", "asleep", "0.75 s", "nothing is left behind" })
        {
            Assert.Contains(part, _output.ToString(), StringComparison.Ordinal);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Theory]
    [InlineData("Init", "Remove")]
    [InlineData("Up", "Down,Remove")]
    [InlineData("Mount", "Unmount,Down,Remove")]
    [InlineData("Replicas", "Unmount,Down,Remove")]
    public void A_step_that_fails_is_said_and_what_was_made_is_undone(string failing, string undone)
    {
        var cluster = new PlainCluster(_directory.FullPath) { Failing = failing };

        Assert.Equal(DemoOutcome.Failed, Run(cluster, All));

        Assert.Equal($"zzfs: {failing} is out of order.{Environment.NewLine}", _errors.ToString());
        Assert.EndsWith(undone, string.Join(',', cluster.Steps), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failing_undo_doesnt_keep_the_others_from_running()
    {
        var cluster = new PlainCluster(_directory.FullPath) { Failing = "Unmount" };

        Assert.Equal(DemoOutcome.Failed, Run(cluster, All));

        Assert.Equal(["Down", "Remove"], cluster.Steps[^2..]);
        Assert.Contains("Could not unmount", _errors.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("nothing is left", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Init")]
    [InlineData("Up")]
    [InlineData("Mount")]
    [InlineData("Replicas")]
    public void An_interruption_at_any_step_undoes_what_was_done(string interrupted)
    {
        using var cancellation = new CancellationTokenSource();
        var cluster = new PlainCluster(_directory.FullPath) { OnStep = step => { if (step == interrupted) { cancellation.Cancel(); } } };

        var demo = new Demo(cluster, All, Small, _output, _errors);
        Assert.Equal(DemoOutcome.Interrupted, demo.Run(cancellation.Token));

        Assert.Equal("Remove", cluster.Steps[^1]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.FullPath));
    }

    [Fact]
    public void What_is_missing_is_named_with_the_remedy_before_anything_is_made()
    {
        var cluster = new PlainCluster(_directory.FullPath);

        Assert.Equal(DemoOutcome.Failed, Run(cluster, All with { HasDevice = false }));
        Assert.Equal(DemoOutcome.Failed, Run(cluster, All with { IsRoot = false, HasFusermount = false }));

        Assert.Contains("/dev/fuse", _errors.ToString(), StringComparison.Ordinal);
        Assert.Contains("fuse3", _errors.ToString(), StringComparison.Ordinal);
        Assert.Empty(cluster.Steps);
        Assert.Contains("gcc", (All with { HasCompiler = false }).Omission, StringComparison.Ordinal);
        Assert.Null((All with { IsRoot = false }).Obstacle);
        Assert.Null(All.Omission);
    }

    [Fact]
    public void Status_json_is_read_with_and_without_the_optional_fields()
    {
        const string Json = """
            {"f":1,"view":5,"epoch":0,
             "agreement":[{"id":"a0","up":true,"role":"backup","view":5,"executed":7,"checkpoint":4},
                          {"id":"a1","up":true,"role":"primary","view":5,"executed":7,"memoryBytes":1000,"cpuSeconds":1.5},
                          {"id":"a2","up":false,"role":null,"view":null,"executed":null,"cpuSeconds":null}],
             "execution":[{"id":"e0","up":true,"role":"active","executed":7,"checkpoint":4,"root":"","complete":true,"store":"embedded"},
                          {"id":"e2","up":true,"role":"asleep","executed":null,"checkpoint":null,"complete":null}]}
            """;

        Assert.Equal(
            [
                new DemoReplica("a0", "backup", 7, 4, null, null),
                new DemoReplica("a1", "primary", 7, null, 1000, 1.5),
                new DemoReplica("a2", "down", null, null, null, null),
                new DemoReplica("e0", "active", 7, 4, null, null),
                new DemoReplica("e2", "asleep", null, null, null, null),
            ],
            DemoStatus.Parse(Json));
    }

    private DemoOutcome Run(IDemoCluster cluster, DemoPrerequisites prerequisites) =>
        new Demo(cluster, prerequisites, Small, _output, _errors).Run(CancellationToken.None);

    /// <summary>A plain directory in place of a mount, with replicas that say what a test expects.</summary>
    private sealed class PlainCluster(string directory) : IDemoCluster
    {
        private double _cpuSeconds;

        public List<string> Steps { get; } = [];

        public string? Failing { get; init; }

        public Action<string>? OnStep { get; init; }

        public void Init() => Step("Init");

        public void Up() => Step("Up");

        public string Mount()
        {
            Step("Mount");
            return directory;
        }

        public IReadOnlyList<DemoReplica> Replicas()
        {
            if (Failing == "Replicas")
            {
                throw new BenchException("Replicas is out of order.");
            }

            OnStep?.Invoke("Replicas");
            _cpuSeconds += 0.75;
            return [new("a0", "primary", 9, null, 1 << 20, _cpuSeconds), new("e0", "asleep", 0, 0, null, null)];
        }

        public void Unmount() => Step("Unmount");

        public void Down() => Step("Down");

        public void Remove() => Step("Remove");

        private void Step(string name)
        {
            Steps.Add(name);
            OnStep?.Invoke(name);
            if (Failing == name)
            {
                throw new BenchException($"{name} is out of order.");
            }
        }
    }
}

using System.Text.Json.Nodes;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Xen;
using ZZFs.Cli;
using ZZFs.Cli.Nodes;

namespace ZZFs.Tests.Cli;

/// <summary>init, up, status and down with real processes.</summary>
public class ClusterCommandTests
{
    [Fact]
    public async Task A_cluster_comes_up_tells_its_status_and_goes_down()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        string directory = cluster.Layout.Directory;
        (int exitCode, string output, string error) = await cluster.RunAsync("up", directory);
        Assert.Equal((0, $"Started a0, a1, a2, a3, h0, h1, h2; {directory} is up.\n", ""), (exitCode, output, error));
        Assert.Equal((0, $"{directory} is up already.\n", ""), await cluster.RunAsync("up", directory));

        (exitCode, output, _) = await cluster.RunAsync(null, "status", directory, "--json");
        Assert.Equal(0, exitCode);
        JsonObject status = JsonNode.Parse(output)!.AsObject();
        Assert.Equal((1, 1, 4, "a1"), ((int)status["f"]!, (int)status["view"]!, (int)status["epoch"]!, (string)status["primary"]!));
        JsonArray agreement = status["agreement"]!.AsArray();
        Assert.Equal(["a0", "a1", "a2", "a3"], agreement.Select(node => (string)node!["id"]!));
        Assert.All(agreement, node => Assert.True((bool)node!["up"]!));
        Assert.Equal(103, (int)agreement[3]!["executed"]!);
        JsonArray execution = status["execution"]!.AsArray();
        Assert.Equal(["active", "active", "asleep"], execution.Select(node => (string)node!["role"]!));
        foreach (string key in (string[])["id", "up", "role", "executed", "checkpoint", "root", "complete", "store"])
            Assert.All(execution, node => Assert.NotNull(node![key]));
        Assert.True((bool)execution[2]!["up"]!);
        Assert.Equal(102, (int)execution[2]!["executed"]!);
        Assert.Equal(64, ((string)execution[2]!["root"]!).Length);
        JsonArray controllers = status["controllers"]!.AsArray();
        Assert.Equal(["run", "run", "sleep"], controllers.Select(node => (string)node!["shall"]!));
        Assert.All(controllers, node => Assert.Null(node!["order"]));

        Assert.Equal((0, "Stopped a0, a1, a2, a3, h0, h1, h2.\n", ""), await cluster.RunAsync("down", directory));
        Assert.Equal((0, $"{directory} was not up.\n", ""), await cluster.RunAsync("down", directory));
        Assert.EndsWith("e2 has stopped", (await File.ReadAllTextAsync(cluster.Layout.LogFile(PartyId.Execution(2)))).TrimEnd(), StringComparison.Ordinal);
        (exitCode, output, _) = await cluster.RunAsync(null, "status", directory, "--json");
        Assert.Equal(ExitCode.NotUp, exitCode);
        Assert.Null(JsonNode.Parse(output)!["view"]);
    }

    [Theory]
    [InlineData("a2")]
    [InlineData("e0")]
    public async Task A_node_that_dies_at_its_start_is_shown_and_the_rest_stopped(string failing)
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        (int exitCode, _, string error) = await cluster.RunAsync(failing, "up", cluster.Layout.Directory);
        Assert.StartsWith($"zzfs: {failing} ended at its start: address 127.0.0.1:", error, StringComparison.Ordinal);
        Assert.EndsWith(" is in use by another program\n", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.NotUp, exitCode);

        // A replica that its controller had to kill leaves its file, which then names nobody.
        Assert.DoesNotContain(cluster.Layout.Load().Parties, party => PidFile.Owner(cluster.Layout.PidFile(party.Id)) is not null);
    }

    [Fact]
    public async Task A_second_process_of_one_node_is_refused()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        await cluster.RunAsync("up", cluster.Layout.Directory);
        PartyId node = PartyId.Agreement(0);
        (int exitCode, _, string error) = await cluster.RunAsync(null, "node", "agreement", "--config", cluster.Layout.NodeFile(node));
        Assert.Equal(ExitCode.Configuration, exitCode);
        Assert.Equal($"zzfs: {cluster.Layout.PidFile(node)}: the node runs already as process {cluster.ProcessOf(node)}\n", error);
    }

    [Fact]
    public async Task What_was_killed_is_started_again_by_up()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        await cluster.RunAsync("up", cluster.Layout.Directory);
        int process = cluster.ProcessOf(PartyId.Agreement(2));
        ProcessSignals.Kill(process);
        await TestCluster.UntilAsync(() => ProcessUsage.StartTicks(process) is null);
        (int exitCode, string output, _) = await cluster.RunAsync("up", cluster.Layout.Directory);
        Assert.Equal((0, $"Started a2; {cluster.Layout.Directory} is up.\n"), (exitCode, output));
    }

    [Fact]
    public async Task A_killed_controller_takes_its_frozen_replica_with_it()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        await cluster.RunAsync("up", cluster.Layout.Directory);
        int replica = cluster.ProcessOf(PartyId.Execution(2));
        ProcessSignals.Kill(cluster.ProcessOf(PartyId.Controller(2)));
        await TestCluster.UntilAsync(() => ProcessUsage.StartTicks(replica) is null);
        Assert.Equal(0, (await cluster.RunAsync("up", cluster.Layout.Directory)).ExitCode);
        Assert.NotEqual(replica, cluster.ProcessOf(PartyId.Execution(2)));
    }

    [Theory]
    [InlineData("paused")]
    [InlineData("hibernated")]
    public async Task Signed_votes_wake_a_sleeper_for_good_and_put_it_to_sleep(string sleep)
    {
        await using TestCluster cluster = await TestCluster.CreateAsync("--sleep", sleep);
        await cluster.RunAsync("up", cluster.Layout.Directory);
        PartyId replica = PartyId.Execution(2);
        Assert.Equal(sleep == "paused", PidFile.Owner(cluster.Layout.PidFile(replica)) is not null);
        Assert.Equal("asleep", (string)(await StatusAsync(cluster))["execution"]![2]!["role"]!);

        await OrderAsync(cluster, OrderKind.Wake, 0);
        await StatusUntilAsync(cluster, status => (string)status["execution"]![2]!["role"]! == "active");
        JsonNode controller = (await StatusAsync(cluster))["controllers"]![2]!;
        Assert.Equal(("run", "wake", 0), ((string)controller["shall"]!, (string)controller["order"]!["kind"]!, (int)controller["order"]!["epoch"]!));
        (_, string table, _) = await cluster.RunAsync("status", cluster.Layout.Directory);
        Assert.Contains("has e2 run, by order: wake of epoch 0", table, StringComparison.Ordinal);

        ProcessSignals.Kill(cluster.ProcessOf(PartyId.Controller(2)));
        await TestCluster.UntilAsync(() => PidFile.Owner(cluster.Layout.PidFile(PartyId.Controller(2))) is null);
        Assert.Equal(0, (await cluster.RunAsync("up", cluster.Layout.Directory)).ExitCode);
        Assert.Equal("active", (string)(await StatusAsync(cluster))["execution"]![2]!["role"]!);

        await OrderAsync(cluster, OrderKind.Sleep, 1);
        await StatusUntilAsync(cluster, status => (string)status["execution"]![2]!["role"]! == "asleep");
        Assert.Equal(sleep == "paused", PidFile.Owner(cluster.Layout.PidFile(replica)) is not null);
    }

    /// <summary>f + 1 agreement replicas' votes, brought by one of them.</summary>
    private static async Task OrderAsync(TestCluster cluster, OrderKind kind, ulong epoch)
    {
        ClusterFile file = cluster.Layout.Load();
        var votes = new List<ReadOnlyMemory<byte>>();
        for (int i = 0; i <= file.F; i++)
        {
            PartyId sender = PartyId.Agreement(i);
            using KeyFile key = KeyFile.Load(cluster.Layout.KeyFile(sender));
            var writer = new MessageWriter();
            if (kind == OrderKind.Wake)
                Recover.Create(sender, new Epoch(epoch), new SequenceNumber(9), key.Identity!.Sign).Write(writer);
            else
                Sleep.Create(sender, 2, new Epoch(epoch), key.Identity!.Sign).Write(writer);
            votes.Add(writer.ToArray());
        }

        using KeyFile caller = KeyFile.Load(cluster.Layout.KeyFile(PartyId.Agreement(0)));
        using var client = new ControlClient(file, PartyId.Controller(2), caller.Certificate);
        Assert.Equal(new WakeOrder(new Epoch(epoch), kind), await client.TakeVotesAsync(votes, TestCluster.Bound));
    }

    private static async Task<JsonNode> StatusAsync(TestCluster cluster) =>
        JsonNode.Parse((await cluster.RunAsync(null, "status", cluster.Layout.Directory, "--json")).Output)!;

    private static async Task StatusUntilAsync(TestCluster cluster, Predicate<JsonNode> condition)
    {
        using var bound = new CancellationTokenSource(TestCluster.Bound);
        while (!condition(await StatusAsync(cluster)))
            await Task.Delay(50, bound.Token);
    }
}

using System.Net;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Tests.Configuration;

namespace Xen.Tests;

/// <summary>Real keys, real TLS, a real process: agreement replicas wake it and put it to sleep.</summary>
public sealed class VotesOverControlPlaneTests : IAsyncLifetime
{
    private const int Replica = 2;
    private readonly TemporaryFolder folder = new();
    private readonly Guests guests = new();
    private readonly StringWriter log = new();
    private ClusterLayout layout = null!;
    private ClusterFile cluster = null!;
    private KeyFile[] agreement = [];

    public Task InitializeAsync()
    {
        layout = new ClusterLayout(folder.File("cluster"));
        cluster = ClusterFactory.Create(layout, new ClusterPlan());
        agreement = [.. cluster.Agreement.Select(entry => KeyFile.Load(layout.KeyFile(entry.Id)))];
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        foreach (KeyFile key in agreement)
            key.Dispose();
        await guests.DisposeAsync();
        folder.Dispose();
        await log.DisposeAsync();
    }

    [Fact]
    public async Task Signed_votes_wake_a_process_and_put_it_to_sleep_also_over_a_restart()
    {
        await using (Controller controller = await StartAsync())
        {
            await Guests.UntilAsync(() => controller.Status.State == ReplicaState.Asleep);
            double asleep = Guests.CpuSeconds(controller.Hypervisor);

            using var first = new ControllerLinks(cluster, agreement[0].Certificate);
            using var second = new ControllerLinks(cluster, agreement[1].Certificate);
            await SendUntilAsync(() => Delivered(first) >= 2, first.SendToControllers, Recover(0, 0));
            Assert.Equal(GuestState.Paused, controller.Hypervisor.State);
            Assert.Equal(asleep, Guests.CpuSeconds(controller.Hypervisor));
            await SendUntilAsync(() => controller.Status.State == ReplicaState.Active, second.SendToControllers, Recover(1, 0));
            await Guests.UntilAsync(() => Guests.CpuSeconds(controller.Hypervisor) > asleep);

            // As the owner of the cluster sees it.
            using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
            using var client = new ControlClient(cluster, PartyId.Controller(Replica), administrator.Certificate);
            ControllerReport report = await client.GetControllerStatusAsync(Guests.Bound);
            Assert.Equal(Votes.Wake(0), report.Status.Order);
            Assert.True(report.Status.ShallRun);

            // One call may bring the votes of others, and nobody but them can forge them.
            void Send(ReadOnlyMemory<byte> vote) => first.SendToController(Replica, vote);
            await SendUntilAsync(
                () => controller.Status.Counters.GetValueOrDefault("votes-bad-signature") > 0, Send, Sleep(0, 1), Sleep(1, 1)[..^1], Forged());
            Assert.Equal(ReplicaState.Active, controller.Status.State);
            await SendUntilAsync(() => controller.Status.State == ReplicaState.Asleep, Send, Sleep(1, 1));
            Assert.Equal(GuestState.Paused, controller.Hypervisor.State);
            await SendUntilAsync(() => controller.Status.State == ReplicaState.Active, Send, Recover(0, 1), Recover(3, 1));
        }

        await using Controller again = await StartAsync();
        await Guests.UntilAsync(() => again.Status.State == ReplicaState.Active);
        Assert.Equal(Votes.Wake(1), again.Status.Order);
    }

    [Fact]
    public async Task Who_calls_does_not_matter_but_strangers_do_not_get_in()
    {
        await using Controller controller = await StartAsync();
        using KeyFile client = KeyFile.Load(layout.KeyFile(PartyId.Client(0)));
        using var caller = new ControlClient(cluster, PartyId.Controller(Replica), client.Certificate);
        Assert.Equal(Votes.Wake(4), await caller.TakeVotesAsync([Recover(2, 4), Recover(3, 4)], Guests.Bound));

        var otherLayout = new ClusterLayout(folder.File("other"));
        ClusterFactory.Create(otherLayout, new ClusterPlan());
        using KeyFile stranger = KeyFile.Load(otherLayout.KeyFile(PartyId.Agreement(0)));
        using var refused = new ControlClient(cluster, PartyId.Controller(Replica), stranger.Certificate);
        await Assert.ThrowsAsync<ControlException>(() => refused.TakeVotesAsync([Recover(2, 5), Recover(3, 5)], Guests.Bound));
        Assert.Equal(Votes.Wake(4), await caller.TakeVotesAsync([], Guests.Bound));
    }

    [Fact]
    public async Task Too_much_in_one_call_is_refused()
    {
        await using Controller controller = await StartAsync();
        using var caller = new ControlClient(cluster, PartyId.Controller(Replica), agreement[0].Certificate);
        IEnumerable<ReadOnlyMemory<byte>> many = Enumerable.Repeat(Recover(0, 0), Limits.MaximumVotesPerCall + 1);
        await Assert.ThrowsAsync<ControlException>(() => caller.TakeVotesAsync(many, Guests.Bound));
        await Assert.ThrowsAsync<ControlException>(() => caller.TakeVotesAsync([new byte[1 << 20]], Guests.Bound));
        Assert.Null(await caller.TakeVotesAsync([new byte[10_000]], Guests.Bound));
        Assert.Equal(1UL, controller.Status.Counters["votes-malformed"]);
    }

    /// <summary>Sends again and again, as agreement replicas do, since any call may fail.</summary>
    private static async Task SendUntilAsync(Func<bool> condition, Action<ReadOnlyMemory<byte>> send, params ReadOnlyMemory<byte>[] votes)
    {
        using var stop = new CancellationTokenSource();
        Task sending = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            do
            {
                foreach (ReadOnlyMemory<byte> vote in votes)
                    send(vote);
            }
            while (!stop.IsCancellationRequested && await timer.WaitForNextTickAsync());
        });
        await Guests.UntilAsync(condition);
        await stop.CancelAsync();
        await sending;
    }

    private static ulong Delivered(ControllerLinks links)
    {
        var counters = new SortedDictionary<string, ulong>();
        links.AddTo(counters);
        return counters.GetValueOrDefault("controller-calls");
    }

    private ReadOnlyMemory<byte> Recover(int sender, ulong epoch) => Votes.Recover(sender, epoch, agreement[sender].Identity!.Sign);

    private ReadOnlyMemory<byte> Sleep(int sender, ulong epoch) => Votes.Sleep(sender, Replica, epoch, agreement[sender].Identity!.Sign);

    private ReadOnlyMemory<byte> Forged() => Votes.Sleep(1, Replica, 1, agreement[0].Identity!.Sign);

    private async Task<Controller> StartAsync()
    {
        PartyId id = PartyId.Controller(Replica);
        KeyFile key = KeyFile.Load(layout.KeyFile(id));
        var nodeLog = new NodeLog(log, TimeProvider.System);
        var decision = new WakeDecision(new Quorum(cluster.F), Replica, new ClusterSignatures(cluster.PublicKeys()));
        OrderBook orders = OrderBook.Open(decision, new OrderFile(folder.File("order")), nodeLog);
        ProcessHypervisor hypervisor = guests.Host(guests.Program("replica", Guests.Busy));
        var report = new NodeReport(new NodeStatus { Id = PartyId.Execution(Replica), Role = "active" }, new ProcessUsage(1, 2, 3));
        var node = new ControllerNode(
            id, cluster.Execution[Replica], SleepMode.Paused, hypervisor, orders, _ => Task.FromResult(report), nodeLog);
        IPEndPoint address = cluster.ControlOf(id)!;
        ControlServer server = await ControlServer.StartAsync(cluster, address, key.Certificate, node, orders);
        return new Controller(key, node, hypervisor, server);
    }

    /// <summary>A controller as its process has it.</summary>
    private sealed class Controller : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly KeyFile key;
        private readonly ControllerNode node;
        private readonly ControlServer server;
        private readonly Task run;

        public Controller(KeyFile key, ControllerNode node, ProcessHypervisor hypervisor, ControlServer server)
        {
            this.key = key;
            this.node = node;
            this.server = server;
            Hypervisor = hypervisor;
            run = node.RunAsync(stop.Token);
        }

        public ProcessHypervisor Hypervisor { get; }

        public ControllerStatus Status => node.Current;

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await run.WaitAsync(Guests.Bound);
            await server.DisposeAsync();
            key.Dispose();
            stop.Dispose();
        }
    }
}

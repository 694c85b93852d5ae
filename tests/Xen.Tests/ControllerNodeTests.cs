using System.Net;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Tests.Configuration;
using Agreement.Tests.Protocol;

namespace Xen.Tests;

public sealed class ControllerNodeTests : IAsyncLifetime
{
    private readonly Guests guests = new();
    private readonly CancellationTokenSource stop = new();
    private readonly StringWriter log = new();
    private readonly TemporaryFolder folder = new();
    private OrderBook orders = null!;
    private Task run = Task.CompletedTask;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await stop.CancelAsync();
        await run.WaitAsync(Guests.Bound);
        await guests.DisposeAsync();
        stop.Dispose();
        folder.Dispose();
        await log.DisposeAsync();
    }

    [Fact]
    public async Task A_sleeper_is_frozen_once_it_is_ready()
    {
        var answer = new TaskCompletionSource<NodeReport>();
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Busy, answer.Task);
        await Guests.UntilAsync(() => hypervisor.State == GuestState.Running);
        Assert.Equal(ReplicaState.Starting, node.Current.State);
        answer.SetResult(Report(12));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Assert.Equal(GuestState.Paused, hypervisor.State);
        Assert.Equal(new SequenceNumber(12), node.Current.Last!.Status.Executed);
        Assert.Equal(hypervisor.ProcessId, node.Current.ReplicaProcess);
    }

    [Fact]
    public async Task A_replica_that_ends_is_started_again()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Active, Guests.Idle, Task.FromResult(Report(1)));
        for (ulong restart = 1; restart <= 2; restart++)
        {
            await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
            ProcessSignals.Kill(hypervisor.ProcessId!.Value);
            await Guests.UntilAsync(() => node.Current.Restarts == restart);
        }

        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
    }

    [Fact]
    public async Task A_sleeper_that_is_killed_sleeps_again()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        int first = hypervisor.ProcessId!.Value;
        ProcessSignals.Kill(first);
        await Guests.UntilAsync(() => node.Current is { State: ReplicaState.Asleep, Restarts: 1 });
        Assert.NotEqual(first, hypervisor.ProcessId!.Value);
        Assert.Equal(GuestState.Paused, hypervisor.State);
    }

    [Fact]
    public async Task A_sleeper_that_never_answers_is_frozen_all_the_same()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) =
            Start(InitialRole.Asleep, Guests.Idle, Task.FromException<NodeReport>(new ControlException("did not answer in time")));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Assert.Equal(GuestState.Paused, hypervisor.State);
        Assert.Null(node.Current.Last);
    }

    [Fact]
    public async Task When_it_stops_so_does_its_replica()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        int process = hypervisor.ProcessId!.Value;
        await stop.CancelAsync();
        await run.WaitAsync(Guests.Bound);
        Assert.Null(ProcessUsage.StartTicks(process));
        Assert.Equal(ReplicaState.Down, node.Current.State);
    }

    [Fact]
    public async Task A_program_that_does_not_exist_is_tried_again_and_logged()
    {
        (ControllerNode node, _) = Start(
            InitialRole.Active, ["/nonexistent/program"], Task.FromException<NodeReport>(new ControlException("can't be reached")));
        await Guests.UntilAsync(() => node.Current.Restarts >= 2);
        await stop.CancelAsync();
        await run.WaitAsync(Guests.Bound);
        Assert.Contains("e0 ended, starting it again in 0.1 s", log.ToString(), StringComparison.Ordinal);
        Assert.Contains("e0 ended, starting it again in 0.2 s", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Orders_wake_and_put_to_sleep_and_again()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Busy, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        int process = hypervisor.ProcessId!.Value;
        for (ulong epoch = 0; epoch < 6; epoch += 2)
        {
            Wake(epoch);
            await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
            Assert.Equal(GuestState.Running, hypervisor.State);
            Assert.Equal(Votes.Wake(epoch), node.Current.Order);
            PutToSleep(epoch + 1);
            await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
            Assert.Equal(GuestState.Paused, hypervisor.State);
            Assert.Equal(Votes.SleepOrder(epoch + 1), node.Current.Order);
        }

        // Late and crossed ones.
        Wake(4);
        PutToSleep(2);
        Assert.Equal(4UL, node.Current.Counters["votes-old"]);
        Assert.Equal(process, hypervisor.ProcessId);
        Assert.False(node.Current.ShallRun);
        Assert.Equal(GuestState.Paused, hypervisor.State);
    }

    [Fact]
    public async Task A_wake_order_takes_a_sleeper_out_of_its_start()
    {
        var answer = new TaskCompletionSource<NodeReport>();
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, answer.Task);
        await Guests.UntilAsync(() => hypervisor.State == GuestState.Running);
        Wake(0);
        await Guests.UntilAsync(() => node.Current.Order is not null);
        answer.SetResult(Report(1));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        Assert.DoesNotContain("asleep", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_wake_order_no_bound_of_patience_holds_it()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) =
            Start(InitialRole.Asleep, Guests.Idle, Task.FromException<NodeReport>(new ControlException("did not answer in time")));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Wake(0);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Starting);
        long woken = TimeProvider.System.GetTimestamp();
        await Guests.UntilAsync(() => TimeProvider.System.GetElapsedTime(woken) > node.ReadyBound * 1.5);
        Assert.Equal(GuestState.Running, hypervisor.State);
        Assert.Equal(ReplicaState.Starting, node.Current.State);
    }

    [Fact]
    public async Task A_woken_one_that_is_killed_runs_again()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Wake(0);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        ProcessSignals.Kill(hypervisor.ProcessId!.Value);
        await Guests.UntilAsync(() => node.Current is { State: ReplicaState.Active, Restarts: 1 });
        Assert.Equal(GuestState.Running, hypervisor.State);
    }

    [Fact]
    public async Task One_put_to_sleep_that_is_killed_is_started_again_and_held()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Active, Guests.Idle, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        PutToSleep(1);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        ProcessSignals.Kill(hypervisor.ProcessId!.Value);
        await Guests.UntilAsync(() => node.Current is { State: ReplicaState.Asleep, Restarts: 1 });
        Assert.Equal(GuestState.Paused, hypervisor.State);
    }

    [Fact]
    public async Task An_order_holds_over_a_restart_of_the_controller()
    {
        (ControllerNode node, _) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)));
        Wake(0);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        await stop.CancelAsync();
        await run.WaitAsync(Guests.Bound);

        using var stopAgain = new CancellationTokenSource();
        (node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)), until: stopAgain.Token);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        Assert.Equal(GuestState.Running, hypervisor.State);
        Assert.True(node.Current.ShallRun);
        await stopAgain.CancelAsync();
        await run.WaitAsync(Guests.Bound);
    }

    [Fact]
    public async Task Who_thaws_a_sleeper_behind_the_controllers_back_does_not_wake_it()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Busy, Task.FromResult(Report(1)), freezer: "SIGSTOP");
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        double before = Guests.CpuSeconds(hypervisor);
        ProcessSignals.Continue(hypervisor.ProcessId!.Value);
        await Guests.UntilAsync(() => Guests.CpuSeconds(hypervisor) > before);
        await Guests.UntilAsync(() => log.ToString().Split("e0 is asleep").Length >= 2 && Guests.IsStopped(hypervisor.ProcessId!.Value));
        Assert.Equal(GuestState.Paused, hypervisor.State);
    }

    [Fact]
    public async Task One_that_hibernates_has_no_process_and_is_started_to_wake()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) =
            Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)), SleepMode.Hibernated);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Assert.Equal(GuestState.Hibernated, hypervisor.State);
        Assert.Null(node.Current.ReplicaProcess);
        Wake(0);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        Assert.NotNull(node.Current.ReplicaProcess);
        PutToSleep(1);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Assert.Equal(GuestState.Hibernated, hypervisor.State);
        Assert.Equal(0UL, node.Current.Restarts);
    }

    [Fact]
    public async Task A_hypervisor_that_fails_is_tried_again_until_the_order_is_carried_out()
    {
        await using var hypervisor = new FlakyHypervisor();
        ControllerNode node = Start(InitialRole.Asleep, hypervisor, Task.FromResult(Report(1)), SleepMode.Paused, stop.Token);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        hypervisor.Failures = 3;
        Wake(0);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
        Assert.Equal(3UL, node.Current.Counters["hypervisor-failures"]);
        hypervisor.Failures = 2;
        PutToSleep(1);
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Assert.Equal(5UL, node.Current.Counters["hypervisor-failures"]);
        Assert.Contains("out of order, trying again in 0.4 s", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_order_that_can_not_be_kept_is_carried_out_once_it_can()
    {
        (ControllerNode node, ProcessHypervisor hypervisor) = Start(InitialRole.Asleep, Guests.Idle, Task.FromResult(Report(1)));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Asleep);
        Directory.CreateDirectory(folder.File("order.new"));
        Wake(0);
        await Guests.UntilAsync(() => log.ToString().Contains("can't be kept, and so isn't carried out yet", StringComparison.Ordinal));
        // Meanwhile it is held, also when it dies.
        ProcessSignals.Kill(hypervisor.ProcessId!.Value);
        await Guests.UntilAsync(() => node.Current is { State: ReplicaState.Asleep, Restarts: 1 });
        Directory.Delete(folder.File("order.new"));
        await Guests.UntilAsync(() => node.Current.State == ReplicaState.Active);
    }

    [Fact]
    public void Back_off_doubles_to_a_bound_and_forgets()
    {
        var backoff = new RestartBackoff();
        double[] waits = [.. Enumerable.Range(0, 9).Select(_ => backoff.After(TimeSpan.Zero).TotalSeconds)];
        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], waits);
        Assert.Equal(0.1, backoff.After(TimeSpan.FromMinutes(2)).TotalSeconds);
    }

    private void OpenOrders() => orders = OrderBook.Open(
        new WakeDecision(new Quorum(1), 0, new HashSignatures()), new OrderFile(folder.File("order")), new NodeLog(log, TimeProvider.System));

    private static NodeReport Report(ulong executed) => new(
        new NodeStatus { Id = PartyId.Execution(0), Role = "active", Executed = new SequenceNumber(executed) }, new ProcessUsage(1, 2, 3));

    private (ControllerNode Node, ProcessHypervisor Hypervisor) Start(
        InitialRole role,
        string[] command,
        Task<NodeReport> answer,
        SleepMode mode = SleepMode.Paused,
        string? freezer = null,
        CancellationToken? until = null)
    {
        GuestProgram program = guests.Program("replica", command);
        ProcessHypervisor hypervisor = freezer is null ? guests.Host(program) : guests.Host(program, freezer);
        return (Start(role, hypervisor, answer, mode, until ?? stop.Token), hypervisor);
    }

    private ControllerNode Start(InitialRole role, IHypervisor hypervisor, Task<NodeReport> answer, SleepMode mode, CancellationToken until)
    {
        OpenOrders();
        var address = new IPEndPoint(IPAddress.Loopback, 1);
        using Identity identity = Identity.Generate();
        var entry = new ExecutionEntry(PartyId.Execution(0), address, address, StoreChoice.Embedded, role, identity.PublicKeys, new byte[32]);
        var node = new ControllerNode(
            PartyId.Controller(0), entry, mode, hypervisor, orders, cancellation => answer.WaitAsync(cancellation), new NodeLog(log, TimeProvider.System))
        {
            ReadyBound = TimeSpan.FromSeconds(1),
            StopGrace = Guests.Bound,
        };
        run = node.RunAsync(until);
        return node;
    }

    private void Wake(ulong epoch) => orders.Take([Votes.Recover(0, epoch), Votes.Recover(1, epoch)]);

    private void PutToSleep(ulong epoch) => orders.Take([Votes.Sleep(0, 0, epoch), Votes.Sleep(1, 0, epoch)]);
}

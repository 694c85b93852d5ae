using System.Net;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;

namespace Xen.Tests;

public sealed class ControllerNodeTests : IAsyncLifetime
{
    private readonly Guests guests = new();
    private readonly CancellationTokenSource stop = new();
    private readonly StringWriter log = new();
    private Task run = Task.CompletedTask;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await stop.CancelAsync();
        await run.WaitAsync(Guests.Bound);
        await guests.DisposeAsync();
        stop.Dispose();
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
    public void Back_off_doubles_to_a_bound_and_forgets()
    {
        var backoff = new RestartBackoff();
        double[] waits = [.. Enumerable.Range(0, 9).Select(_ => backoff.After(TimeSpan.Zero).TotalSeconds)];
        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], waits);
        Assert.Equal(0.1, backoff.After(TimeSpan.FromMinutes(2)).TotalSeconds);
    }

    private static NodeReport Report(ulong executed) => new(
        new NodeStatus { Id = PartyId.Execution(0), Role = "active", Executed = new SequenceNumber(executed) }, new ProcessUsage(1, 2, 3));

    private (ControllerNode Node, ProcessHypervisor Hypervisor) Start(InitialRole role, string[] command, Task<NodeReport> answer)
    {
        var address = new IPEndPoint(IPAddress.Loopback, 1);
        using Identity identity = Identity.Generate();
        var entry = new ExecutionEntry(PartyId.Execution(0), address, address, StoreChoice.Embedded, role, identity.PublicKeys, new byte[32]);
        ProcessHypervisor hypervisor = guests.Host(guests.Program("replica", command));
        var node = new ControllerNode(
            PartyId.Controller(0), entry, hypervisor, cancellation => answer.WaitAsync(cancellation), new NodeLog(log, TimeProvider.System))
        {
            ReadyBound = TimeSpan.FromSeconds(1),
            StopGrace = Guests.Bound,
        };
        run = node.RunAsync(stop.Token);
        return (node, hypervisor);
    }
}

using System.Diagnostics;
using System.Globalization;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;

namespace Xen;

/// <summary>
/// Keeps one execution replica where it shall be: running, or frozen once it has said that it is ready. Starts it again when
/// it ends by itself. <see cref="Current"/> may be read by any thread.
/// </summary>
/// <remarks>
/// The role it drives to is the cluster file's. Orders of agreement replicas that change it are decided elsewhere, by a pure
/// core, and will come in here as a new role.
/// </remarks>
public sealed class ControllerNode : IControllerStatusSource
{
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(50);

    private readonly PartyId id;
    private readonly ExecutionEntry replica;
    private readonly IHypervisor hypervisor;
    private readonly Func<CancellationToken, Task<NodeReport>> askReplica;
    private readonly NodeLog log;
    private volatile ControllerStatus status;

    /// <summary>Puts the parts together; the caller owns them and starts with <see cref="RunAsync"/>.</summary>
    /// <param name="id">This controller.</param>
    /// <param name="replica">The replica that it runs.</param>
    /// <param name="hypervisor">Holds the replica.</param>
    /// <param name="askReplica">Asks it for its status once; fails with <see cref="ControlException"/> while it does not answer.</param>
    /// <param name="log">For people.</param>
    public ControllerNode(
        PartyId id, ExecutionEntry replica, IHypervisor hypervisor, Func<CancellationToken, Task<NodeReport>> askReplica, NodeLog log)
    {
        this.id = id;
        this.replica = replica;
        this.hypervisor = hypervisor;
        this.askReplica = askReplica;
        this.log = log;
        status = new ControllerStatus { Id = id, Replica = replica.Id, State = ReplicaState.Down };
    }

    /// <summary>How long a replica that shall sleep gets to say that it is ready; then it is frozen as it is.</summary>
    public TimeSpan ReadyBound { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a replica gets to end by itself.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public ControllerStatus Current => status with { ReplicaProcess = hypervisor.ProcessId };

    /// <summary>Runs the replica until <paramref name="stop"/>, then ends it cleanly.</summary>
    /// <exception cref="HypervisorException">What an earlier controller left behind, or the replica now, won't go away.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        await hypervisor.RemoveLeftoversAsync();
        var backoff = new RestartBackoff();
        try
        {
            while (!stop.IsCancellationRequested)
            {
                long started = Stopwatch.GetTimestamp();
                await RunOnceAsync(stop);
                SetState(ReplicaState.Down);
                await hypervisor.DestroyAsync(TimeSpan.Zero);
                TimeSpan wait = backoff.After(Stopwatch.GetElapsedTime(started));
                log.Write(string.Create(CultureInfo.InvariantCulture, $"{replica.Id} ended, starting it again in {wait.TotalSeconds} s"));
                await Task.Delay(wait, stop);
                status = status with { Restarts = status.Restarts + 1 };
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            log.Write($"stopping {replica.Id}");
        }
        finally
        {
            await hypervisor.DestroyAsync(StopGrace);
            SetState(ReplicaState.Down);
        }
    }

    /// <summary>One life of the replica; returns when it has ended or could not begin.</summary>
    private async Task RunOnceAsync(CancellationToken stop)
    {
        SetState(ReplicaState.Starting);
        try
        {
            await hypervisor.CreateAsync(paused: false);
            using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
            Task end = hypervisor.WaitForEndAsync(stop);
            Task ready = WaitUntilReadyAsync(ended.Token);
            await Task.WhenAny(end, ready);
            await ended.CancelAsync();
            if (!end.IsCompleted)
            {
                await ready;
                await EnterRoleAsync();
            }

            await end;
        }
        catch (HypervisorException error)
        {
            log.Write(error.Message);
        }
    }

    private async Task EnterRoleAsync()
    {
        if (replica.InitialRole == InitialRole.Asleep)
        {
            await hypervisor.PauseAsync();
            SetState(ReplicaState.Asleep);
        }
        else
        {
            SetState(ReplicaState.Active);
        }

        log.Write($"{replica.Id} is {(status.State == ReplicaState.Asleep ? "asleep" : "active")}");
    }

    /// <summary>
    /// Returns when the replica has answered. One that shall run may take as long as it needs; one that shall sleep has a
    /// bound, because while it starts it uses a processor that it shall not.
    /// </summary>
    private async Task WaitUntilReadyAsync(CancellationToken ended)
    {
        long started = Stopwatch.GetTimestamp();
        while (replica.InitialRole == InitialRole.Active || Stopwatch.GetElapsedTime(started) < ReadyBound)
        {
            try
            {
                NodeReport report = await askReplica(ended);
                status = status with { Last = report };
                return;
            }
            catch (ControlException)
            {
                await Task.Delay(AskInterval, ended);
            }
        }

        log.Write($"{replica.Id} did not say that it is ready, freezing it as it is");
    }

    private void SetState(ReplicaState state) => status = status with { State = state };
}

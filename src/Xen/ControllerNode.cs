using System.Diagnostics;
using System.Globalization;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;

namespace Xen;

/// <summary>
/// Keeps one execution replica where it shall be, over all that goes wrong on the way: running; or asleep, once it has said
/// that it is ready. What it shall do is the highest order of agreement replicas, and as long as there is none, what the
/// cluster file says. <see cref="Current"/> may be read by any thread.
/// </summary>
public sealed class ControllerNode : IControllerStatusSource
{
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SaveInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(2);

    private readonly ExecutionEntry replica;
    private readonly SleepMode mode;
    private readonly IHypervisor hypervisor;
    private readonly OrderBook orders;
    private readonly Func<CancellationToken, Task<NodeReport>> askReplica;
    private readonly NodeLog log;
    private readonly RestartBackoff starts = new();
    private RestartBackoff failures = new();
    private bool isAttached;
    private bool ready;
    private bool isGivenUp;
    private bool restarting;
    private long startedAt;
    private long checkedAt;
    private string saveProblem = "";
    private ulong failureCount;
    private volatile ControllerStatus status;

    /// <summary>Puts the parts together; the caller owns them and starts with <see cref="RunAsync"/>.</summary>
    /// <param name="id">This controller.</param>
    /// <param name="replica">The replica that it runs.</param>
    /// <param name="mode">How that sleeps.</param>
    /// <param name="hypervisor">Holds the replica.</param>
    /// <param name="orders">Orders for it.</param>
    /// <param name="askReplica">Asks it for its status once; fails with <see cref="ControlException"/> while it does not answer.</param>
    /// <param name="log">For people.</param>
    public ControllerNode(
        PartyId id,
        ExecutionEntry replica,
        SleepMode mode,
        IHypervisor hypervisor,
        OrderBook orders,
        Func<CancellationToken, Task<NodeReport>> askReplica,
        NodeLog log)
    {
        this.replica = replica;
        this.mode = mode;
        this.hypervisor = hypervisor;
        this.orders = orders;
        this.askReplica = askReplica;
        this.log = log;
        status = new ControllerStatus { Id = id, Replica = replica.Id, State = ReplicaState.Starting };
    }

    /// <summary>How long a replica that shall sleep gets to say that it is ready; then it is held as it is.</summary>
    public TimeSpan ReadyBound { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a replica gets to end by itself.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public ControllerStatus Current
    {
        get
        {
            var counters = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
            foreach ((string name, ulong count) in orders.Counters())
                counters[name] = count;
            if (Interlocked.Read(ref failureCount) is > 0 and var failed)
                counters["hypervisor-failures"] = failed;
            return status with { ReplicaProcess = hypervisor.ProcessId, Order = orders.Order, ShallRun = ShallRun, Counters = counters };
        }
    }

    // Nothing but this decides, so no pause for freshness can follow a wake order (DESIGN §9).
    private bool ShallRun => orders.Order is { } order ? order.Kind == OrderKind.Wake : replica.InitialRole == InitialRole.Active;

    /// <summary>Drives the replica until <paramref name="stop"/>, then ends it cleanly.</summary>
    /// <exception cref="HypervisorException">It won't end.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                stop.ThrowIfCancellationRequested();
                Task ordered = orders.Changed;
                TimeSpan wait = await TryStepAsync(ordered, stop);
                await WaitAsync(wait, ordered, stop);
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

    /// <summary>One step, or a failed attempt at it. Returns how long to wait for the next if nothing happens meanwhile.</summary>
    private async Task<TimeSpan> TryStepAsync(Task ordered, CancellationToken stop)
    {
        try
        {
            bool isSaved = TrySave();
            await LookAsync();
            TimeSpan wait = await StepAsync(ordered, stop);
            failures = new RestartBackoff();
            return isSaved || wait < SaveInterval ? wait : SaveInterval;
        }
        catch (Exception error) when (error is HypervisorException or IOException)
        {
            Interlocked.Increment(ref failureCount);
            checkedAt = 0;
            TimeSpan wait = failures.After(TimeSpan.Zero);
            log.Write(string.Create(CultureInfo.InvariantCulture, $"{error.Message.TrimEnd('.')}, trying again in {wait.TotalSeconds} s"));
            return wait;
        }
    }

    // Not at each step: asking a toolstack takes as long as waking a machine, and an order comes between two looks.
    private async Task LookAsync()
    {
        if (checkedAt != 0 && Stopwatch.GetElapsedTime(checkedAt) < CheckInterval)
            return;
        if (isAttached)
            await hypervisor.CheckAsync();
        else
            await hypervisor.AttachAsync();
        isAttached = true;
        checkedAt = Stopwatch.GetTimestamp();
    }

    // An order is acted on only when it is on disk, or the next process could be talked into an older one. While the disk
    // refuses, the former order is driven to.
    private bool TrySave()
    {
        try
        {
            if (orders.Save())
                log.Write($"the order is {orders.Order}");
            saveProblem = "";
            return true;
        }
        catch (IOException error)
        {
            if (error.Message != saveProblem)
                log.Write($"a new order can't be kept, and so isn't carried out yet ({error.Message.TrimEnd('.')})");
            saveProblem = error.Message;
            return false;
        }
    }

    private async Task<TimeSpan> StepAsync(Task ordered, CancellationToken stop)
    {
        switch (Driving.Next(hypervisor.State, ready || (isGivenUp && !ShallRun), ShallRun, mode))
        {
            case DriveStep.Start:
                return await StartAsync();

            case DriveStep.AwaitReady:
                SetState(ReplicaState.Starting);
                return await AwaitReadyAsync(ordered, stop);

            case DriveStep.Pause:
                await hypervisor.PauseAsync();
                break;

            case DriveStep.Hibernate:
                await hypervisor.HibernateAsync(StopGrace);
                break;

            case DriveStep.Wake:
                // Resumed, it goes on where it was; but a process that hibernated starts anew, and anything may have a long way.
                ready = ready && hypervisor.State == GuestState.Paused;
                isGivenUp = false;
                startedAt = Stopwatch.GetTimestamp();
                await hypervisor.ResumeAsync();
                return TimeSpan.Zero;
        }

        SetState(hypervisor.State == GuestState.Running ? ReplicaState.Active : ReplicaState.Asleep);
        return CheckInterval;
    }

    private async Task<TimeSpan> StartAsync()
    {
        if (startedAt != 0)
        {
            SetState(ReplicaState.Down);
            await hypervisor.DestroyAsync(TimeSpan.Zero);
            TimeSpan wait = starts.After(Stopwatch.GetElapsedTime(startedAt));
            log.Write(string.Create(CultureInfo.InvariantCulture, $"{replica.Id} ended, starting it again in {wait.TotalSeconds} s"));
            startedAt = 0;
            restarting = true;
            return wait;
        }

        SetState(ReplicaState.Starting, restarting ? 1UL : 0);
        ready = false;
        isGivenUp = false;
        restarting = true;
        await hypervisor.CreateAsync(paused: false);
        restarting = false;
        startedAt = Stopwatch.GetTimestamp();
        return TimeSpan.Zero;
    }

    /// <summary>
    /// Asks the replica once. One that shall run may take as long as it needs; one that shall sleep has a bound, because
    /// while it starts it uses a processor that it shall not.
    /// </summary>
    private async Task<TimeSpan> AwaitReadyAsync(Task ordered, CancellationToken stop)
    {
        if (startedAt == 0)
            startedAt = Stopwatch.GetTimestamp();
        if (!ShallRun && Stopwatch.GetElapsedTime(startedAt) >= ReadyBound)
        {
            log.Write($"{replica.Id} did not say that it is ready, holding it as it is");
            isGivenUp = true;
            return TimeSpan.Zero;
        }

        using CancellationTokenSource given = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task<NodeReport> answer = askReplica(given.Token);
        Task end = hypervisor.WaitForEndAsync(given.Token);
        await Task.WhenAny(answer, ordered, end);
        NoteEnd(end);
        await given.CancelAsync();
        try
        {
            status = status with { Last = await answer };
            ready = true;
            return TimeSpan.Zero;
        }
        catch (Exception error) when (error is ControlException or OperationCanceledException)
        {
            return AskInterval;
        }
    }

    /// <summary>Waits, or until there is a new order, or until the guest ends by itself.</summary>
    private async Task WaitAsync(TimeSpan wait, Task ordered, CancellationToken stop)
    {
        if (wait == TimeSpan.Zero)
            return;
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        bool isThere = hypervisor.State is GuestState.Running or GuestState.Paused;
        Task end = isThere ? hypervisor.WaitForEndAsync(over.Token) : Task.Delay(wait, over.Token);
        await Task.WhenAny(ordered, Task.Delay(wait, over.Token), end);
        NoteEnd(end);
        await over.CancelAsync();
    }

    // What a machine does is known only when it is looked at.
    private void NoteEnd(Task end)
    {
        if (end.IsCompleted)
            checkedAt = 0;
    }

    private void SetState(ReplicaState state, ulong restarts = 0)
    {
        if (state == status.State && restarts == 0)
            return;
        status = status with { State = state, Restarts = status.Restarts + restarts };
        if (state is ReplicaState.Active or ReplicaState.Asleep)
            log.Write($"{replica.Id} is {(state == ReplicaState.Asleep ? "asleep" : "active")}");
    }
}

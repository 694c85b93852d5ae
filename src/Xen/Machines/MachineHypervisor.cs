using System.Diagnostics;

namespace Xen.Machines;

/// <summary>What a toolstack knows of a machine.</summary>
/// <param name="State">What it does.</param>
/// <param name="IsLeft">Whether something of an absent one is left that must go before it is started again: it crashed, say.</param>
public readonly record struct MachineState(GuestState State, bool IsLeft = false);

/// <summary>
/// Drives a virtual machine by the commands of a toolstack. The machine outlives the controller, and others can drive it,
/// too: what a command did is always looked at.
/// </summary>
public abstract class MachineHypervisor : IHypervisor
{
    private readonly TimeSpan pollInterval;
    private readonly TimeSpan settleBound;
    private volatile GuestState known;

    /// <summary>For one machine.</summary>
    /// <param name="name">Its name, for people.</param>
    /// <param name="timing">How patient to be.</param>
    protected MachineHypervisor(string name, MachineTiming timing)
    {
        Name = name;
        pollInterval = timing.Poll;
        settleBound = timing.Settle;
    }

    /// <inheritdoc/>
    public abstract string Description { get; }

    /// <inheritdoc/>
    public GuestState State => known;

    /// <summary>A machine's processor time is not counted in a process of ours.</summary>
    public int? ProcessId => null;

    /// <summary>The machine's name.</summary>
    protected string Name { get; }

    /// <inheritdoc/>
    public async Task RemoveLeftoversAsync()
    {
        await DestroyAsync(TimeSpan.Zero);
        await ForgetAsync();
    }

    /// <inheritdoc/>
    public Task AttachAsync() => CheckAsync();

    /// <inheritdoc/>
    public async Task<GuestState> CheckAsync() => (await LookAsync()).State;

    /// <inheritdoc/>
    public async Task CreateAsync(bool paused)
    {
        MachineState now = await LookAsync();
        if (now.State != GuestState.Absent)
            throw new HypervisorException($"{Name} is there already");
        if (now.IsLeft)
            await KillAsync();
        await StartAsync(paused);
        await SettleAsync(paused ? GuestState.Paused : GuestState.Running);
    }

    /// <inheritdoc/>
    public async Task PauseAsync()
    {
        // Asked first, because Xen counts pauses: one more would need one more to be undone.
        if ((await LookAsync()).State == GuestState.Paused)
            return;
        if (State != GuestState.Running)
            throw new HypervisorException($"{Name} does not run");
        await SuspendAsync();
        await SettleAsync(GuestState.Paused);
    }

    /// <inheritdoc/>
    public async Task ResumeAsync()
    {
        // When it was known to be held it is not asked first: waking is what must be fast.
        if (State != GuestState.Paused)
            await LookAsync();
        long start = Stopwatch.GetTimestamp();
        while (State != GuestState.Running)
        {
            if (State == GuestState.Absent)
                throw new HypervisorException($"{Name} does not run");
            if (Stopwatch.GetElapsedTime(start) > settleBound)
                throw new HypervisorException($"{Name} stays held");
            if (State == GuestState.Hibernated)
                await RestoreAsync();
            else
                await UnsuspendAsync();
            await LookAsync();
        }
    }

    /// <inheritdoc/>
    public async Task HibernateAsync(TimeSpan grace)
    {
        MachineState now = await LookAsync();
        if (now.State == GuestState.Hibernated)
            return;
        if (now.State == GuestState.Absent)
            throw new HypervisorException($"{Name} does not run");
        await SaveAsync();
        await SettleAsync(GuestState.Hibernated);
    }

    /// <inheritdoc/>
    public async Task WaitForEndAsync(CancellationToken cancellation)
    {
        // What was just looked at is not looked at again at once: callers begin to wait much more often than machines end.
        for (GuestState state = State; state is GuestState.Running or GuestState.Paused; state = (await QueryAsync()).State)
            await Task.Delay(pollInterval, cancellation);
    }

    /// <inheritdoc/>
    public async Task DestroyAsync(TimeSpan grace)
    {
        MachineState now = await LookAsync();
        if (now.State == GuestState.Hibernated)
            return;
        if (grace > TimeSpan.Zero && now.State != GuestState.Absent)
        {
            if (now.State == GuestState.Paused)
                await ResumeAsync();
            await ShutDownAsync();
            now = await WaitUntilAsync(state => state.State == GuestState.Absent, grace);
        }

        if (now.State == GuestState.Absent && !now.IsLeft)
            return;
        await KillAsync();
        now = await WaitUntilAsync(state => state.State == GuestState.Absent && !state.IsLeft, settleBound);
        if (now.State != GuestState.Absent || now.IsLeft)
            throw new HypervisorException($"{Name} won't end");
    }

    /// <summary>The machine goes on without its controller, which may come back.</summary>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Asks the toolstack what the machine does.</summary>
    protected abstract Task<MachineState> QueryAsync();

    /// <summary>Starts the machine, which is absent.</summary>
    protected abstract Task StartAsync(bool paused);

    /// <summary>Holds it.</summary>
    protected abstract Task SuspendAsync();

    /// <summary>Lets it go on; may have to be repeated.</summary>
    protected abstract Task UnsuspendAsync();

    /// <summary>Puts its memory on disk and ends it.</summary>
    protected abstract Task SaveAsync();

    /// <summary>Goes on from the disk; the image must be gone before the machine runs, or it could be gone on from twice.</summary>
    protected abstract Task RestoreAsync();

    /// <summary>Asks its system to shut down.</summary>
    protected abstract Task ShutDownAsync();

    /// <summary>Ends it.</summary>
    protected abstract Task KillAsync();

    /// <summary>Removes an image of its memory, if there is one.</summary>
    protected abstract Task ForgetAsync();

    /// <summary>Throws unless a command succeeded.</summary>
    /// <exception cref="HypervisorException">It did not; the message has the tool's first complaint.</exception>
    protected void Require(ToolResult result, string what)
    {
        if (result.ExitCode == 0)
            return;
        string[] lines = result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string reason = lines.Length > 0 ? string.Join("; ", lines.Take(2)).TrimEnd('.') : FormattableString.Invariant($"exit code {result.ExitCode}");
        throw new HypervisorException($"{Name} {what} ({reason})");
    }

    private async Task<MachineState> LookAsync()
    {
        MachineState now = await QueryAsync();
        known = now.State;
        return now;
    }

    private async Task SettleAsync(GuestState expected)
    {
        MachineState now = await WaitUntilAsync(state => state.State == expected, settleBound);
        if (now.State != expected)
            throw new HypervisorException($"{Name} is {now.State.ToString().ToLowerInvariant()} when it should be {expected.ToString().ToLowerInvariant()}");
    }

    private async Task<MachineState> WaitUntilAsync(Predicate<MachineState> condition, TimeSpan bound)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            MachineState now = await LookAsync();
            if (condition(now) || Stopwatch.GetElapsedTime(start) > bound)
                return now;
            await Task.Delay(pollInterval);
        }
    }
}

/// <summary>How patient a <see cref="MachineHypervisor"/> is.</summary>
/// <param name="Poll">Between two looks at a machine.</param>
/// <param name="Settle">How long it may take until it does what a successful command asked for.</param>
public sealed record MachineTiming(TimeSpan Poll, TimeSpan Settle)
{
    /// <summary>For real machines.</summary>
    public static MachineTiming Default { get; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
}

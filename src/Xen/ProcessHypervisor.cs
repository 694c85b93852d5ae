using System.Diagnostics;
using System.Globalization;
using Agreement.Control;
using Xen.Freezing;

namespace Xen;

/// <summary>What a <see cref="ProcessHypervisor"/> runs.</summary>
/// <param name="Name">Name of the guest, unique on the machine; also of its control group.</param>
/// <param name="Command">Program and arguments. It should call <see cref="ProcessSignals.DieWithController"/>.</param>
/// <param name="LogFile">Where its output is appended.</param>
/// <param name="RecordFile">Where the controller notes which process it is; survives the controller.</param>
public sealed record GuestProgram(string Name, IReadOnlyList<string> Command, string LogFile, string RecordFile);

/// <summary>
/// Stands in for a hypervisor where there is none: the guest is a process, held by the best freezer that the machine has.
/// A process that hibernates is ended: what it needs is on disk anyway, and waking it is starting it.
/// </summary>
public sealed class ProcessHypervisor : IHypervisor
{
    private static readonly TimeSpan FreezeBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KillBound = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(2);

    private readonly GuestProgram program;
    private readonly IFreezer freezer;
    private volatile Process? guest;
    private volatile bool paused;
    private volatile bool hibernated;

    /// <summary>For one guest program; nothing is started yet.</summary>
    public ProcessHypervisor(GuestProgram program)
        : this(program, Freezers.Choose(program.Name))
    {
    }

    internal ProcessHypervisor(GuestProgram program, IFreezer freezer)
    {
        this.program = program;
        this.freezer = freezer;
    }

    /// <inheritdoc/>
    public string Description => $"a process, held by {freezer.Name}";

    /// <inheritdoc/>
    public GuestState State => ProcessId is not null
        ? paused ? GuestState.Paused : GuestState.Running
        : hibernated ? GuestState.Hibernated : GuestState.Absent;

    /// <inheritdoc/>
    public int? ProcessId => guest is { HasExited: false } process ? process.Id : null;

    /// <inheritdoc/>
    public async Task RemoveLeftoversAsync()
    {
        GuestRecord? record = GuestRecord.Load(program.RecordFile);
        bool Gone() => record is not { IsAlive: true } && Freezers.All(program.Name).All(place => place.Members().Count == 0);
        await TryUntilAsync(KillBound, $"an earlier process of {program.Name} won't end", () =>
        {
            if (Gone())
                return true;
            // The kill comes first: thawed before it, the stale replica would run for a moment.
            if (record is { IsAlive: true })
                ProcessSignals.Kill(record.ProcessId);
            foreach (IFreezer place in Freezers.All(program.Name))
            {
                IReadOnlyList<int> members = place.Members();
                foreach (int member in members)
                    ProcessSignals.Kill(member);
                if (members.Count > 0)
                    place.SetFrozen(members[0], false);
                else if (record is { IsAlive: true })
                    place.SetFrozen(record.ProcessId, false);
            }

            return Gone();
        });
        foreach (IFreezer place in Freezers.All(program.Name))
            await TryUntilAsync(KillBound, $"the control group {program.Name} can't be removed", place.TryRemove);
        // A controller that died before it made its folder left no record, and deleting in a missing folder is an error.
        if (File.Exists(program.RecordFile))
            File.Delete(program.RecordFile);
    }

    /// <summary>A guest dies with its controller, so that there is none to go on with.</summary>
    public Task AttachAsync() => RemoveLeftoversAsync();

    /// <inheritdoc/>
    public Task<GuestState> CheckAsync()
    {
        // Only what we hold may be found not to be held: a process that somebody else stopped is his.
        if (paused && guest is { HasExited: false } process && ProcessUsage.StartTicks(process.Id) is not null)
            paused = freezer.IsFrozen(process.Id);
        return Task.FromResult(State);
    }

    /// <inheritdoc/>
    public async Task CreateAsync(bool paused)
    {
        if (State != GuestState.Absent)
            throw new HypervisorException($"{program.Name} runs already");
        guest?.Dispose();
        guest = null;
        try
        {
            freezer.Prepare(paused);
            string controller = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
            guest = await SpawningThread.RunAsync(() => BackgroundProcess.Start(
                program.Command,
                program.LogFile,
                freezer.JoinFile,
                stopped: paused && freezer.JoinFile is null,
                [(ProcessSignals.ParentVariable, controller)]));
            this.paused = paused;
            GuestRecord.Of(guest.Id)?.Save(program.RecordFile);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HypervisorException($"{program.Name} can't be started ({error.Message.TrimEnd('.')})", error);
        }

        if (paused)
            await WaitForFreezeAsync(guest.Id, frozen: true);
    }

    /// <inheritdoc/>
    public Task PauseAsync() => SetPausedAsync(true);

    /// <inheritdoc/>
    public async Task HibernateAsync(TimeSpan grace)
    {
        if (State == GuestState.Hibernated)
            return;
        if (State == GuestState.Absent)
            throw new HypervisorException($"{program.Name} does not run");
        await DestroyAsync(grace);
        hibernated = true;
    }

    /// <inheritdoc/>
    public Task ResumeAsync()
    {
        if (State != GuestState.Hibernated)
            return SetPausedAsync(false);
        hibernated = false;
        return CreateAsync(paused: false);
    }

    /// <inheritdoc/>
    public Task WaitForEndAsync(CancellationToken cancellation) =>
        guest is { } process ? process.WaitForExitAsync(cancellation) : Task.CompletedTask;

    /// <inheritdoc/>
    public async Task DestroyAsync(TimeSpan grace)
    {
        hibernated = false;
        if (guest is not { } process)
            return;
        if (!process.HasExited)
        {
            // The signal first, so that a thawed guest begins with it.
            ProcessSignals.Terminate(process.Id);
            freezer.SetFrozen(process.Id, false);
            if (!await EndsWithinAsync(process, grace))
            {
                ProcessSignals.Kill(process.Id);
                if (!await EndsWithinAsync(process, KillBound))
                    throw new HypervisorException($"{program.Name} won't end");
            }
        }

        await TryUntilAsync(KillBound, $"the control group of {program.Name} can't be removed", freezer.TryRemove);
        File.Delete(program.RecordFile);
        guest = null;
        paused = false;
        process.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await DestroyAsync(TimeSpan.Zero);

    private static async Task<bool> EndsWithinAsync(Process process, TimeSpan bound)
    {
        using var timer = new CancellationTokenSource(bound);
        try
        {
            await process.WaitForExitAsync(timer.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return process.HasExited;
        }
    }

    /// <summary>Tries again until it works: the kernel freezes, reaps and releases in its own time and tells nobody.</summary>
    private static async Task TryUntilAsync(TimeSpan bound, string otherwise, Func<bool> attempt)
    {
        long start = Stopwatch.GetTimestamp();
        while (!attempt())
        {
            if (Stopwatch.GetElapsedTime(start) > bound)
                throw new HypervisorException(otherwise);
            await Task.Delay(PollInterval);
        }
    }

    private async Task SetPausedAsync(bool frozen)
    {
        if (guest is not { HasExited: false } process)
            throw new HypervisorException($"{program.Name} does not run");
        if (paused == frozen)
            return;
        try
        {
            freezer.SetFrozen(process.Id, frozen);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HypervisorException($"{program.Name} can't be {(frozen ? "frozen" : "thawed")} ({error.Message.TrimEnd('.')})", error);
        }

        await WaitForFreezeAsync(process.Id, frozen);
        paused = frozen;
    }

    private Task WaitForFreezeAsync(int process, bool frozen)
    {
        string otherwise = $"{program.Name} {(frozen ? "won't freeze" : "stays frozen")}";
        return TryUntilAsync(FreezeBound, otherwise, () => ProcessUsage.StartTicks(process) is null
            ? throw new HypervisorException($"{program.Name} has ended")
            : freezer.IsFrozen(process) == frozen);
    }
}

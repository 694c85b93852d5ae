using System.Diagnostics;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Xen;

namespace ZZFs.Cli.Nodes;

/// <summary>
/// Starts and stops the nodes of a cluster directory that belong on this machine: agreement replicas and controllers
/// directly, execution replicas through their controllers.
/// </summary>
public sealed class ClusterLauncher
{
    private static readonly TimeSpan AskBound = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly ClusterLayout layout;
    private readonly ClusterFile cluster;

    /// <summary>For one cluster directory.</summary>
    /// <exception cref="ConfigurationException">It is none.</exception>
    public ClusterLauncher(ClusterLayout layout)
    {
        this.layout = layout;
        cluster = layout.Load();
    }

    /// <summary>How long the nodes get to answer.</summary>
    public TimeSpan StartBound { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a node gets to end by itself: more than a controller gives its replica.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(15);

    private IEnumerable<PartyId> LocalNodes =>
        [.. cluster.Agreement.Select(entry => entry.Id).Concat(cluster.Controllers.Select(entry => entry.Id)).Where(IsLocal)];

    /// <summary>
    /// Starts what does not run and waits until all of it answers. When a node dies instead, what was started is stopped again.
    /// </summary>
    /// <returns>The nodes that were started; none when all ran.</returns>
    /// <exception cref="CommandException">A node died, or did not answer in time.</exception>
    public async Task<IReadOnlyList<PartyId>> UpAsync(CancellationToken cancellation)
    {
        using FileStream only = Lock();
        var started = new List<(PartyId Id, Process Process)>();
        try
        {
            foreach (PartyId id in LocalNodes.Where(id => PidFile.Owner(layout.PidFile(id)) is null))
                started.Add((id, Start(id)));
            using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
            await WaitUntilUpAsync(started, administrator, cancellation);
            return [.. started.Select(node => node.Id)];
        }
        catch (Exception)
        {
            await StopAsync([.. started.Select(node => node.Id)], onlyThese: [.. started.Select(node => node.Process)]);
            throw;
        }
        finally
        {
            foreach ((_, Process process) in started)
                process.Dispose();
        }
    }

    /// <summary>Stops every node of this machine, frozen ones too. Nothing running is no error.</summary>
    /// <returns>The nodes that ran.</returns>
    public async Task<IReadOnlyList<PartyId>> DownAsync()
    {
        using FileStream only = Lock();
        return await StopAsync([.. LocalNodes], onlyThese: []);
    }

    private bool IsLocal(PartyId id) => PortFinder.IsLocal(cluster.ControlOf(id)!.Address) && File.Exists(layout.NodeFile(id));

    private FileStream Lock()
    {
        try
        {
            return new FileStream(layout.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                ExitCode.Failed, $"{layout.Directory} can't be locked, so another zzfs up or down may be at work ({error.Message.TrimEnd('.')})", error);
        }
    }

    private Process Start(PartyId id)
    {
        string kind = id.Role == PartyRole.Agreement ? "agreement" : "hypervisor";
        return BackgroundProcess.Start(SelfProgram.Command("node", kind, "--config", layout.NodeFile(id)), layout.LogFile(id));
    }

    private async Task WaitUntilUpAsync(List<(PartyId Id, Process Process)> started, KeyFile administrator, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var waiting = new List<PartyId>(LocalNodes);
        while (true)
        {
            foreach ((PartyId id, Process process) in started)
            {
                if (process.HasExited)
                    throw Died(id);
            }

            bool[] up = await Task.WhenAll(waiting.Select(id => IsUpAsync(id, administrator, started.Any(node => node.Id == id), cancellation)));
            waiting = [.. waiting.Where((_, index) => !up[index])];
            if (waiting.Count == 0)
                return;
            if (Stopwatch.GetElapsedTime(start) > StartBound)
                throw new CommandException(ExitCode.NotUp, $"{string.Join(", ", waiting)} did not answer in time");
            await Task.Delay(PollInterval, cancellation);
        }
    }

    private async Task<bool> IsUpAsync(PartyId id, KeyFile administrator, bool isNew, CancellationToken cancellation)
    {
        using var client = new ControlClient(cluster, id, administrator.Certificate);
        try
        {
            if (id.Role == PartyRole.Agreement)
            {
                await client.GetNodeStatusAsync(AskBound, cancellation);
                return true;
            }

            ControllerReport report = await client.GetControllerStatusAsync(AskBound, cancellation);
            if (isNew && (report.Status.Restarts > 0 || report.Status.State == ReplicaState.Down))
                throw Died(report.Status.Replica);
            return report.Status.State is ReplicaState.Active or ReplicaState.Asleep;
        }
        catch (ControlException)
        {
            return false;
        }
    }

    private CommandException Died(PartyId id)
    {
        string last = File.Exists(layout.LogFile(id)) ? File.ReadLines(layout.LogFile(id)).LastOrDefault(line => line.Length > 0) ?? "" : "";
        if (last.StartsWith("zzfs: ", StringComparison.Ordinal))
            last = last[6..];
        return new CommandException(ExitCode.NotUp, $"{id} ended at its start: {(last.Length > 0 ? last : "it left no word in its log")}");
    }

    /// <summary>
    /// Asks, waits, and ends by force. Controllers end their replicas; a replica whose controller could not is ended here.
    /// </summary>
    private async Task<IReadOnlyList<PartyId>> StopAsync(IReadOnlyList<PartyId> nodes, IReadOnlyList<Process> onlyThese)
    {
        var running = new SortedDictionary<PartyId, int>();
        foreach (PartyId id in nodes)
        {
            if (PidFile.Owner(layout.PidFile(id)) is { } process)
                running.Add(id, process);
        }

        foreach (Process process in onlyThese.Where(process => !process.HasExited))
            ProcessSignals.Terminate(process.Id);
        foreach (int process in running.Values)
            ProcessSignals.Terminate(process);
        bool IsThere(PartyId id) => PidFile.Owner(layout.PidFile(id)) == running[id];
        if (!await WaitUntilAsync(() => !running.Keys.Any(IsThere) && onlyThese.All(process => process.HasExited), StopGrace))
        {
            foreach (PartyId id in running.Keys.Where(IsThere))
                ProcessSignals.Kill(running[id]);
            foreach (Process process in onlyThese.Where(process => !process.HasExited))
                ProcessSignals.Kill(process.Id);
            if (!await WaitUntilAsync(() => !running.Keys.Any(IsThere), StopGrace))
                throw new CommandException(ExitCode.Failed, $"{string.Join(", ", running.Keys.Where(IsThere))} won't end");
        }

        foreach (PartyId controller in nodes.Where(id => id.Role == PartyRole.Controller))
        {
            NodeFile file = NodeFile.Load(layout.NodeFile(controller));
            await using IHypervisor hypervisor = NodeProcess.ReplicaHypervisor(cluster, file);
            await hypervisor.RemoveLeftoversAsync();
        }

        return [.. running.Keys];
    }

    private static async Task<bool> WaitUntilAsync(Func<bool> condition, TimeSpan bound)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > bound)
                return false;
            await Task.Delay(PollInterval);
        }

        return true;
    }
}

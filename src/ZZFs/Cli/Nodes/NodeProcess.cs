using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Agreement.Node;
using Xen;

namespace ZZFs.Cli.Nodes;

/// <summary>The life of a node's process: reads its files, starts its part and its control plane, waits for the signal to end.</summary>
internal static class NodeProcess
{
    private static readonly TimeSpan AskBound = TimeSpan.FromSeconds(1);

    /// <summary>Runs the node of the file <paramref name="config"/> until it is told to stop.</summary>
    public static void Run(ProgramParts parts, PartyRole role, string config, TextWriter output)
    {
        if (!ProcessSignals.DieWithController())
            throw new CommandException(ExitCode.Failed, "the controller that started this replica is gone");
        NodeFile node = NodeFile.Load(config);
        if (node.Id.Role != role)
            throw new ConfigurationException($"{config}: id {node.Id} is no node of this kind");
        ClusterFile cluster = ClusterFile.Load(node.ClusterPath);
        using KeyFile key = CommonArguments.LoadKey(cluster, node.Id, node.KeyPath);
        using PidFile pidFile = PidFile.Acquire(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(config))!, "node.pid"));
        Directory.CreateDirectory(node.DataFolder);
        var log = new NodeLog(output, TimeProvider.System);
        log.Write($"{node.Id} starts");
        if (role == PartyRole.Controller)
            RunController(cluster, node, key, log).GetAwaiter().GetResult();
        else
            RunReplica(StarterOf(parts, role), cluster, node, key, log);
        log.Write($"{node.Id} has stopped");
    }

    private static NodeStarter StarterOf(ProgramParts parts, PartyRole role) =>
        (role == PartyRole.Agreement ? parts.Agreement : parts.Execution)
        ?? throw new CommandException(ExitCode.Failed, "this program was built without replicas of this kind");

    private static void RunReplica(NodeStarter start, ClusterFile cluster, NodeFile nodeFile, KeyFile key, NodeLog log)
    {
        using var loop = new EventLoop();
        using var signals = new StopSignals(loop.Stop);
        using INode node = start(new NodeContext(cluster, nodeFile, key.Identity!, key.Certificate, loop, log));
        ControlServer control = ControlServer.StartAsync(cluster, cluster.ControlOf(nodeFile.Id)!, key.Certificate, node).GetAwaiter().GetResult();
        try
        {
            log.Write($"{nodeFile.Id} is up");
            loop.Run();
        }
        finally
        {
            control.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static async Task RunController(ClusterFile cluster, NodeFile nodeFile, KeyFile key, NodeLog log)
    {
        PartyId replica = PartyId.Execution((int)nodeFile.Id.Index);
        ExecutionEntry entry = cluster.Execution[(int)replica.Index];
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop.Cancel);
        await using IHypervisor hypervisor = ReplicaHypervisor(cluster, nodeFile);
        log.Write($"{nodeFile.Id} runs {replica} as {hypervisor.Description}");
        var decision = new WakeDecision(new Quorum(cluster.F), replica.Index, new ClusterSignatures(cluster.PublicKeys()));
        OrderBook orders = OrderBook.Open(decision, new OrderFile(Path.Combine(nodeFile.DataFolder, "order")), log);

        async Task<NodeReport> AskAsync(CancellationToken cancellation)
        {
            // A new channel each time: after a refused connection, one would wait before it tries again.
            using var client = new ControlClient(cluster, replica, key.Certificate);
            return await client.GetNodeStatusAsync(AskBound, cancellation);
        }

        SleepMode mode = cluster.Controllers[(int)nodeFile.Id.Index].Sleep;
        var controller = new ControllerNode(nodeFile.Id, entry, mode, hypervisor, orders, AskAsync, log);
        await using ControlServer control =
            await ControlServer.StartAsync(cluster, cluster.ControlOf(nodeFile.Id)!, key.Certificate, controller, orders);
        log.Write($"{nodeFile.Id} is up");
        await controller.RunAsync(stop.Token);
    }

    /// <summary>
    /// What holds the replica of a controller, nothing being started yet; another that has to clear up behind the two names it
    /// alike.
    /// </summary>
    /// <exception cref="HypervisorException">The file of its domain is wrong.</exception>
    public static IHypervisor ReplicaHypervisor(ClusterFile cluster, NodeFile controller)
    {
        string folder = Path.GetDirectoryName(controller.ReplicaPath)!;
        var program = new GuestProgram(
            $"zzfs-{cluster.Volume.ToString()[..12]}-{PartyId.Execution((int)controller.Id.Index)}",
            SelfProgram.Command("node", "execution", "--config", controller.ReplicaPath!),
            Path.Combine(folder, "node.log"),
            Path.Combine(controller.DataFolder, "guest"));
        return Hypervisors.Open(cluster.Controllers[(int)controller.Id.Index].Hypervisor, program, controller.DataFolder);
    }
}

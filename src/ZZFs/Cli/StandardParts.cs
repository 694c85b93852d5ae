using Agreement.Control;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Abstraction;
using ZZFs.Cli.Mounting;
using ZZFs.Digests;
using ZZFs.Execution;
using ZZFs.Stores;

namespace ZZFs.Cli;

/// <summary>The parts of the real program: agreement and execution replicas, and FUSE mounts.</summary>
public static class StandardParts
{
    /// <summary>What <c>zzfs</c> is made of.</summary>
    public static ProgramParts Create() => new()
    {
        Agreement = StartAgreement,
        Execution = StartExecution,
        Mount = ClusterMount.StartAsync,
    };

    private static RunningNode StartAgreement(NodeContext context)
    {
        var controllers = new ControllerLinks(context.Cluster, context.Certificate);
        var node = new AgreementNode(context.Cluster, context.Node.Id, context.Identity, context.Node.DataFolder, context.Loop, controllers);
        if (node.IsAmnesic)
            context.Log.Write($"{context.Node.Id} may have forgotten votes, since its machine lost power or its log is damaged: it casts none until that is safe");
        return new RunningNode(node, node);
    }

    private static ScrubbedNode StartExecution(NodeContext context)
    {
        var limits = new VolumeLimits(
            context.Cluster.VolumeSize.Bytes, (uint)Math.Min(context.Cluster.VolumeSize.Objects, uint.MaxValue), VolumeLimits.Default.TotalLocks);
        string replica = $"zzfs-{context.Cluster.Volume.ToString()[..12]}-{context.Node.Id}";
        var damage = new DamageFile(Path.Combine(context.Node.DataFolder, "damaged"));
        var files = new ConformanceWrapper(
            ReplicaStore.Open(context.Cluster.Execution[(int)context.Node.Id.Index].Store, replica, context.Node.DataFolder),
            SqliteDigestStore.Open(Path.Combine(context.Node.DataFolder, "digests.db")),
            limits,
            context.Cluster.RootOwner.Uid,
            context.Cluster.RootOwner.Gid,
            damage);
        var node = new ExecutionNode(context.Cluster, context.Node.Id, context.Identity, files, context.Loop, damage, context.Log.Write);
        return new ScrubbedNode(node);
    }

    private sealed class RunningNode(INodeStatusSource source, IDisposable node) : INode
    {
        public NodeStatus Current => source.Current;

        public void Dispose() => node.Dispose();
    }

    private sealed class ScrubbedNode(ExecutionNode node) : INode, IScrubSource
    {
        public NodeStatus Current => node.Current;

        public ScrubStatus Scrub(SequenceNumber? checkpoint) => node.Scrub(checkpoint);

        public void Dispose() => node.Dispose();
    }
}

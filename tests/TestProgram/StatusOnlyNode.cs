using Agreement.Configuration;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Cli;

namespace TestProgram;

/// <summary>Tells a status that is a function of its name, and does nothing else.</summary>
internal sealed class StatusOnlyNode(NodeContext context) : INode
{
    /// <summary>Environment variable with the name of a node that shall fail at its start.</summary>
    public const string FailVariable = "ZZFS_TEST_FAIL";

    public NodeStatus Current => new()
    {
        Id = context.Node.Id,
        Role = context.Node.Id.Role == PartyRole.Execution ? "active" : context.Node.Id.Index == 1 ? "primary" : "backup",
        View = new View(1),
        Epoch = new Epoch(4),
        Executed = new SequenceNumber(100 + context.Node.Id.Index),
        Checkpoint = new SequenceNumber(64),
        Root = Digest.Of("root"u8),
        Store = context.Node.Id.Role == PartyRole.Execution ? "embedded" : "",
    };

    public static INode Start(NodeContext context) => Environment.GetEnvironmentVariable(FailVariable) == context.Node.Id.ToString()
        ? throw new ConfigurationException($"address {context.Cluster.AddressOf(context.Node.Id)} is in use by another program")
        : new StatusOnlyNode(context);

    public void Dispose() => context.Log.Write("stopped cleanly");
}

using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;

namespace ZZFs.Cli;

/// <summary>What a replica is started with. Everything in it stays the caller's.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Node">Which replica, and its data folder, which exists.</param>
/// <param name="Identity">Its keys, which fit the cluster file.</param>
/// <param name="Certificate">Its certificate with the private key, for calls to the control planes of others.</param>
/// <param name="Loop">The loop that it lives on.</param>
/// <param name="Log">For the operator.</param>
public sealed record NodeContext(
    ClusterFile Cluster, NodeFile Node, Identity Identity, X509Certificate2 Certificate, IEventLoop Loop, NodeLog Log);

/// <summary>A replica that lives on its loop. Disposing it, between turns of the loop, stops it cleanly.</summary>
public interface INode : INodeStatusSource, IDisposable;

/// <summary>
/// Makes a replica, before its loop runs. Fails with <see cref="ConfigurationException"/> or <see cref="IOException"/>, whose
/// sentence the operator sees.
/// </summary>
public delegate INode NodeStarter(NodeContext context);

/// <summary>What a mount is started with. Everything in it stays the caller's.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Source">The cluster directory, absolute: what the mount table shall name as the source.</param>
/// <param name="Client">As which client.</param>
/// <param name="Identity">The client's keys, which fit the cluster file.</param>
/// <param name="MountPoint">An existing directory, absolute.</param>
/// <param name="Options">Mount options, one word or <c>name=value</c> each, for example <c>ro</c>.</param>
/// <param name="Loop">The loop that it lives on.</param>
/// <param name="Log">For the operator.</param>
public sealed record MountContext(
    ClusterFile Cluster,
    string Source,
    PartyId Client,
    Identity Identity,
    string MountPoint,
    IReadOnlyList<string> Options,
    IEventLoop Loop,
    NodeLog Log);

/// <summary>A mounted file system that lives on its loop.</summary>
public interface IMount : IDisposable
{
    /// <summary>Completes once it is unmounted, by whomever, and everything written has been handed on; fails when it broke.</summary>
    Task Ended { get; }

    /// <summary>Begins to unmount. Called on the loop.</summary>
    void Unmount();
}

/// <summary>
/// Mounts; called on the loop. The task completes when the mount is usable. Fails with <see cref="CommandException"/> or
/// <see cref="IOException"/>, whose sentence the operator sees.
/// </summary>
public delegate Task<IMount> MountStarter(MountContext context);

/// <summary>The parts that the command line starts and does not know otherwise.</summary>
public sealed record ProgramParts
{
    /// <summary>Agreement replicas.</summary>
    public NodeStarter? Agreement { get; init; }

    /// <summary>Execution replicas.</summary>
    public NodeStarter? Execution { get; init; }

    /// <summary>Mounts.</summary>
    public MountStarter? Mount { get; init; }
}

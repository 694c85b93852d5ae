using Agreement.Messages;
using Agreement.Node;

namespace Agreement.Control;

/// <summary>A replica's own status and what its process uses.</summary>
/// <param name="Status">What it says of itself.</param>
/// <param name="Usage">Of its process.</param>
public sealed record NodeReport(NodeStatus Status, ProcessUsage Usage);

/// <summary>What a controller has its execution replica do.</summary>
public enum ReplicaState
{
    /// <summary>Its process runs and has not answered yet.</summary>
    Starting,

    /// <summary>It runs.</summary>
    Active,

    /// <summary>It is frozen.</summary>
    Asleep,

    /// <summary>It has no process: it ended and is not yet started again.</summary>
    Down,
}

/// <summary>What a controller says of itself and its replica.</summary>
public sealed record ControllerStatus
{
    /// <summary>Who says it.</summary>
    public required PartyId Id { get; init; }

    /// <summary>The execution replica that it runs.</summary>
    public required PartyId Replica { get; init; }

    /// <summary>What that does.</summary>
    public required ReplicaState State { get; init; }

    /// <summary>The highest order of agreement replicas; null while the cluster file says what the replica does.</summary>
    public WakeOrder? Order { get; init; }

    /// <summary>Whether the controller has the replica run, or works towards it; else it has it sleep.</summary>
    public bool ShallRun { get; init; }

    /// <summary>The replica's process; null while there is none.</summary>
    public int? ReplicaProcess { get; init; }

    /// <summary>How often the replica was started again after it ended by itself.</summary>
    public ulong Restarts { get; init; }

    /// <summary>What the replica said last, for example just before it was frozen; null when it never answered.</summary>
    public NodeReport? Last { get; init; }

    /// <summary>Votes that did not count, and what failed, by name.</summary>
    public IReadOnlyDictionary<string, ulong> Counters { get; init; } = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
}

/// <summary>A controller's status as the control plane delivers it.</summary>
/// <param name="Status">What it says.</param>
/// <param name="Usage">Of the controller's process.</param>
/// <param name="ReplicaUsage">Of the replica's process; null while there is none.</param>
public sealed record ControllerReport(ControllerStatus Status, ProcessUsage Usage, ProcessUsage? ReplicaUsage);

/// <summary>Where the control plane gets a controller's status from; called by other threads.</summary>
public interface IControllerStatusSource
{
    /// <summary>The latest snapshot.</summary>
    ControllerStatus Current { get; }
}

/// <summary>Where the control plane brings the votes of agreement replicas; called by other threads.</summary>
public interface IVoteSink
{
    /// <summary>Takes encoded RECOVERs and SLEEPs that anybody may have sent; counts what does not count.</summary>
    /// <returns>The highest order there is now.</returns>
    WakeOrder? Take(IReadOnlyList<ReadOnlyMemory<byte>> votes);
}

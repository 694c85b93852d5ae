using Agreement.Messages;

namespace Agreement.Node;

/// <summary>What a node says of itself; a snapshot that the control plane serves.</summary>
public sealed record NodeStatus
{
    /// <summary>Who says it.</summary>
    public required PartyId Id { get; init; }

    /// <summary>For an execution replica <c>active</c>, <c>asleep</c> or <c>recovering</c>; for an agreement replica <c>primary</c> or <c>backup</c>.</summary>
    public required string Role { get; init; }

    /// <summary>The current view.</summary>
    public View View { get; init; }

    /// <summary>The current epoch.</summary>
    public Epoch Epoch { get; init; }

    /// <summary>Last number executed; for an agreement replica, last delivered.</summary>
    public SequenceNumber Executed { get; init; }

    /// <summary>The last stable checkpoint.</summary>
    public SequenceNumber Checkpoint { get; init; }

    /// <summary>The certified root at <see cref="Checkpoint"/>.</summary>
    public Digest Root { get; init; }

    /// <summary>Whether an execution replica holds every object.</summary>
    public bool Complete { get; init; } = true;

    /// <summary>Kind of backing store, for example <c>embedded</c>; empty for others than execution replicas.</summary>
    public string Store { get; init; } = "";

    /// <summary>Operations executed (agreement: requests ordered) since the node started.</summary>
    public ulong Operations { get; init; }

    /// <summary>Counted rejections and other counters, by name.</summary>
    public IReadOnlyDictionary<string, ulong> Counters { get; init; } = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
}

/// <summary>Where the control plane gets the status from; called by other threads.</summary>
public interface INodeStatusSource
{
    /// <summary>The latest snapshot.</summary>
    NodeStatus Current { get; }
}

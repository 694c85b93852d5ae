using Agreement.Messages;

namespace Agreement.Node;

/// <summary>How far a replica is with reading its store again, and what it found.</summary>
public sealed record ScrubStatus
{
    /// <summary>It is at work.</summary>
    public bool IsRunning { get; init; }

    /// <summary>The checkpoint that is, or was last, read; 0 while there is none to read.</summary>
    public SequenceNumber Checkpoint { get; init; }

    /// <summary>Bytes of content read so far.</summary>
    public ulong BytesRead { get; init; }

    /// <summary>About how many there are in all.</summary>
    public ulong BytesTotal { get; init; }

    /// <summary>Objects looked at so far.</summary>
    public ulong ObjectsRead { get; init; }

    /// <summary>How much was found to be other than its digest says.</summary>
    public ulong Damages { get; init; }

    /// <summary>The first of it, a line each.</summary>
    public IReadOnlyList<string> Found { get; init; } = [];
}

/// <summary>What the control plane can have read its store again; called by other threads.</summary>
public interface IScrubSource
{
    /// <summary>Tells how it stands.</summary>
    /// <param name="checkpoint">Begin, unless it is at work already, once there is this checkpoint or a later one; null only to ask.</param>
    ScrubStatus Scrub(SequenceNumber? checkpoint);
}

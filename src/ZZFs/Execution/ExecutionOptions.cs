using ZZFs.Abstraction;

namespace ZZFs.Execution;

/// <summary>Settings of an execution replica; all but the times must be equal on all replicas of a cluster.</summary>
public sealed record ExecutionOptions
{
    /// <summary>A checkpoint is taken after this many numbers, k (agreed); see <see cref="Agreement.Protocol.CheckpointSchedule"/>.</summary>
    public int CheckpointInterval { get; init; } = 256;

    /// <summary>
    /// Checkpoints that may be unfinished (not durable in the agreement replicas' logs, or their digests not computed) before
    /// execution waits for the first of them.
    /// </summary>
    public int UnfinishedCheckpoints { get; init; } = 4;

    /// <summary>What each client may do, by index (agreed).</summary>
    public required IReadOnlyList<ExportEntry> Exports { get; init; }

    /// <summary>How long reports may wait to leave together, in milliseconds; they are not on anyone's way to a reply.</summary>
    public int ReportMilliseconds { get; init; } = 8;

    /// <summary>How long the order may have a gap before it is asked for, in milliseconds.</summary>
    public int GapMilliseconds { get; init; } = 20;

    /// <summary>How often agreement replicas are asked what they have on disk while replies wait for it, in milliseconds.</summary>
    public int HeldMilliseconds { get; init; } = 150;

    /// <summary>How often the order's end is asked for when all is quiet, in milliseconds.</summary>
    public int QuietMilliseconds { get; init; } = 500;

    /// <summary>How long fetched bodies may take before others are asked, in milliseconds.</summary>
    public int BodyMilliseconds { get; init; } = 10;
}

namespace Agreement.Protocol;

/// <summary>Settings of an agreement replica; those marked "agreed" must be equal on all replicas of a cluster.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Numbers between checkpoints, k (agreed).</summary>
    public int CheckpointInterval { get; init; } = 256;

    /// <summary>
    /// Width of the window between the water marks, L (agreed): two checkpoint intervals, as in TOCS 2002, and never so
    /// small that its reserved numbers leave the next checkpoint out of reach.
    /// </summary>
    public int Window => 2 * Math.Max(CheckpointInterval, Replica.ReservedNumbers);

    /// <summary>Proposals of this primary that may be undelivered while more than a full batch does not wait.</summary>
    public int ProposalsInFlight { get; init; } = 4;

    /// <summary>The primary pauses when bodies above the low water mark exceed this many bytes.</summary>
    public long MaximumLogBytes { get; init; } = 24L << 20;

    /// <summary>How far a fresh proposal's timestamp may be from a backup's clock, in nanoseconds.</summary>
    public long TimestampDriftNanoseconds { get; init; } = 10_000_000_000;

    /// <summary>
    /// How long a proposal may be missing for which f + 1 replicas voted, before it is fetched from them, in milliseconds.
    /// </summary>
    public int ProposalGraceMilliseconds { get; init; } = 4;

    /// <summary>How long a missing body may take before it is fetched, in milliseconds.</summary>
    public int BodyGraceMilliseconds { get; init; } = 4;

    /// <summary>
    /// While proposals are in flight, the primary checks the signature of a request that too few replicas hold only after
    /// this time, in milliseconds.
    /// </summary>
    public int HeldGraceMilliseconds { get; init; } = 8;

    /// <summary>How long a number may stay undelivered before peers are asked for what is missing, in milliseconds.</summary>
    public int StallMilliseconds { get; init; } = 60;

    /// <summary>How often peers hear of our progress when nothing stalls, in milliseconds.</summary>
    public int ProgressMilliseconds { get; init; } = 1000;

    /// <summary>A request that was ordered is ordered again when its client still asks after this time, in milliseconds.</summary>
    public int ReorderMilliseconds { get; init; } = 250;

    /// <summary>Bodies of one client that wait to be ordered, in bytes and number; more are dropped and counted.</summary>
    public long ClientPendingBytes { get; init; } = 24L << 20;

    /// <summary>See <see cref="ClientPendingBytes"/>.</summary>
    public int ClientPendingRequests { get; init; } = 1024;

    /// <summary>
    /// How long a request or number may wait before another view is wanted, in milliseconds; doubles with each view that
    /// brings no progress.
    /// </summary>
    public int ViewChangeMilliseconds { get; init; } = 800;

    /// <summary>The same when the link to the primary is down.</summary>
    public int PrimaryDownMilliseconds { get; init; } = 150;

    /// <summary>
    /// Mean time for which the primary may always hold requests back that were passed on to it and that it could propose, in
    /// milliseconds; longer where agreement itself takes long.
    /// </summary>
    public int SlowPrimaryMilliseconds { get; init; } = 20;

    /// <summary>How long an amnesic replica waits for the others to begin a view without it, in milliseconds.</summary>
    public int AmnesicMilliseconds { get; init; } = 1500;

    /// <summary>How often messages of a view change are sent again, in milliseconds.</summary>
    public int ViewChangeResendMilliseconds { get; init; } = 100;
}

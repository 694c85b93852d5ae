namespace Agreement.Messages;

/// <summary>Every bound that more than one place must agree on. Input beyond a bound is rejected and counted.</summary>
public static class Limits
{
    /// <summary>Largest f that vote masks and tables are sized for: up to 10 agreement replicas.</summary>
    public const int MaximumFaults = 3;

    /// <summary>Largest data of one read or write operation, in bytes: what the FUSE device moves in one request.</summary>
    public const int MaximumTransferBytes = 1 << 20;

    /// <summary>Largest encoded operation, in bytes: one full transfer plus names and attributes.</summary>
    public const int MaximumOperationBytes = MaximumTransferBytes + (64 << 10);

    /// <summary>Largest encoded result of an operation, in bytes.</summary>
    public const int MaximumResultBytes = MaximumTransferBytes + (64 << 10);

    /// <summary>Most requests in one batch.</summary>
    public const int MaximumBatchRequests = 64;

    /// <summary>Most operation bytes in one batch with more than one request.</summary>
    public const int MaximumBatchBytes = 1 << 20;

    /// <summary>Largest frame on a link, in bytes: a full batch with its request headers and signatures.</summary>
    public const int MaximumFrameBytes = 4 << 20;

    /// <summary>Most numbers between checkpoints: tables are sized for a window of twice that.</summary>
    public const int MaximumCheckpointInterval = 512;

    /// <summary>Largest payload of an entry that is no batch of requests, in bytes: the votes of a configuration.</summary>
    public const int MaximumPayloadBytes = 4 << 10;

    /// <summary>Different batches for one number that a replica remembers having pre-prepared: the Q set (TOCS 2002 §4.5).</summary>
    public const int MaximumPrePrepared = 4;

    /// <summary>Most slots of one session: requests in flight.</summary>
    public const int MaximumSlots = 256;

    /// <summary>Most votes in one call to a controller: a RECOVER and a SLEEP of each agreement replica.</summary>
    public const int MaximumVotesPerCall = 2 * ((3 * MaximumFaults) + 1);
}

namespace Agreement.Protocol;

/// <summary>The first byte of a record in the agreement log.</summary>
public enum LogRecordKind : byte
{
    /// <summary>A request's body, as encoded by its client.</summary>
    Body = 1,

    /// <summary>A PRE-PREPARE that was sent or accepted; belongs to the Q set.</summary>
    PrePrepared = 2,

    /// <summary>A prepared certificate was held (view, number, digest); belongs to the P set.</summary>
    Prepared = 3,

    /// <summary>f + 1 peers said that this batch was committed (an ORDER statement).</summary>
    Learned = 4,

    /// <summary>A certificate of a stable checkpoint.</summary>
    Stable = 5,

    /// <summary>Entry into a view: its NEW-VIEW message.</summary>
    EnteredView = 6,

    /// <summary>A number was delivered (8 bytes), so that a restart knows it without asking.</summary>
    Delivered = 7,

    /// <summary>A view was left: the VIEW-CHANGE message that was sent.</summary>
    LeftView = 8,

    /// <summary>
    /// Votes up to this number (8 bytes) may have been lost: the replica is amnesic until a stable checkpoint reaches it, or
    /// a log incarnation begins.
    /// </summary>
    Amnesic = 9,
}

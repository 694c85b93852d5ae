namespace Agreement.Protocol;

/// <summary>Why a message was not accepted. Byzantine input is expected: it is counted, never fatal.</summary>
public enum Rejection
{
    /// <summary>The bytes are no message of that kind.</summary>
    Malformed,

    /// <summary>This kind of message does not come from that kind of party.</summary>
    WrongSender,

    /// <summary>A signature does not verify.</summary>
    BadSignature,

    /// <summary>Another view than the current one.</summary>
    WrongView,

    /// <summary>Outside the water marks.</summary>
    OutsideWindow,

    /// <summary>A second, different proposal for one view and number.</summary>
    Equivocation,

    /// <summary>A proposed time too far from our clock, or going back.</summary>
    BadTimestamp,

    /// <summary>An old slot sequence number.</summary>
    OldRequest,

    /// <summary>A client has too much waiting.</summary>
    ClientOverLimit,

    /// <summary>A checkpoint or report that contradicts what we know.</summary>
    Mismatch,
}

/// <summary>Counts rejections by reason.</summary>
public sealed class RejectionCounters
{
    private static readonly string[] Names =
    [
        "malformed", "wrong-sender", "bad-signature", "wrong-view", "outside-window", "equivocation", "bad-timestamp",
        "old-request", "client-over-limit", "mismatch",
    ];

    private readonly ulong[] counts = new ulong[Names.Length];

    /// <summary>How often this reason was counted.</summary>
    public ulong this[Rejection reason] => counts[(int)reason];

    /// <summary>How much was refused, for whatever reason.</summary>
    public ulong Total
    {
        get
        {
            ulong sum = 0;
            foreach (ulong count in counts)
                sum += count;
            return sum;
        }
    }

    /// <summary>Counts one.</summary>
    public void Count(Rejection reason) => counts[(int)reason]++;

    /// <summary>Adds all counters that are not zero to <paramref name="target"/>.</summary>
    public void AddTo(IDictionary<string, ulong> target)
    {
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] != 0)
                target["rejected-" + Names[i]] = counts[i];
        }
    }
}

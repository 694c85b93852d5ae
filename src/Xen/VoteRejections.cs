namespace Xen;

/// <summary>Why a vote did not count. Whoever reaches the control plane may send anything: it is counted, never fatal.</summary>
public enum VoteRejection
{
    /// <summary>The bytes are neither a RECOVER nor a SLEEP, or there are more in one call than a call may have.</summary>
    Malformed,

    /// <summary>The cluster has no such agreement replica.</summary>
    WrongSender,

    /// <summary>A SLEEP for another execution replica.</summary>
    WrongReplica,

    /// <summary>The signature is not its sender's.</summary>
    BadSignature,

    /// <summary>It speaks for an order at or below the one there is: late, or replayed.</summary>
    Old,

    /// <summary>It is held already, which is usual: votes are sent again until they have worked.</summary>
    Repeated,
}

/// <summary>Counts votes that did not count, by reason.</summary>
public sealed class VoteRejections
{
    private static readonly string[] Names = ["malformed", "wrong-sender", "wrong-replica", "bad-signature", "old", "repeated"];

    private readonly ulong[] counts = new ulong[Names.Length];

    /// <summary>How often this reason was counted.</summary>
    public ulong this[VoteRejection reason] => counts[(int)reason];

    /// <summary>Counts one.</summary>
    public void Count(VoteRejection reason) => counts[(int)reason]++;

    /// <summary>All counters that are not zero, by name.</summary>
    public SortedDictionary<string, ulong> Snapshot()
    {
        var snapshot = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] != 0)
                snapshot["votes-" + Names[i]] = counts[i];
        }

        return snapshot;
    }
}

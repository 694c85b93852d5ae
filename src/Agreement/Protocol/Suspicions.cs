namespace Agreement.Protocol;

/// <summary>Why a replica wants another view.</summary>
public enum Suspicion
{
    /// <summary>A number was proposed and is not delivered.</summary>
    Stuck,

    /// <summary>A client's request is not proposed.</summary>
    RequestOverdue,

    /// <summary>Too few disks have what was delivered.</summary>
    DurabilityOverdue,

    /// <summary>A justified epoch is not proposed.</summary>
    EpochOverdue,

    /// <summary>The primary holds requests back.</summary>
    SlowPrimary,
}

/// <summary>Counts suspicions by reason.</summary>
public sealed class SuspicionCounters
{
    private static readonly string[] Names = ["stuck", "request-overdue", "durability-overdue", "epoch-overdue", "slow-primary"];

    private readonly ulong[] counts = new ulong[Names.Length];

    /// <summary>How often this reason was counted.</summary>
    public ulong this[Suspicion reason] => counts[(int)reason];

    /// <summary>Counts one.</summary>
    public void Count(Suspicion reason) => counts[(int)reason]++;

    /// <summary>Adds all counters that are not zero to <paramref name="target"/>.</summary>
    public void AddTo(IDictionary<string, ulong> target)
    {
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] != 0)
                target["suspected-" + Names[i]] = counts[i];
        }
    }
}

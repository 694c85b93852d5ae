using Agreement.Messages;

namespace Simulation;

/// <summary>What one simulated run is like.</summary>
internal sealed record SimulationOptions
{
    public required ulong Seed { get; init; }

    public int Faults { get; init; } = 1;

    public int Clients { get; init; } = 3;

    public int OperationsPerClient { get; init; } = 200;

    public int InFlightPerClient { get; init; } = 4;

    public int CheckpointInterval { get; init; } = 16;

    /// <summary>Probability that a message is lost, doubled, or takes much longer, until the network heals.</summary>
    public double Loss { get; init; }

    public double Duplication { get; init; }

    public double Delay { get; init; }

    /// <summary>Mean time between crashes of a random replica, in milliseconds; 0 for none. At most f are down at once.</summary>
    public int CrashEveryMilliseconds { get; init; }

    /// <summary>Mean time between pauses of a random party by its hypervisor, in milliseconds; 0 for none.</summary>
    public int PauseEveryMilliseconds { get; init; }

    /// <summary>Mean time between partitions of the network, in milliseconds; 0 for none.</summary>
    public int PartitionEveryMilliseconds { get; init; }

    /// <summary>Agreement replicas that lie, at most f, together with those that are down.</summary>
    public int AgreementLiars { get; init; }

    /// <summary>Execution replicas that lie, at most f; only when all 2f + 1 are awake can the others go on.</summary>
    public int ExecutionLiars { get; init; }

    /// <summary>All 2f + 1 execution replicas are active from the start, not only f + 1.</summary>
    public bool AllAwake { get; init; }

    /// <summary>The first agreement replica that lies; negative lets the seed choose.</summary>
    public int FirstLiar { get; init; } = -1;

    /// <summary>Which messages are lost besides those that chance loses: from, to, bytes, time in milliseconds; null for none.</summary>
    public Func<PartyId, PartyId, byte[], long, bool>? Loses { get; init; }

    /// <summary>What the liars do; null lets the seed choose.</summary>
    public Func<Behaviour[]>? Lies { get; init; }

    /// <summary>Clients that attack.</summary>
    public int HostileClients { get; init; }

    /// <summary>Crashes of agreement replicas lose what was not synced: the machine loses power.</summary>
    public bool PowerLoss { get; init; }

    /// <summary>At this time, in milliseconds, all machines lose power at once; 0 for never.</summary>
    public int SiteLosesPowerAt { get; init; }

    /// <summary>Share of the clients but the first that die with the site.</summary>
    public double ClientsDie { get; init; }

    /// <summary>Mean time between jumps of one agreement replica's clock, in milliseconds; 0 for none.</summary>
    public int ClockJumpEveryMilliseconds { get; init; }

    /// <summary>Clients work on files, not on counters.</summary>
    public bool Files { get; init; }

    /// <summary>Everything is synced before it leaves (durability = always).</summary>
    public bool Always { get; init; }

    /// <summary>How long a sync takes, in microseconds, at most.</summary>
    public int SyncMicroseconds { get; init; } = 400;

    /// <summary>How long the work on a checkpoint takes, in microseconds, at most.</summary>
    public int CheckpointMicroseconds { get; init; } = 5_000;

    /// <summary>Clocks of agreement replicas are wrong by at most this, in milliseconds.</summary>
    public int ClockErrorMilliseconds { get; init; } = 1000;

    /// <summary>At this time all correct agreement replicas vote RECOVER; 0 for never.</summary>
    public int RecoverAtMilliseconds { get; init; }

    /// <summary>At this time, in milliseconds, all execution replicas stop until faults end; 0 for never.</summary>
    public int ExecutionStopsAt { get; init; }

    /// <summary>The first view may not change, unless its primary lies: nothing else that is wrong is a reason.</summary>
    public bool ViewsStay { get; init; }

    /// <summary>Faults end at this time.</summary>
    public int HealAtMilliseconds { get; init; } = 4000;

    /// <summary>Every operation must be answered by this time.</summary>
    public int EndAtMilliseconds { get; init; } = 120_000;

    /// <summary>Share of operations that ask for durability.</summary>
    public double Syncs { get; init; } = 0.05;

    /// <summary>Prints every message.</summary>
    public TextWriter? Trace { get; init; }
}

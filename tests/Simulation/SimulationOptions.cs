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

    /// <summary>Faults end at this time.</summary>
    public int HealAtMilliseconds { get; init; } = 4000;

    /// <summary>Every operation must be answered by this time.</summary>
    public int EndAtMilliseconds { get; init; } = 60_000;

    /// <summary>Share of operations that ask for durability.</summary>
    public double Syncs { get; init; } = 0.05;

    /// <summary>Prints every message.</summary>
    public TextWriter? Trace { get; init; }
}

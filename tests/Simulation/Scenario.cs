namespace Simulation;

/// <summary>Chooses a run's circumstances from its seed, so that a seed alone names a run.</summary>
internal static class Scenario
{
    public static SimulationOptions FromSeed(ulong seed)
    {
        var random = new DeterministicRandom(seed ^ 0x5CE4A210);
        return new SimulationOptions
        {
            Seed = seed,
            Faults = 1 + random.Next(3),
            Clients = 1 + random.Next(4),
            InFlightPerClient = 1 + random.Next(8),
            CheckpointInterval = 8 << random.Next(3),
            Loss = random.Next(3) * 0.03,
            Duplication = random.Next(3) * 0.03,
            Delay = random.Next(3) * 0.05,
            CrashEveryMilliseconds = random.Next(3) * 150,
        };
    }
}

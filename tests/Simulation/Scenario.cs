using Agreement.Messages;

namespace Simulation;

/// <summary>Chooses a run's circumstances from its seed, so that a seed alone names a run.</summary>
internal static class Scenario
{
    public static SimulationOptions FromSeed(ulong seed)
    {
        var random = new DeterministicRandom(seed ^ 0x5CE4A210);
        int faults = 1 + random.Next(3);
        bool allAwake = random.Next(2) == 0;
        bool powerLoss = random.Next(4) == 0;
        SimulationOptions options = new()
        {
            Seed = seed,
            Faults = faults,
            Clients = 1 + random.Next(4),
            InFlightPerClient = 1 + random.Next(8),
            CheckpointInterval = (allAwake ? 512 : 8 << random.Next(3)),
            Loss = random.Next(3) * 0.03,
            Duplication = random.Next(3) * 0.03,
            Delay = random.Next(3) * 0.05,
            CrashEveryMilliseconds = random.Next(3) * 150,
            PartitionEveryMilliseconds = random.Next(3) * 400,
            AgreementLiars = powerLoss ? 0 : random.Next(faults + 1),
            AllAwake = allAwake,
            ExecutionLiars = allAwake ? random.Next(faults + 1) : 0,
            HostileClients = allAwake ? 0 : random.Next(3),
            OperationsPerClient = allAwake ? 100 : 200,
            PowerLoss = powerLoss,
            Always = random.Next(4) == 0,
            SyncMicroseconds = 200 << random.Next(6),
            Files = random.Next(2) == 0,
            SiteLosesPowerAt = random.Next(4) == 0 ? 15 + random.Next(30 << random.Next(6)) : 0,
            ClientsDie = random.Next(2) * 0.4,
            Syncs = 0.01 * (1 + (4 * random.Next(3))),
            ClockJumpEveryMilliseconds = random.Next(3) == 0 ? 300 : 0,
            PauseEveryMilliseconds = random.Next(4) == 0 ? 60 << random.Next(4) : 0,
            CheckpointMicroseconds = 200 << random.Next(11),
        };

        // With f + 1 awake, everything but replies needs each of them.
        return allAwake ? options : options with { ExecutionLiars = random.Next(3) == 0 ? 1 + random.Next(faults) : 0 };
    }

    /// <summary>Circumstances that bring out faults of one kind.</summary>
    public static SimulationOptions Named(string name, ulong seed)
    {
        var random = new DeterministicRandom(seed ^ 0x7A3ED);
        var calm = new SimulationOptions
        {
            Seed = seed,
            Faults = 1 + (int)(seed % 2),
            CheckpointInterval = 16,
            OperationsPerClient = 80,
            HealAtMilliseconds = 2500,
            EndAtMilliseconds = 30_000,
        };
        SimulationOptions rough = calm with { Loss = 0.03, Duplication = 0.03, Delay = 0.05 };
        return name switch
        {
            "random" => FromSeed(seed),
            "lossy" => rough with { Loss = 0.08, Duplication = 0.2 },
            "equivocation" => rough with
            {
                AgreementLiars = calm.Faults,
                Lies = () => [new Equivocate(), new VoteForAll(), new ForgeViewChange()],
                PartitionEveryMilliseconds = 300,
            },
            "forged view changes" => rough with
            {
                AgreementLiars = calm.Faults,
                Lies = () => [new WantViews(), new ForgeViewChange()],
                PartitionEveryMilliseconds = 300,
                CrashEveryMilliseconds = 200,
            },
            "forged orders" => rough with { AgreementLiars = calm.Faults, Lies = () => [new ForgeOrders(), new ForgeSynced()], CrashEveryMilliseconds = 200 },
            "nonsense" => calm with { AgreementLiars = calm.Faults, Lies = () => [new ProposeNonsense(), new VoteForAll()] },
            "mute" => calm with { AgreementLiars = calm.Faults, Lies = () => [new Mute(null, 0)], CrashEveryMilliseconds = 150 },
            "lying executors" => calm with
            {
                AllAwake = true,
                CheckpointInterval = 64,
                ExecutionLiars = calm.Faults,
                Lies = () => [new WrongResults(), new WrongCheckpoints()],
            },
            "starved clients" => calm with { ExecutionLiars = calm.Faults, Lies = () => [new Starve(1)] },

            // Everything that is acknowledged is durable, so that a power loss of the whole site may take nothing of it.
            "starved of fsyncs" => calm with
            {
                ExecutionLiars = calm.Faults,
                Lies = () => [new Starve(uint.MaxValue)],
                SyncMicroseconds = 20_000,
                Syncs = 1,
                SiteLosesPowerAt = 300 + random.Next(600),
            },
            "false reports" => calm with
            {
                AllAwake = true,
                CheckpointInterval = 64,
                Loss = 0.2,
                ExecutionLiars = calm.Faults,
                Lies = () => [new LieConsistently()],
            },
            "incomplete signers" => calm with { AllAwake = true, CheckpointInterval = 64, ExecutionLiars = calm.Faults, Lies = () => [new SignIncomplete()] },
            "slow disks" => calm with { SyncMicroseconds = 20_000, Syncs = 0.3 },
            "power loss" => rough with { PowerLoss = true, CrashEveryMilliseconds = 150, SyncMicroseconds = 5_000 },
            "lonely commit" => DirectedScenarios.LonelyCommit(calm),
            "claimed null" => DirectedScenarios.ClaimedNull(calm),
            "old prepared" => DirectedScenarios.OldPrepared(calm),
            "unheard incarnation" => DirectedScenarios.UnheardIncarnation(calm),
            "running ahead" => calm with { AgreementLiars = 1, FirstLiar = 0, Lies = () => [new RunAhead(36)] },
            "files" => rough with { Files = true },
            "long run" => calm with { OperationsPerClient = 1200, CheckpointInterval = 8 },
            "site power" => SitePower(rough with { Loss = 0.03 * random.Next(2), AgreementLiars = random.Next(calm.Faults + 1) }, random),
            // Its views may end early again and again, so that the last one's timers are long.
            "held machines" => rough with { EndAtMilliseconds = 90_000, PauseEveryMilliseconds = 40, CrashEveryMilliseconds = 400, AgreementLiars = random.Next(calm.Faults + 1) },
            "old images" => rough with { AgreementLiars = calm.Faults, Lies = () => [new OldImages()], CrashEveryMilliseconds = 200 },
            "slow primary" => SlowPrimary(calm, uint.MaxValue),

            // Whoever has a proposal early must not take the time that the primary lets pass then for the others' slowness.
            "slow primary in turn" => SlowPrimary(calm with { Faults = 1 }, uint.MaxValue) with { Lies = () => [new HoldBackInTurn(90, 4)] },

            // f correct replicas, who can't depose it alone; the others that lie don't vote, so that they are needed.
            "slow primary to some" => SlowPrimary(calm with { Faults = 2 }, 0b0000110),
            "proposing for the primary" => calm with { Faults = 1, AgreementLiars = 1, FirstLiar = 1, Lies = () => [new ProposeForPrimary()], ViewsStay = true },
            "hostile clients" => calm with { HostileClients = 2, ViewsStay = true },
            "flood" => rough with { AgreementLiars = calm.Faults, HostileClients = 2, Lies = () => [new Flood()] },
            "false holders" => calm with { HostileClients = 2, ViewsStay = true, AgreementLiars = calm.Faults, Lies = () => [new ClaimHeld()] },
            "full window" => calm with
            {
                CheckpointInterval = 8,
                HostileClients = 2,
                ExecutionStopsAt = 40 + random.Next(40),
                RecoverAtMilliseconds = 1200,
            },
            "false alarms" => calm with { AgreementLiars = calm.Faults, Lies = () => [new CryWolf(), new Replay()], RecoverAtMilliseconds = 800 },
            _ => throw new ArgumentException($"There is no scenario \"{name}\"."),
        };
    }

    // One request at a time, so that all the time that the primary takes is seen.
    private static SimulationOptions SlowPrimary(SimulationOptions calm, uint replicas)
    {
        int lying = 0;
        return calm with
        {
            Clients = 1,
            InFlightPerClient = 1,
            OperationsPerClient = 400,
            HealAtMilliseconds = 0,
            EndAtMilliseconds = 12_000,
            AgreementLiars = calm.Faults,
            FirstLiar = 0,
            Lies = () => lying++ == 0 ? [new HoldBack(90, replicas)] : [new WithholdVotes()],
        };
    }

    // Power goes while much is under way and little is on disk, and may meet liars, and clients that die with it.
    private static SimulationOptions SitePower(SimulationOptions rough, DeterministicRandom random)
    {
        bool allAwake = random.Next(2) == 0;
        return rough with
        {
            Clients = 2 + random.Next(3),
            InFlightPerClient = 1 + random.Next(8),
            AllAwake = allAwake,
            CheckpointInterval = allAwake ? 512 : 8 << random.Next(3),
            ExecutionLiars = allAwake ? random.Next(rough.Faults + 1) : 0,
            Syncs = 0.02 * random.Next(3),
            SyncMicroseconds = 5_000 << random.Next(4),
            SiteLosesPowerAt = 15 + random.Next(150),
            ClientsDie = random.Next(2) * 0.4,
            Files = random.Next(2) == 0,
            Always = random.Next(5) == 0,
        };
    }

    /// <summary>Lies for one agreement replica: one or two of the library.</summary>
    public static Behaviour[] AgreementLies(DeterministicRandom random, Quorum quorum)
    {
        Behaviour first = AgreementLie(random, quorum);
        return random.Next(2) == 0 ? [first] : [first, AgreementLie(random, quorum)];
    }

    /// <summary>Lies for one execution replica; when only f + 1 are awake, it does all but reply.</summary>
    public static Behaviour[] ExecutionLies(DeterministicRandom random, bool allAwake) =>
        allAwake ? ExecutionLies(random) : [new Starve(random.Next(2) == 0 ? uint.MaxValue : 1)];

    private static Behaviour[] ExecutionLies(DeterministicRandom random) => random.Next(8) switch
    {
        0 => [new Mute(null, 0)],
        1 => [new WrongResults()],
        2 => [new ForgeReports()],
        3 => [new WrongCheckpoints()],
        4 => [new WrongResults(), new ForgeReports(), new WrongCheckpoints()],
        5 => [new Corrupt()],
        6 => [new LieConsistently()],
        _ => [new Dawdle(100), new Replay()],
    };

    private static Behaviour AgreementLie(DeterministicRandom random, Quorum quorum) => random.Next(18) switch
    {
        0 => new Mute(null, 0),
        1 => new Mute(PartyRole.Agreement, (uint)random.Next(1 << quorum.AgreementReplicas)),
        2 => new Mute(random.Next(2) == 0 ? PartyRole.Execution : PartyRole.Client, uint.MaxValue),
        3 => new Dawdle(20 + random.Next(400)),
        4 => new Replay(),
        5 => new Corrupt(),
        6 or 7 => new Equivocate(),
        8 => new ProposeNonsense(),
        9 => new VoteForAll(),
        10 or 11 => new ForgeViewChange(),
        12 => new ForgeOrders(),
        13 => new ForgeSynced(),
        14 => new ClaimHeld(),
        15 => new ForgeAffidavits(),
        16 => random.Next(2) == 0 ? new OldImages() : new HoldBack(20 + random.Next(200), (uint)random.Next(1 << quorum.AgreementReplicas)),
        _ => random.Next(3) switch { 0 => new WantViews(), 1 => new WithholdBodies(), _ => new CryWolf() },
    };
}

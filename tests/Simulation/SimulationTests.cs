using Agreement.Messages;

namespace Simulation;

public sealed class SimulationTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int FixedSeeds = 100;
    private const int FreshSeeds = 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Answers_everything_on_a_good_network(int faults)
    {
        var world = new World(new SimulationOptions { Seed = 7, Faults = faults });
        world.Run();
        Assert.Equal(600, world.Completed);
    }

    /// <summary>Seeds that every run tries, and as many that no run has tried before; a failing one is named.</summary>
    [Fact]
    public void Keeps_its_promises_under_faults_and_lies()
    {
        ulong fresh = BitConverter.ToUInt64(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8)) >> 24;
        ulong[] seeds = [.. Enumerable.Range(1, FixedSeeds).Select(seed => (ulong)seed), .. Enumerable.Range(0, FreshSeeds).Select(i => fresh + (ulong)i)];
        output.WriteLine($"fresh seeds: {fresh}..{fresh + FreshSeeds - 1}");
        var failures = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.ForEach(seeds, seed =>
        {
            try
            {
                new World(Scenario.FromSeed(seed)).Run();
            }
            catch (SimulationFailure failure)
            {
                failures.Add($"seed {seed}: {failure.Message}");
            }
        });
        Assert.True(failures.IsEmpty, string.Join("\n", failures));
    }

    /// <summary>Each lie alone, told by as many as may lie, with nothing else wrong.</summary>
    [Theory]
    [MemberData(nameof(Lies))]
    public void Lies_are_survived(string lie, int faults)
    {
        var world = new World(new SimulationOptions
        {
            Seed = 11,
            Faults = faults,
            AgreementLiars = faults,
            Lies = () => [AgreementLies[lie]()],
            HealAtMilliseconds = 0,
        });
        world.Run();
        Assert.Equal(600, world.Completed);
    }

    /// <summary>
    /// f of the f + 1 that execute leave one client without replies: it lives on affidavits, and loses one timeout, not one
    /// for each operation (DESIGN §6).
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_client_that_is_starved_of_replies_goes_on(int faults)
    {
        var world = new World(new SimulationOptions
        {
            Seed = 3,
            Faults = faults,
            ExecutionLiars = faults,
            Lies = () => [new Starve(1)],
            HealAtMilliseconds = 0,
        });
        world.Run();
        Assert.Equal(600, world.Completed);
        Assert.Equal([201ul, 0ul, 0ul], world.AffirmedResults);
        Assert.True(world.Milliseconds < 4000, world.Describe());
    }

    /// <summary>The same with as many agreement replicas that lie about replies.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_starved_client_goes_on_though_affidavits_are_forged(int faults)
    {
        var world = new World(new SimulationOptions
        {
            Seed = 3,
            Faults = faults,
            AgreementLiars = faults,
            ExecutionLiars = faults,
            Lies = () => [new Starve(1), new ForgeAffidavits()],
            Loss = 0.02,
        });
        world.Run();
        Assert.Equal(600, world.Completed);
    }

    /// <summary>
    /// Hypervisors that hold machines, with or without their clocks and links, and lying ones that take a disk back to an
    /// older image.
    /// </summary>
    [Theory]
    [InlineData("held machines")]
    [InlineData("old images")]
    public void Survives_what_hypervisors_do(string scenario)
    {
        for (ulong seed = 1; seed <= 20; seed++)
            new World(Scenario.Named(scenario, seed)).Run();
    }

    /// <summary>
    /// A primary that holds every proposal back for 90 ms, from all or from f correct replicas that are needed, costs a second
    /// or so in all, not 90 ms per operation.
    /// </summary>
    [Theory]
    [InlineData("slow primary")]
    [InlineData("slow primary in turn")]
    [InlineData("slow primary to some")]
    public void A_slow_primary_gains_little(string scenario)
    {
        var world = new World(Scenario.Named(scenario, 1));
        world.Run();
        Assert.Equal(400, world.Completed);
        Assert.True(world.Milliseconds < 6000, $"it took {world.Milliseconds} ms");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Hostile_clients_cause_no_view_change(int faults)
    {
        var world = new World(new SimulationOptions { Seed = 5, Faults = faults, HostileClients = 3 });
        world.Run();
        Assert.True(world.HighestView == 0, world.Describe());
    }

    [Fact]
    public void Replays_a_seed_exactly()
    {
        Assert.Equal(Trace(42), Trace(42));

        static string Trace(ulong seed)
        {
            using var trace = new StringWriter();
            new World(Scenario.FromSeed(seed) with { Trace = trace, OperationsPerClient = 20 }).Run();
            return trace.ToString();
        }
    }

    public static TheoryData<string, int> Lies()
    {
        var cases = new TheoryData<string, int>();
        foreach (string lie in AgreementLies.Keys)
        {
            for (int faults = 1; faults <= 3; faults++)
                cases.Add(lie, faults);
        }

        return cases;
    }

    private static readonly SortedDictionary<string, Func<Behaviour>> AgreementLies = new(StringComparer.Ordinal)
    {
        ["mute"] = () => new Mute(null, 0),
        ["mute towards some replicas"] = () => new Mute(PartyRole.Agreement, 0b1010101010),
        ["mute towards clients"] = () => new Mute(PartyRole.Client, uint.MaxValue),
        ["mute towards execution"] = () => new Mute(PartyRole.Execution, uint.MaxValue),
        ["dawdle"] = () => new Dawdle(300),
        ["replay"] = () => new Replay(),
        ["corrupt"] = () => new Corrupt(),
        ["equivocate"] = () => new Equivocate(),
        ["propose nonsense"] = () => new ProposeNonsense(),
        ["vote for all"] = () => new VoteForAll(),
        ["forge view changes"] = () => new ForgeViewChange(),
        ["forge orders"] = () => new ForgeOrders(),
        ["forge affidavits"] = () => new ForgeAffidavits(),
        ["forge synced"] = () => new ForgeSynced(),
        ["want views"] = () => new WantViews(),
        ["withhold bodies"] = () => new WithholdBodies(),
        ["cry wolf"] = () => new CryWolf(),
        ["claim to hold"] = () => new ClaimHeld(),
        ["flood"] = () => new Flood(),
    };
}

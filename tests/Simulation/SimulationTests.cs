namespace Simulation;

public sealed class SimulationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Answers_everything_on_a_good_network(int faults)
    {
        var world = new World(new SimulationOptions { Seed = 7, Faults = faults });
        world.Run();
        Assert.Equal(600, world.Checkers.Completed);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Keeps_its_promises_under_faults(ulong seed) => new World(Scenario.FromSeed(seed)).Run();

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

    public static TheoryData<ulong> Seeds()
    {
        var seeds = new TheoryData<ulong>();
        for (ulong seed = 1; seed <= 60; seed++)
            seeds.Add(seed);
        return seeds;
    }
}

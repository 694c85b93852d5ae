using System.Globalization;

namespace Simulation;

/// <summary>Runs seeds by hand: <c>--seed S [--trace]</c> replays one, <c>--seeds A..B</c> explores many on all cores.</summary>
internal static class Program
{
    private const string Usage = """
        usage: simulation --seed S [--trace] | --seeds A..B
          --scenario NAME under circumstances that bring out faults of one kind, not those that the seed chooses
          --faults F      tolerate F faults (1 to 3), whatever the seed says
          --replicas N    the same, by the number of agreement replicas (4, 7 or 10)
          --ticks T       end after T milliseconds of simulated time (60000); everything must be answered by then
          --mode MODE     fsync or always: what is on disk before votes leave
          --trace         print every message and fault; with --seed only
        """;

    private static int Main(string[] arguments)
    {
        ulong first = 1;
        ulong last = 1;
        string? scenario = null;
        var changes = new List<Func<SimulationOptions, SimulationOptions>>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            switch (arguments[i])
            {
                case "--seed" when ulong.TryParse(value, CultureInfo.InvariantCulture, out first):
                    last = first;
                    i++;
                    break;
                case "--seeds" when value.Split("..") is [var from, var to]
                    && ulong.TryParse(from, CultureInfo.InvariantCulture, out first) && ulong.TryParse(to, CultureInfo.InvariantCulture, out last):
                    i++;
                    break;
                case "--scenario" when value.Length > 0:
                    scenario = value;
                    i++;
                    break;
                case "--faults" when int.TryParse(value, CultureInfo.InvariantCulture, out int faults) && faults is >= 1 and <= 3:
                    changes.Add(options => WithFaults(options, faults));
                    i++;
                    break;
                case "--replicas" when int.TryParse(value, CultureInfo.InvariantCulture, out int replicas) && replicas is 4 or 7 or 10:
                    changes.Add(options => WithFaults(options, (replicas - 1) / 3));
                    i++;
                    break;
                case "--ticks" when int.TryParse(value, CultureInfo.InvariantCulture, out int ticks) && ticks > 0:
                    changes.Add(options => options with { EndAtMilliseconds = ticks });
                    i++;
                    break;
                case "--mode" when value is "fsync" or "always":
                    changes.Add(options => options with { Always = value == "always" });
                    i++;
                    break;
                case "--trace":
                    changes.Add(options => options with { Trace = Console.Out });
                    break;
                default:
                    Console.Error.WriteLine(Usage);
                    return 2;
            }
        }

        return Explore(first, last, scenario, options => changes.Aggregate(options, (changed, change) => change(changed)), string.Join(' ', arguments));
    }

    private static SimulationOptions WithFaults(SimulationOptions options, int faults) => options with
    {
        Faults = faults,
        AgreementLiars = Math.Min(options.AgreementLiars, faults),
        ExecutionLiars = Math.Min(options.ExecutionLiars, faults),
    };

    private static int Explore(ulong first, ulong last, string? scenario, Func<SimulationOptions, SimulationOptions> change, string arguments)
    {
        int failed = 0;
        int operations = 0;
        object output = new();
        Parallel.For((long)first, (long)last + 1, seed =>
        {
            var world = new World(change(scenario is null ? Scenario.FromSeed((ulong)seed) : Scenario.Named(scenario, (ulong)seed)));
            try
            {
                world.Run();
                Interlocked.Add(ref operations, world.Checkers.Completed);
                if (first == last)
                    Console.WriteLine($"seed {seed}: {world.Checkers.Completed} operations, {world.Milliseconds} ms");
            }
            catch (SimulationFailure failure)
            {
                Interlocked.Increment(ref failed);
                lock (output)
                {
                    Console.WriteLine($"seed {seed}: {failure.Message}");
                    Console.WriteLine($"  replay: dotnet run --project tests/Simulation -- --seed {seed} --trace{(first == last ? "" : $"  (of {arguments})")}");
                }
            }
        });
        Console.WriteLine($"{last - first + 1} seeds, {operations} operations, {failed} failed");
        return failed == 0 ? 0 : 1;
    }
}

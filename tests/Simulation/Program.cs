using System.Globalization;

namespace Simulation;

/// <summary>Runs seeds by hand: <c>--seed S [--trace]</c> replays one, <c>--seeds A..B</c> explores many on all cores.</summary>
internal static class Program
{
    private const string Usage = """
        usage: simulation --seed S [--trace] | --seeds A..B
          --faults F      tolerate F faults (1 to 3), whatever the seed says
          --replicas N    the same, by the number of agreement replicas (4, 7 or 10)
          --scenario NAME circumstances of one kind, as the tests of planted bugs name them
          --ticks T       end after T milliseconds of simulated time (120000); everything must be answered by then
          --mode MODE     fsync or always: what is on disk before votes leave
          --work WORK     files or counters: what clients do
          --trace         print every message and fault; with --seed only
        """;

    private static int Main(string[] arguments)
    {
        ulong first = 1;
        ulong last = 1;
        Func<ulong, SimulationOptions> scenario = Scenario.FromSeed;
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
                case "--scenario" when value.Length > 0:
                    scenario = seed => Scenario.Named(value, seed);
                    i++;
                    break;
                case "--mode" when value is "fsync" or "always":
                    changes.Add(options => options with { Always = value == "always" });
                    i++;
                    break;
                case "--work" when value is "files" or "counters":
                    changes.Add(options => options with { Files = value == "files" });
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

        return Explore(first, last, seed => changes.Aggregate(scenario(seed), (changed, change) => change(changed)), string.Join(' ', arguments));
    }

    private static SimulationOptions WithFaults(SimulationOptions options, int faults) => options with
    {
        Faults = faults,
        AgreementLiars = Math.Min(options.AgreementLiars, faults),
        ExecutionLiars = Math.Min(options.ExecutionLiars, faults),
    };

    private static int Explore(ulong first, ulong last, Func<ulong, SimulationOptions> optionsOf, string arguments)
    {
        int failed = 0;
        int operations = 0;
        int repeated = 0;
        int reopened = 0;
        object output = new();

        // What else was asked for is part of the run.
        string others = string.Concat(arguments.Split(" --", StringSplitOptions.RemoveEmptyEntries)
            .Select(part => part.TrimStart('-')).Where(part => !part.StartsWith("seed", StringComparison.Ordinal) && part != "trace")
            .Select(part => part.Split(' ', 2) is [var name, var value] ? $" --{name} \"{value}\"" : $" --{part}"));
        // Without the bound the thread pool adds worlds while others pause for the collector, and memory grows with them.
        var bound = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For((long)first, (long)last + 1, bound, seed =>
        {
            var world = new World(optionsOf((ulong)seed));
            try
            {
                world.Run();
                Interlocked.Add(ref operations, world.Completed);
                Interlocked.Add(ref repeated, world.Repeated);
                Interlocked.Add(ref reopened, world.HighestIncarnation > 0 ? 1 : 0);
                if (first == last)
                    Console.WriteLine($"seed {seed}: {world.Completed} operations, {world.Milliseconds} ms\n{world.Describe()}");
            }
            catch (Exception failure)
            {
                // Whatever arrives, a core never throws: that is a failure too.
                Interlocked.Increment(ref failed);
                lock (output)
                {
                    Console.WriteLine($"seed {seed}: {(failure is SimulationFailure ? failure.Message : failure)}");
                    Console.WriteLine($"  replay: dotnet run --project tests/Simulation -- --seed {seed} --trace{others}");
                }
            }
        });
        Console.WriteLine($"{last - first + 1} seeds, {operations} operations ({repeated} repeated in {reopened} new log incarnations), {failed} failed");
        return failed == 0 ? 0 : 1;
    }
}

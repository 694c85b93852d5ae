using System.Globalization;

namespace Simulation;

/// <summary>Runs seeds by hand: <c>--seed S [--trace]</c> replays one, <c>--seeds A..B</c> explores many.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        ulong first = 1;
        ulong last = 1;
        bool trace = false;
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--seed" when i + 1 < arguments.Length:
                    first = last = ulong.Parse(arguments[++i], CultureInfo.InvariantCulture);
                    break;
                case "--seeds" when i + 1 < arguments.Length && arguments[i + 1].Split("..") is [var from, var to]:
                    first = ulong.Parse(from, CultureInfo.InvariantCulture);
                    last = ulong.Parse(to, CultureInfo.InvariantCulture);
                    i++;
                    break;
                case "--trace":
                    trace = true;
                    break;
                default:
                    Console.Error.WriteLine("usage: simulation --seed S [--trace] | --seeds A..B");
                    return 2;
            }
        }

        int failed = 0;
        for (ulong seed = first; seed <= last; seed++)
        {
            try
            {
                var world = new World(Scenario.FromSeed(seed) with { Trace = trace ? Console.Out : null });
                world.Run();
                Console.WriteLine($"seed {seed}: {world.Checkers.Completed} operations, {world.Milliseconds} ms");
            }
            catch (SimulationFailure failure)
            {
                Console.WriteLine($"seed {seed}: {failure.Message}");
                failed++;
            }
        }

        return failed == 0 ? 0 : 1;
    }
}

namespace Simulation;

/// <summary>One run under a named scenario: the entry point of copies of the simulator that contain a planted bug.</summary>
internal static class Trial
{
    /// <summary>Runs one seed.</summary>
    /// <returns>What a checker, or an invariant of the cores, found broken; null if nothing.</returns>
    public static string? Run(string scenario, ulong seed)
    {
        try
        {
            new World(Scenario.Named(scenario, seed)).Run();
            return null;
        }
        catch (Exception failure)
        {
            // Whatever arrives, a core never throws: that is a failure too.
            return failure is SimulationFailure ? failure.Message : failure.ToString();
        }
    }
}

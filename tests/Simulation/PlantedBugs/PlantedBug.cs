namespace Simulation.PlantedBugs;

/// <summary>An edit of the production source that breaks one rule of the protocol.</summary>
/// <param name="Name">The rule that is broken.</param>
/// <param name="File">Path from the root of the source.</param>
/// <param name="Text">What stands there, exactly once.</param>
/// <param name="Replacement">What the bug puts in its place.</param>
/// <param name="Scenario">The circumstances under which the simulator looks for it.</param>
/// <param name="Seeds">How many seeds are tried, within which it must be found.</param>
/// <param name="First">The first of them.</param>
public sealed record PlantedBug(string Name, string File, string Text, string Replacement, string Scenario, int Seeds = 8, int First = 1)
{
    public override string ToString() => Name;
}

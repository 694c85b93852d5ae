namespace Simulation.PlantedBugs;

/// <summary>An edit of the production source that breaks one rule of the protocol.</summary>
/// <param name="Name">The rule that is broken.</param>
/// <param name="File">Path from the root of the source.</param>
/// <param name="Text">What stands there, exactly once.</param>
/// <param name="Replacement">What the bug puts in its place.</param>
/// <param name="Scenario">The circumstances under which the simulator looks for it.</param>
/// <param name="Seeds">Seeds, from 1 on, within which it must be found.</param>
public sealed record PlantedBug(string Name, string File, string Text, string Replacement, string Scenario, int Seeds = 8)
{
    public override string ToString() => Name;
}

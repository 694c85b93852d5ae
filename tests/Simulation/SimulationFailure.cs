namespace Simulation;

/// <summary>A checker found that a promise is broken.</summary>
internal sealed class SimulationFailure(string message) : Exception(message);

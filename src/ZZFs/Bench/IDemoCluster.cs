namespace ZZFs.Bench;

/// <summary>What one replica says of itself, as far as the demo reports it.</summary>
/// <param name="Id">Its name, for example <c>a0</c> or <c>e2</c>.</param>
/// <param name="Role"><c>primary</c>, <c>backup</c>, <c>active</c>, <c>asleep</c> or <c>recovering</c>; <c>down</c> if it doesn't answer.</param>
/// <param name="Executed">Last number executed or delivered; null where it isn't told.</param>
/// <param name="Checkpoint">Last stable checkpoint; null where it isn't told.</param>
/// <param name="MemoryBytes">Resident memory; null where it isn't told.</param>
/// <param name="CpuSeconds">CPU time since it started; null where it isn't told.</param>
public sealed record DemoReplica(string Id, string Role, ulong? Executed, ulong? Checkpoint, long? MemoryBytes, double? CpuSeconds);

/// <summary>
/// The cluster of a demo, step by step. Every failure is a <see cref="BenchException"/>. Undoing a step that never
/// happened, or happened half, is no error.
/// </summary>
public interface IDemoCluster
{
    /// <summary>Makes keys and configuration.</summary>
    void Init();

    /// <summary>Starts all nodes; returns when the cluster answers.</summary>
    void Up();

    /// <summary>Mounts it and gives the mount point.</summary>
    string Mount();

    /// <summary>What the replicas say.</summary>
    IReadOnlyList<DemoReplica> Replicas();

    /// <summary>Unmounts it.</summary>
    void Unmount();

    /// <summary>Stops all nodes.</summary>
    void Down();

    /// <summary>Removes what <see cref="Init"/> made.</summary>
    void Remove();
}

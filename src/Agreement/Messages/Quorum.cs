namespace Agreement.Messages;

/// <summary>Every threshold of the protocol, written once, for a cluster that tolerates f faults.</summary>
/// <param name="Faults">f, from 1 to <see cref="Limits.MaximumFaults"/>.</param>
public readonly record struct Quorum(int Faults)
{
    /// <summary>3f + 1 agreement replicas (PBFT, TOCS 2002 §2).</summary>
    public int AgreementReplicas => (3 * Faults) + 1;

    /// <summary>2f + 1 execution replicas, asleep ones included (Yin et al., SOSP 2003).</summary>
    public int ExecutionReplicas => (2 * Faults) + 1;

    /// <summary>f + 1 execution replicas are active in normal operation (ZZ, EuroSys 2011).</summary>
    public int ActiveExecutionReplicas => Faults + 1;

    /// <summary>2f + 1 agreement replicas: any two such sets share a correct one.</summary>
    public int Strong => (2 * Faults) + 1;

    /// <summary>2f PREPAREs from backups complete a PRE-PREPARE to a prepared certificate (TOCS 2002 §4.3).</summary>
    public int Prepares => 2 * Faults;

    /// <summary>f + 1: at least one of them is correct.</summary>
    public int Weak => Faults + 1;
}

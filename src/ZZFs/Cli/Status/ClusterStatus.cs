using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;

namespace ZZFs.Cli.Status;

/// <summary>What one agreement replica says; <see cref="Report"/> is null when it does not answer.</summary>
public sealed record AgreementStatus(PartyId Id, NodeReport? Report, string Problem);

/// <summary>What is known of one execution replica.</summary>
/// <param name="Id">The replica.</param>
/// <param name="Up">Whether it runs, or sleeps as it shall.</param>
/// <param name="Role">active, asleep, recovering, starting or down.</param>
/// <param name="Report">What it said last; when it sleeps that is old, but its usage is new. Null when nothing is known.</param>
/// <param name="Store">Kind of backing store.</param>
/// <param name="Restarts">How often its controller started it again; null when that does not answer.</param>
/// <param name="Problem">Why it is not up; empty when it is.</param>
public sealed record ExecutionStatus(PartyId Id, bool Up, string Role, NodeReport? Report, string Store, ulong? Restarts, string Problem);

/// <summary>What one controller says; <see cref="Report"/> is null when it does not answer.</summary>
public sealed record ControllerHealth(PartyId Id, ControllerReport? Report, string Problem);

/// <summary>The state of a cluster, as its nodes tell it. Any of them may lie; only what f + 1 agree on is taken as true.</summary>
public sealed record ClusterStatus(
    ClusterFile Cluster,
    IReadOnlyList<AgreementStatus> Agreement,
    IReadOnlyList<ExecutionStatus> Execution,
    IReadOnlyList<ControllerHealth> Controllers)
{
    /// <summary>The view that f + 1 agreement replicas name; null when no f + 1 agree.</summary>
    public View? View => Certified(report => report.Status.View);

    /// <summary>The epoch that f + 1 agreement replicas name; null when no f + 1 agree.</summary>
    public Epoch? Epoch => Certified(report => report.Status.Epoch);

    /// <summary>The primary of <see cref="View"/>.</summary>
    public PartyId? Primary => View is { } view ? PartyId.Agreement((int)(view.Value % (ulong)Cluster.Agreement.Count)) : null;

    /// <summary>Whether enough replicas are up to serve: 2f + 1 for agreement, f + 1 for execution.</summary>
    public bool CanServe =>
        Agreement.Count(replica => replica.Report is not null) >= (2 * Cluster.F) + 1
        && Execution.Count(replica => replica.Up && replica.Role != "asleep") >= Cluster.F + 1;

    private T? Certified<T>(Func<NodeReport, T> value)
        where T : struct, IComparable<T>
    {
        IEnumerable<T> certified = Agreement
            .Where(replica => replica.Report is not null)
            .GroupBy(replica => value(replica.Report!))
            .Where(group => group.Count() >= Cluster.F + 1)
            .Select(group => group.Key);
        // With 3f + 1 replicas two values can have f + 1 voices each, in the moment of a change; the later one is newer.
        return certified.Any() ? certified.Max() : null;
    }
}

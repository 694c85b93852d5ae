using Agreement.Messages;

namespace ZZFs.Client;

/// <summary>What f + 1 agreement replicas say of the cluster: epoch, active execution replicas, log incarnation.</summary>
public sealed class ClusterView(Quorum quorum)
{
    private readonly ClusterState?[] statements = new ClusterState?[quorum.AgreementReplicas];

    /// <summary>The newest state that f + 1 named alike; null until they did.</summary>
    public ClusterState? Current { get; private set; }

    /// <summary>Takes the statement of an agreement replica.</summary>
    /// <returns>Whether <see cref="Current"/> changed.</returns>
    public bool Add(int sender, in ClusterState statement)
    {
        // The view is information only: replicas may name different ones while it changes.
        ClusterState vote = statement with { View = default };
        statements[sender] = vote;
        int count = 0;
        foreach (ClusterState? other in statements)
        {
            if (other == vote)
                count++;
        }

        if (count < quorum.Weak || Current == vote)
            return false;
        if (Current is { } known && (vote.Incarnation.CompareTo(known.Incarnation) < 0 || vote.Epoch.CompareTo(known.Epoch) < 0))
            return false;
        Current = vote;
        return true;
    }
}

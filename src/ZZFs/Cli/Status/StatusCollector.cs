using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;

namespace ZZFs.Cli.Status;

/// <summary>Asks every node of a cluster at once.</summary>
public static class StatusCollector
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    /// <summary>Collects what the nodes say; those that don't answer in time are down.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="key">Key file whose certificate the nodes know: the administrator's or any party's.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<ClusterStatus> CollectAsync(ClusterFile cluster, KeyFile key, CancellationToken cancellation)
    {
        Task<AgreementStatus>[] agreement = [.. cluster.Agreement.Select(entry => AskAgreementAsync(cluster, entry, key, cancellation))];
        Task<(ExecutionStatus Replica, ControllerHealth Controller)>[] execution =
            [.. cluster.Execution.Select(entry => AskExecutionAsync(cluster, entry, key, cancellation))];
        AgreementStatus[] agreements = await Task.WhenAll(agreement);
        (ExecutionStatus Replica, ControllerHealth Controller)[] executions = await Task.WhenAll(execution);
        return new ClusterStatus(
            cluster, agreements, [.. executions.Select(answer => answer.Replica)], [.. executions.Select(answer => answer.Controller)]);
    }

    private static async Task<AgreementStatus> AskAgreementAsync(
        ClusterFile cluster, AgreementEntry entry, KeyFile key, CancellationToken cancellation)
    {
        (NodeReport? report, string problem) = await AskAsync(cluster, entry.Id, key, client => client.GetNodeStatusAsync(Bound, cancellation));
        return new AgreementStatus(entry.Id, report, problem);
    }

    /// <summary>The controller first: a frozen replica would accept the connection and never answer.</summary>
    private static async Task<(ExecutionStatus Replica, ControllerHealth Controller)> AskExecutionAsync(
        ClusterFile cluster, ExecutionEntry entry, KeyFile key, CancellationToken cancellation)
    {
        PartyId controllerId = cluster.Controllers[(int)entry.Id.Index].Id;
        (ControllerReport? controller, string controllerProblem) =
            await AskAsync(cluster, controllerId, key, client => client.GetControllerStatusAsync(Bound, cancellation));
        var health = new ControllerHealth(controllerId, controller, controllerProblem);
        if (controller?.Status.State == ReplicaState.Asleep)
        {
            NodeReport? last = controller.Status.Last;
            // One that hibernates has no process, and uses nothing.
            if (last is not null)
                last = last with { Usage = controller.ReplicaUsage ?? last.Usage with { MemoryBytes = 0 } };
            return (new ExecutionStatus(entry.Id, true, "asleep", last, entry.Store.ToString(), controller.Status.Restarts, ""), health);
        }

        (NodeReport? report, string problem) = await AskAsync(cluster, entry.Id, key, client => client.GetNodeStatusAsync(Bound, cancellation));
        string role = report?.Status.Role ?? (controller?.Status.State == ReplicaState.Starting ? "starting" : "down");
        string store = report is { Status.Store.Length: > 0 } ? report.Status.Store : entry.Store.ToString();
        return (new ExecutionStatus(entry.Id, report is not null, role, report, store, controller?.Status.Restarts, problem), health);
    }

    private static async Task<(T? Report, string Problem)> AskAsync<T>(ClusterFile cluster, PartyId party, KeyFile key, Func<ControlClient, Task<T>> ask)
        where T : class
    {
        using var client = new ControlClient(cluster, party, key.Certificate);
        try
        {
            return (await ask(client), "");
        }
        catch (ControlException error)
        {
            return (null, error.Message);
        }
    }
}

using System.Globalization;
using System.Text;
using Agreement.Control;

namespace ZZFs.Cli.Status;

/// <summary>A cluster's status as a table for people.</summary>
public static class StatusTable
{
    private const string Nothing = "-";

    /// <summary>The text, with a final line feed.</summary>
    public static string Format(ClusterStatus status)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"f {status.Cluster.F}, view {status.View?.ToString() ?? "unknown"}, epoch {status.Epoch?.ToString() ?? "unknown"}, primary {status.Primary?.ToString() ?? "unknown"}, {(status.CanServe ? "serving" : "NOT serving")}\n\n");
        var rows = new List<string[]> { new[] { "id", "role", "view", "executed", "checkpoint", "root", "store", "disk", "memory", "cpu", "" } };
        foreach (AgreementStatus replica in status.Agreement)
        {
            NodeReport? report = replica.Report;
            rows.Add([
                replica.Id.ToString(), report?.Status.Role ?? "down", Text(report?.Status.View), Text(report?.Status.Executed),
                Text(report?.Status.Checkpoint), Nothing, Nothing, Nothing, Memory(report?.Usage), Cpu(report?.Usage), replica.Problem]);
        }

        foreach (ExecutionStatus replica in status.Execution)
        {
            NodeReport? report = replica.Report;
            rows.Add([
                replica.Id.ToString(), replica.Role, Nothing, Text(report?.Status.Executed), Text(report?.Status.Checkpoint), Root(report),
                replica.Store, Disk(report), Memory(report?.Usage), Cpu(report?.Usage), Remark(replica)]);
        }

        foreach (ControllerHealth controller in status.Controllers)
        {
            ProcessUsage? usage = controller.Report?.Usage;
            rows.Add([
                controller.Id.ToString(), usage is null ? "down" : "controller", Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Memory(usage), Cpu(usage),
                Remark(controller)]);
        }

        return text.Append(TextTable.Format(rows)).ToString();
    }

    private static string Text<T>(T? value)
        where T : struct
        => value?.ToString() ?? Nothing;

    private static string Root(NodeReport? report) =>
        report is null || report.Status.Root.IsZero ? Nothing : Convert.ToHexStringLower(report.Status.Root.ToArray())[..8];

    // All snapshots together; on btrfs the whole file system, which counts for all that is on it.
    private static string Disk(NodeReport? report) => report?.Status.Counters.GetValueOrDefault("disk-bytes") is > 0 and var bytes
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F0} MB, {report.Status.Counters.GetValueOrDefault("snapshots")} snapshots")
        : Nothing;

    private static string Memory(ProcessUsage? usage) =>
        usage is null ? Nothing : string.Create(CultureInfo.InvariantCulture, $"{usage.MemoryBytes / 1e6:F0} MB");

    private static string Cpu(ProcessUsage? usage) =>
        usage is null ? Nothing : string.Create(CultureInfo.InvariantCulture, $"{usage.CpuSeconds:F2} s");

    private static ulong Damages(NodeReport report) =>
        Math.Max(report.Status.Counters.GetValueOrDefault("damaged-blocks"), report.Status.Counters.GetValueOrDefault("scrub-damages"));

    private static string Remark(ControllerHealth controller)
    {
        if (controller.Report is not { Status: var status })
            return controller.Problem;
        string order = status.Order is { } given ? $", by order: {given}" : "";
        string failures = status.Counters.GetValueOrDefault("hypervisor-failures") is > 0 and var failed
            ? string.Create(CultureInfo.InvariantCulture, $", {failed} failures")
            : "";
        return $"has {status.Replica} {(status.ShallRun ? "run" : "sleep")}{order}{failures}";
    }

    private static string Remark(ExecutionStatus replica)
    {
        var remarks = new List<string>();
        if (replica.Problem.Length > 0)
            remarks.Add(replica.Problem);
        if (replica.Report is { Status.Complete: false })
            remarks.Add("not complete");
        if (replica.Report is { } report && Damages(report) is > 0 and var damages)
            remarks.Add(string.Create(CultureInfo.InvariantCulture, $"DAMAGED in {damages} places (see its node.log)"));
        if (replica.Restarts is > 0)
            remarks.Add(string.Create(CultureInfo.InvariantCulture, $"restarted {replica.Restarts} times"));
        return string.Join(", ", remarks);
    }
}

using System.Text.Json;
using Agreement.Control;
using Agreement.Messages;

namespace ZZFs.Cli.Status;

/// <summary>
/// A cluster's status as JSON. Keys: <c>f</c>, <c>volume</c>, <c>view</c>, <c>epoch</c>, <c>primary</c>, <c>canServe</c>,
/// <c>agreement</c>, <c>execution</c>, <c>controllers</c>. What is not known is null.
/// </summary>
public static class StatusJson
{
    /// <summary>The text, with a final line feed.</summary>
    public static string Format(ClusterStatus status) => JsonOutput.Write(writer =>
    {
        writer.WriteNumber("f", status.Cluster.F);
        writer.WriteString("volume", status.Cluster.Volume.ToString());
        WriteNumber(writer, "view", status.View?.Value);
        WriteNumber(writer, "epoch", status.Epoch?.Value);
        writer.WriteString("primary", status.Primary?.ToString());
        writer.WriteBoolean("canServe", status.CanServe);
        WriteArray(writer, "agreement", status.Agreement, WriteAgreement);
        WriteArray(writer, "execution", status.Execution, WriteExecution);
        WriteArray(writer, "controllers", status.Controllers, WriteController);
    });

    private static void WriteAgreement(Utf8JsonWriter writer, AgreementStatus replica)
    {
        writer.WriteString("id", replica.Id.ToString());
        writer.WriteBoolean("up", replica.Report is not null);
        writer.WriteString("role", replica.Report?.Status.Role);
        WriteNumber(writer, "view", replica.Report?.Status.View.Value);
        WriteNumber(writer, "epoch", replica.Report?.Status.Epoch.Value);
        WriteNumber(writer, "executed", replica.Report?.Status.Executed.Value);
        WriteNumber(writer, "checkpoint", replica.Report?.Status.Checkpoint.Value);
        WriteCommon(writer, replica.Report, replica.Problem);
    }

    private static void WriteExecution(Utf8JsonWriter writer, ExecutionStatus replica)
    {
        writer.WriteString("id", replica.Id.ToString());
        writer.WriteBoolean("up", replica.Up);
        writer.WriteString("role", replica.Role);
        WriteNumber(writer, "executed", replica.Report?.Status.Executed.Value);
        WriteNumber(writer, "checkpoint", replica.Report?.Status.Checkpoint.Value);
        writer.WriteString("root", replica.Report is { } report ? Convert.ToHexStringLower(report.Status.Root.ToArray()) : null);
        if (replica.Report is not null)
            writer.WriteBoolean("complete", replica.Report.Status.Complete);
        else
            writer.WriteNull("complete");
        writer.WriteString("store", replica.Store);
        WriteNumber(writer, "epoch", replica.Report?.Status.Epoch.Value);
        WriteNumber(writer, "restarts", replica.Restarts);
        WriteCommon(writer, replica.Report, replica.Problem);
    }

    private static void WriteController(Utf8JsonWriter writer, ControllerHealth controller)
    {
        writer.WriteString("id", controller.Id.ToString());
        writer.WriteBoolean("up", controller.Report is not null);
        writer.WriteString("shall", controller.Report is { } report ? (report.Status.ShallRun ? "run" : "sleep") : null);
        if (controller.Report?.Status.Order is { } order)
        {
            writer.WriteStartObject("order");
            writer.WriteString("kind", order.Kind == OrderKind.Wake ? "wake" : "sleep");
            writer.WriteNumber("epoch", order.Epoch.Value);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteNull("order");
        }

        WriteUsage(writer, controller.Report?.Usage);
        WriteCounters(writer, controller.Report?.Status.Counters);
        WriteProblem(writer, controller.Problem);
    }

    private static void WriteCommon(Utf8JsonWriter writer, NodeReport? report, string problem)
    {
        WriteNumber(writer, "operations", report?.Status.Operations);
        WriteUsage(writer, report?.Usage);
        WriteCounters(writer, report?.Status.Counters);
        WriteProblem(writer, problem);
    }

    private static void WriteCounters(Utf8JsonWriter writer, IReadOnlyDictionary<string, ulong>? counters)
    {
        writer.WriteStartObject("counters");
        foreach ((string name, ulong count) in counters ?? new SortedDictionary<string, ulong>())
            writer.WriteNumber(name, count);
        writer.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter writer, ProcessUsage? usage)
    {
        WriteNumber(writer, "processId", (ulong?)usage?.ProcessId);
        WriteNumber(writer, "memoryBytes", usage?.MemoryBytes);
        if (usage is null)
            writer.WriteNull("cpuSeconds");
        else
            writer.WriteNumber("cpuSeconds", usage.CpuSeconds);
    }

    private static void WriteProblem(Utf8JsonWriter writer, string problem)
    {
        if (problem.Length > 0)
            writer.WriteString("problem", problem);
    }

    private static void WriteNumber(Utf8JsonWriter writer, string name, ulong? value)
    {
        if (value is { } number)
            writer.WriteNumber(name, number);
        else
            writer.WriteNull(name);
    }

    private static void WriteArray<T>(Utf8JsonWriter writer, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> write)
    {
        writer.WriteStartArray(name);
        foreach (T item in items)
        {
            writer.WriteStartObject();
            write(writer, item);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}

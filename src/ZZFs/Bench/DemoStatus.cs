using System.Text.Json;

namespace ZZFs.Bench;

/// <summary>Reads what <c>zzfs status --json</c> prints.</summary>
public static class DemoStatus
{
    /// <summary>Reads the replicas of both kinds.</summary>
    /// <param name="text">The JSON.</param>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="KeyNotFoundException">A field that must be there is missing.</exception>
    /// <exception cref="InvalidOperationException">A field is of the wrong kind.</exception>
    public static IReadOnlyList<DemoReplica> Parse(string text)
    {
        using var json = JsonDocument.Parse(text);
        var replicas = new List<DemoReplica>();
        var agreement = json.RootElement.GetProperty("agreement");
        var primary = json.RootElement.GetProperty("view").GetUInt64() % (ulong)Math.Max(1, agreement.GetArrayLength());
        foreach (var node in agreement.EnumerateArray())
        {
            var role = (ulong)replicas.Count == primary ? "primary" : "backup";
            replicas.Add(Replica(node, role));
        }

        foreach (var node in json.RootElement.GetProperty("execution").EnumerateArray())
        {
            replicas.Add(Replica(node, node.GetProperty("role").GetString() ?? ""));
        }

        return replicas;
    }

    private static DemoReplica Replica(JsonElement node, string role) => new(
        node.GetProperty("id").GetString() ?? "",
        node.GetProperty("up").GetBoolean() ? role : "down",
        node.GetProperty("executed").GetUInt64(),
        Number(node, "checkpoint") is { } checkpoint ? checkpoint.GetUInt64() : null,
        Number(node, "memoryBytes") is { } memory ? memory.GetInt64() : null,
        Number(node, "cpuSeconds") is { } cpu ? cpu.GetDouble() : null);

    private static JsonElement? Number(JsonElement node, string name) =>
        node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value : null;
}

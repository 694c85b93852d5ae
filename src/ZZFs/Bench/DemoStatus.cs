using System.Text.Json;

namespace ZZFs.Bench;

/// <summary>Reads what <c>zzfs status --json</c> prints. Numbers that are null or absent there are not known.</summary>
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
        foreach (var kind in new[] { "agreement", "execution" })
        {
            replicas.AddRange(json.RootElement.GetProperty(kind).EnumerateArray().Select(Replica));
        }

        return replicas;
    }

    private static DemoReplica Replica(JsonElement node) => new(
        node.GetProperty("id").GetString() ?? "",
        (node.GetProperty("up").GetBoolean() ? node.GetProperty("role").GetString() : null) ?? "down",
        Number(node, "executed") is { } executed ? executed.GetUInt64() : null,
        Number(node, "checkpoint") is { } checkpoint ? checkpoint.GetUInt64() : null,
        Number(node, "memoryBytes") is { } memory ? memory.GetInt64() : null,
        Number(node, "cpuSeconds") is { } cpu ? cpu.GetDouble() : null);

    private static JsonElement? Number(JsonElement node, string name) =>
        node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value : null;
}

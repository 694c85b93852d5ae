using System.Text.Json;

namespace Mounted;

/// <summary>What <c>zzfs status --json</c> prints.</summary>
internal sealed class ClusterStatus(JsonElement root)
{
    public JsonElement Root => root;

    public int F => root.GetProperty("f").GetInt32();

    public ulong View => root.GetProperty("view").GetUInt64();

    public IReadOnlyList<JsonElement> Agreement => [.. root.GetProperty("agreement").EnumerateArray()];

    public IReadOnlyList<JsonElement> Execution => [.. root.GetProperty("execution").EnumerateArray()];

    /// <summary>The primary of the view, and the other agreement replicas.</summary>
    public string Primary => $"a{View % (ulong)Agreement.Count}";

    public IEnumerable<string> Backups => Agreement.Select(Id).Where(id => id != Primary);

    /// <summary>The highest number that any agreement replica has delivered.</summary>
    public ulong Delivered => Agreement.Where(Up).Max(Executed);

    public JsonElement Node(string id) => Agreement.Concat(Execution).Single(node => Id(node) == id);

    public IEnumerable<string> ExecutionIn(string role) => Execution.Where(node => node.GetProperty("role").GetString() == role).Select(Id);

    public static string Id(JsonElement node) => node.GetProperty("id").GetString()!;

    public static bool Up(JsonElement node) => node.GetProperty("up").GetBoolean();

    public static ulong Executed(JsonElement node) => node.GetProperty("executed").GetUInt64();

    /// <summary>All counters of all nodes together.</summary>
    public ulong Counted => Agreement.Concat(Execution)
        .Where(node => node.TryGetProperty("counters", out var counters) && counters.ValueKind == JsonValueKind.Object)
        .SelectMany(node => node.GetProperty("counters").EnumerateObject())
        .Aggregate(0UL, (sum, counter) => sum + counter.Value.GetUInt64());
}

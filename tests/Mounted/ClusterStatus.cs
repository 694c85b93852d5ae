using System.Text.Json;

namespace Mounted;

/// <summary>What <c>zzfs status --json</c> prints.</summary>
internal sealed class ClusterStatus(JsonElement root)
{
    private static readonly string[] Rejections = ["handshake-malformed", "handshake-timeout", "bad-frame", "oversized-frame", "failed-handshake"];

    public JsonElement Root => root;

    public int F => root.GetProperty("f").GetInt32();

    public ulong View => root.GetProperty("view").GetUInt64();

    public IReadOnlyList<JsonElement> Agreement => [.. root.GetProperty("agreement").EnumerateArray()];

    public IReadOnlyList<JsonElement> Execution => [.. root.GetProperty("execution").EnumerateArray()];

    /// <summary>The primary of the view, and the other agreement replicas.</summary>
    public string Primary => $"a{View % (ulong)Agreement.Count}";

    public IEnumerable<string> Backups => Agreement.Select(Id).Where(id => id != Primary);

    /// <summary>The highest number that any agreement replica says it has delivered; 0 when none answers.</summary>
    public ulong Delivered => Agreement.Where(Up).Select(Executed).DefaultIfEmpty().Max();

    public JsonElement Node(string id) => Agreement.Concat(Execution).Single(node => Id(node) == id);

    public IEnumerable<string> ExecutionIn(string role) => Execution.Where(node => node.GetProperty("role").GetString() == role).Select(Id);

    public static string Id(JsonElement node) => node.GetProperty("id").GetString()!;

    public static bool Up(JsonElement node) => node.GetProperty("up").GetBoolean();

    public static ulong Executed(JsonElement node) => node.GetProperty("executed").GetUInt64();

    /// <summary>Connections that a node turned away because what they sent was not what a party sends.</summary>
    public static ulong Rejected(JsonElement node) => node.GetProperty("counters").EnumerateObject()
        .Where(counter => Rejections.Any(name => counter.Name.EndsWith(name, StringComparison.Ordinal)))
        .Aggregate(0UL, (sum, counter) => sum + counter.Value.GetUInt64());
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace ZZFs.Bench;

/// <summary>How results are written as JSON: names in camel case, absent values as null.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PostMarkResult))]
[JsonSerializable(typeof(AndrewResult))]
public sealed partial class BenchJson : JsonSerializerContext
{
    /// <summary>A PostMark result as JSON.</summary>
    public static string Text(PostMarkResult result) => JsonSerializer.Serialize(result, Default.PostMarkResult);

    /// <summary>An Andrew result as JSON.</summary>
    public static string Text(AndrewResult result) => JsonSerializer.Serialize(result, Default.AndrewResult);
}

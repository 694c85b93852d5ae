using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Agreement.Configuration;

/// <summary>
/// Reads one JSON object strictly: a field may appear once, must have its type, and fields that nobody asked for are
/// refused by <see cref="End"/>. A DOM is read instead of generated serializers because every error has to name its field
/// in the file's own words.
/// </summary>
internal sealed class FieldReader
{
    private readonly string file;
    private readonly string path;
    private readonly SortedDictionary<string, JsonElement> fields = new(StringComparer.Ordinal);

    private FieldReader(string file, string path, JsonElement element)
    {
        this.file = file;
        this.path = path;
        if (element.ValueKind != JsonValueKind.Object)
            throw new ConfigurationException($"{file}: {Here} must be an object");
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string name = Decode(() => property.Name) ?? throw new ConfigurationException($"{file}: {Here} has a field name that is not text");
            if (!fields.TryAdd(name, property.Value))
                throw Wrong(name, "is given twice");
        }
    }

    private string Here => path.Length == 0 ? "the file" : path;

    /// <summary>Parses a whole file. The document must stay undisposed while readers are used.</summary>
    public static FieldReader Parse(string file, JsonDocument document) => new(file, "", document.RootElement);

    /// <summary>Parses bytes as JSON; comments and trailing commas are refused.</summary>
    public static JsonDocument ParseDocument(string file, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return JsonDocument.Parse(bytes);
        }
        catch (JsonException error)
        {
            string line = ((error.LineNumber ?? 0) + 1).ToString(CultureInfo.InvariantCulture);
            throw new ConfigurationException($"{file}: line {line} is not valid JSON", error);
        }
    }

    /// <summary>The error that <paramref name="field"/> of this object has.</summary>
    public ConfigurationException Wrong(string field, string what) =>
        new($"{file}: {(path.Length == 0 ? field : $"{path}.{field}")} {what}");

    /// <summary>Text of at least one character.</summary>
    public string Text(string field)
    {
        JsonElement value = Take(field);
        if (value.ValueKind != JsonValueKind.String || Decode(value.GetString) is not { Length: > 0 } text)
            throw Wrong(field, "must be a text that is not empty");
        return text;
    }

    /// <summary>True or false.</summary>
    public bool Flag(string field) => Take(field).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(field, "must be true or false"),
    };

    /// <summary>A whole number within bounds.</summary>
    public ulong Number(string field, ulong minimum, ulong maximum)
    {
        JsonElement value = Take(field);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetUInt64(out ulong number) || number < minimum || number > maximum)
            throw Wrong(field, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {minimum} to {maximum}"));
        return number;
    }

    /// <summary>Exactly <paramref name="length"/> bytes in base64.</summary>
    public byte[] Base64(string field, int length)
    {
        string text = Text(field);
        var bytes = new byte[length];
        // Only the canonical form: two spellings of one key would pass the check for keys given twice.
        if (!Convert.TryFromBase64String(text, bytes, out int written) || written != length || Convert.ToBase64String(bytes) != text)
            throw Wrong(field, string.Create(CultureInfo.InvariantCulture, $"must be {length} bytes in base64"));
        return bytes;
    }

    /// <summary>IP address and port, for example <c>127.0.0.1:7000</c> or <c>[::1]:7000</c>.</summary>
    public IPEndPoint Address(string field)
    {
        if (!IPEndPoint.TryParse(Text(field), out IPEndPoint? address) || address.Port == 0)
            throw Wrong(field, "must be an IP address and a port, like 127.0.0.1:7000");
        return address;
    }

    /// <summary>One of a few words.</summary>
    public T OneOf<T>(string field, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        string text = Text(field);
        foreach ((string word, T value) in choices)
        {
            if (word == text)
                return value;
        }

        var words = new List<string>();
        foreach ((string word, _) in choices)
            words.Add(word);
        throw Wrong(field, "must be " + string.Join(" or ", words));
    }

    /// <summary>An object inside this one.</summary>
    public FieldReader Object(string field) => new(file, path.Length == 0 ? field : $"{path}.{field}", Take(field));

    /// <summary>An array of objects.</summary>
    public List<FieldReader> Objects(string field)
    {
        JsonElement array = Take(field);
        if (array.ValueKind != JsonValueKind.Array)
            throw Wrong(field, "must be an array");
        var objects = new List<FieldReader>();
        foreach (JsonElement element in array.EnumerateArray())
            objects.Add(new FieldReader(file, string.Create(CultureInfo.InvariantCulture, $"{(path.Length == 0 ? "" : path + ".")}{field}[{objects.Count}]"), element));
        return objects;
    }

    /// <summary>Refuses fields that were not asked for.</summary>
    public void End()
    {
        foreach (string unknown in fields.Keys)
            throw Wrong(unknown, "is not a known field");
    }

    /// <summary>Null for what can't be decoded: the parser lets broken UTF-8 and lone surrogates pass until they are read.</summary>
    private static string? Decode(Func<string?> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private JsonElement Take(string field)
    {
        if (!fields.Remove(field, out JsonElement value))
            throw Wrong(field, "is missing");
        return value;
    }
}

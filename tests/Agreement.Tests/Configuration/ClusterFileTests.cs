using System.Text;
using System.Text.Json.Nodes;
using Agreement.Configuration;
using Agreement.Messages;

namespace Agreement.Tests.Configuration;

public class ClusterFileTests
{
    private static readonly byte[] Good = MakeGood();

    public static TheoryData<string> EveryField()
    {
        var paths = new TheoryData<string>();
        Collect(JsonNode.Parse(Good)!.AsObject(), "", paths);
        return paths;
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        ClusterFile cluster = ClusterFileReader.Read("f", Good);
        Assert.Equal(Good, ClusterFileWriter.Write(cluster));
        Assert.Equal(4, cluster.Agreement.Count);
        Assert.Equal(3, cluster.Execution.Count);
        Assert.Equal(InitialRole.Asleep, cluster.Execution[2].InitialRole);
        Assert.Equal(cluster.Execution[1].Address, cluster.AddressOf(PartyId.Execution(1)));
        Assert.Null(cluster.AddressOf(PartyId.Client(0)));
        Assert.Null(cluster.Find(PartyId.Agreement(4)));
        Assert.Equal(4 + 3 + 3 + 4, cluster.PublicKeys().Count);
    }

    [Theory]
    [MemberData(nameof(EveryField))]
    public void A_missing_field_is_named(string path)
    {
        JsonObject root = JsonNode.Parse(Good)!.AsObject();
        (JsonObject owner, string field) = Find(root, path);
        owner.Remove(field);
        Assert.Equal($"f: {path} is missing", Refused(root));
    }

    [Theory]
    [MemberData(nameof(EveryField))]
    public void A_field_of_the_wrong_type_is_named(string path)
    {
        JsonObject root = JsonNode.Parse(Good)!.AsObject();
        (JsonObject owner, string field) = Find(root, path);
        owner[field] = null;
        Assert.StartsWith($"f: {path} must be ", Refused(root), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "colour")]
    [InlineData("agreement[2]", "colour")]
    [InlineData("clients[0].export", "colour")]
    public void An_unknown_field_is_named(string owner, string field)
    {
        JsonObject root = JsonNode.Parse(Good)!.AsObject();
        string path = owner.Length == 0 ? field : $"{owner}.{field}";
        Find(root, path).Owner[field] = 1;
        Assert.Equal($"f: {path} is not a known field", Refused(root));
    }

    [Fact]
    public void A_field_given_twice_is_named()
    {
        string text = Encoding.UTF8.GetString(Good).Replace("\"f\": 1,", "\"f\": 1, \"f\": 1,", StringComparison.Ordinal);
        Assert.Equal("f: f is given twice", Refused(Encoding.UTF8.GetBytes(text)));
    }

    [Theory]
    [InlineData("f", 0, "f: f must be a whole number from 1 to 3")]
    [InlineData("f", 2, "f: agreement must have 7 entries (3f + 1), not 4")]
    [InlineData("version", 2, "f: version must be a whole number from 1 to 1")]
    [InlineData("durability", "sometimes", "f: durability must be fsync or always")]
    [InlineData("volume", "xyz", "f: volume must be 32 hexadecimal digits in lower case")]
    [InlineData("agreement[0].id", "a1", "f: agreement[0].id must be a0")]
    [InlineData("agreement[0].signingKey", "AAAA", "f: agreement[0].signingKey must be 32 bytes in base64")]
    [InlineData("agreement[0].linkKey", "no key", "f: agreement[0].linkKey must be 32 bytes in base64")]
    [InlineData("agreement[0].address", "localhost", "f: agreement[0].address must be an IP address and a port, like 127.0.0.1:7000")]
    [InlineData("execution[0].store", "tape", "f: execution[0].store must be embedded, btrfs:/PATH or zfs:POOL[/DATASET]")]
    [InlineData("execution[0].initialRole", "asleep", "f: execution must have f + 1 = 2 entries with initialRole active, not 1")]
    [InlineData("clients[1].export.squash", "some", "f: clients[1].export.squash must be none or root or all")]
    [InlineData("clients[1].export.subtree", "/a/../b", "f: clients[1].export.subtree must be an absolute path without . and .., like /home")]
    public void A_bad_value_is_named(string path, object value, string message)
    {
        JsonObject root = JsonNode.Parse(Good)!.AsObject();
        (JsonObject owner, string field) = Find(root, path);
        owner[field] = value is int number ? JsonValue.Create(number) : JsonValue.Create((string)value);
        Assert.Equal(message, Refused(root));
    }

    [Theory]
    [InlineData("execution[1].address", "agreement[0].control", "address of e1 is the same as control of a0")]
    [InlineData("clients[3].signingKey", "agreement[1].signingKey", "signingKey of c3 is the same as signingKey of a1")]
    [InlineData("clients[3].certificate", "clients[2].certificate", "certificate of c3 is the same as certificate of c2")]
    [InlineData("administrator", "controllers[0].certificate", "administrator is the same as certificate of h0")]
    public void What_two_parties_share_is_named(string target, string source, string message)
    {
        JsonObject root = JsonNode.Parse(Good)!.AsObject();
        (JsonObject from, string fromField) = Find(root, source);
        (JsonObject to, string toField) = Find(root, target);
        to[toField] = from[fromField]!.DeepClone();
        Assert.Equal("f: " + message, Refused(root));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("\0\u0001")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"version\":1,\"f\":1,\"volume\":\"\\ud800\"}")]
    public void Other_text_is_refused(string text) => Refused(Encoding.UTF8.GetBytes(text));

    [Fact]
    public void Random_damage_never_gets_past_as_another_exception()
    {
        var random = new Random(7);
        for (int round = 0; round < 2000; round++)
        {
            byte[] damaged = [.. Good];
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                ClusterFileReader.Read("f", damaged);
            }
            catch (ConfigurationException error)
            {
                Assert.DoesNotContain('\n', error.Message);
            }
        }
    }

    private static byte[] MakeGood()
    {
        using var folder = new TemporaryFolder();
        var layout = new ClusterLayout(folder.File("cluster"));
        ClusterFactory.Create(layout, new ClusterPlan());
        return File.ReadAllBytes(layout.ClusterFile);
    }

    private static string Refused(JsonNode root) => Refused(Encoding.UTF8.GetBytes(root.ToJsonString()));

    private static string Refused(byte[] json) =>
        Assert.Throws<ConfigurationException>(() => ClusterFileReader.Read("f", json)).Message;

    private static void Collect(JsonObject owner, string prefix, TheoryData<string> paths)
    {
        foreach ((string name, JsonNode? value) in owner)
        {
            paths.Add(prefix + name);
            if (value is JsonObject inner)
                Collect(inner, $"{prefix}{name}.", paths);
            else if (value is JsonArray { Count: > 0 } array)
                Collect(array[0]!.AsObject(), $"{prefix}{name}[0].", paths);
        }
    }

    private static (JsonObject Owner, string Field) Find(JsonObject root, string path)
    {
        string[] names = path.Split('.');
        JsonNode node = root;
        foreach (string name in names[..^1])
        {
            string[] parts = name.Split('[', ']');
            node = node[parts[0]]!;
            if (parts.Length > 1)
                node = node[int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture)]!;
        }

        return (node.AsObject(), names[^1]);
    }
}

using System.Net;
using Agreement.Configuration;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Tests.Configuration;

public class ClusterFactoryTests
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public void Every_party_gets_its_files()
    {
        using var folder = new TemporaryFolder();
        var layout = new ClusterLayout(folder.File("cluster"));
        ClusterFile cluster = ClusterFactory.Create(layout, new ClusterPlan { F = 2, Clients = 2 });
        Assert.Equal(7 + 5 + 5 + 2, cluster.Parties.Count());
        foreach (PartyEntry party in layout.Load().Parties)
        {
            NodeFile node = NodeFile.Load(layout.NodeFile(party.Id));
            string? replica = party is ControllerEntry ? layout.NodeFile(PartyId.Execution((int)party.Id.Index)) : null;
            Assert.Equal(new NodeFile(party.Id, layout.ClusterFile, layout.KeyFile(party.Id), layout.DataFolder(party.Id), replica), node);
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(node.KeyPath));
            using KeyFile key = KeyFile.Load(node.KeyPath);
            Identity identity = key.RequireIdentity(node.KeyPath);
            Assert.True(identity.PublicKeys.SigningKey.Span.SequenceEqual(party.Keys.SigningKey.Span));
            Assert.True(identity.PublicKeys.LinkKey.Span.SequenceEqual(party.Keys.LinkKey.Span));
            Assert.True(key.Certificate.HasPrivateKey);
            Assert.True(KeyFile.Fingerprint(key.Certificate).AsSpan().SequenceEqual(party.Certificate.Span));
        }

        Assert.Equal(OwnerOnly, File.GetUnixFileMode(layout.AuthorityKey));
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        Assert.Throws<ConfigurationException>(() => administrator.RequireIdentity(layout.AdministratorKey));
    }

    [Fact]
    public void A_directory_that_is_in_use_stays_as_it_is()
    {
        using var folder = new TemporaryFolder();
        var layout = new ClusterLayout(folder.File("cluster"));
        ClusterFactory.Create(layout, new ClusterPlan());
        byte[] before = File.ReadAllBytes(layout.ClusterFile);
        var again = Assert.Throws<ConfigurationException>(() => ClusterFactory.Create(layout, new ClusterPlan()));
        Assert.Equal($"{layout.Directory}: there is a cluster already", again.Message);
        Assert.Equal(before, File.ReadAllBytes(layout.ClusterFile));

        File.WriteAllText(folder.File("mine"), "precious");
        var full = Assert.Throws<ConfigurationException>(() => ClusterFactory.Create(new ClusterLayout(folder.Path), new ClusterPlan()));
        Assert.Equal($"{folder.Path}: not an empty directory", full.Message);
        Assert.Equal("precious", File.ReadAllText(folder.File("mine")));
    }

    [Fact]
    public void A_failed_init_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        var layout = new ClusterLayout(folder.File("cluster"));
        // Ports past 65535 can't be written down, which shows only half way through.
        var plan = new ClusterPlan { Hosts = [new IPEndPoint(IPAddress.Loopback, 65_533)] };
        Assert.Throws<ConfigurationException>(() => ClusterFactory.Create(layout, plan));
        Assert.False(Directory.Exists(layout.Directory));
    }

    [Fact]
    public void Hosts_take_turns()
    {
        using var folder = new TemporaryFolder();
        IPEndPoint[] hosts = [IPEndPoint.Parse("192.0.2.1:7000"), IPEndPoint.Parse("192.0.2.2:7000"), IPEndPoint.Parse("[2001:db8::3]:0")];
        ClusterFile cluster = ClusterFactory.Create(new ClusterLayout(folder.File("cluster")), new ClusterPlan { Hosts = hosts });
        Assert.Equal(IPEndPoint.Parse("192.0.2.1:7000"), cluster.Agreement[0].Address);
        Assert.Equal(IPEndPoint.Parse("192.0.2.2:7000"), cluster.Agreement[1].Address);
        Assert.Equal(IPEndPoint.Parse("[2001:db8::3]:7400"), cluster.Agreement[2].Address);
        Assert.Equal(IPEndPoint.Parse("192.0.2.1:7002"), cluster.Agreement[3].Address);
        Assert.Equal(hosts[1].Address, cluster.Controllers[1].Control.Address);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    public void A_key_that_others_can_read_is_refused(UnixFileMode extra)
    {
        using var folder = new TemporaryFolder();
        var layout = new ClusterLayout(folder.File("cluster"));
        ClusterFactory.Create(layout, new ClusterPlan());
        string path = layout.KeyFile(PartyId.Agreement(0));
        File.SetUnixFileMode(path, OwnerOnly | extra);
        var error = Assert.Throws<ConfigurationException>(() => KeyFile.Load(path));
        Assert.Equal($"{path}: the key is open to group or others, so make it private with chmod 600", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN ZZFS PRIVATE KEY-----\nAAAA\n-----END ZZFS PRIVATE KEY-----\n")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void Something_else_is_no_key_file(string text)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("key");
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, OwnerOnly);
        Assert.Equal($"{path}: not a key file of zzfs", Assert.Throws<ConfigurationException>(() => KeyFile.Load(path)).Message);
    }

    [Theory]
    [InlineData("{\"version\":1,\"id\":\"a0\",\"cluster\":\"c\",\"key\":\"k\"}", "data is missing")]
    [InlineData("{\"version\":1,\"id\":\"h0\",\"cluster\":\"c\",\"key\":\"k\",\"data\":\"d\"}", "replica is missing")]
    [InlineData("{\"version\":1,\"id\":\"z0\",\"cluster\":\"c\",\"key\":\"k\",\"data\":\"d\"}", "id must name a party, like a0")]
    [InlineData("{\"version\":1,\"id\":\"a0\",\"cluster\":\"c\",\"key\":\"k\",\"data\":\"d\",\"more\":1}", "more is not a known field")]
    public void A_bad_node_file_is_refused(string json, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("node.json");
        File.WriteAllText(path, json);
        Assert.Equal($"{path}: {message}", Assert.Throws<ConfigurationException>(() => NodeFile.Load(path)).Message);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        Assert.Equal("/nonexistent/node.json: no such file", Assert.Throws<ConfigurationException>(() => NodeFile.Load("/nonexistent/node.json")).Message);
        var empty = new ClusterLayout("/nonexistent");
        Assert.Equal(
            "/nonexistent: not a cluster directory, so make one with zzfs init",
            Assert.Throws<ConfigurationException>(() => empty.Load()).Message);
    }
}

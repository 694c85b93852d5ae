using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Tests.Configuration;

namespace Agreement.Tests.Control;

public sealed class ControlPlaneTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);
    private readonly TemporaryFolder folder = new();
    private readonly ClusterLayout layout;
    private readonly ClusterFile cluster;

    public ControlPlaneTests()
    {
        layout = new ClusterLayout(folder.File("cluster"));
        cluster = ClusterFactory.Create(layout, new ClusterPlan());
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_replica_status_arrives_whole()
    {
        var status = new NodeStatus
        {
            Id = PartyId.Agreement(0),
            Role = "primary",
            View = new View(3),
            Epoch = new Epoch(1),
            Executed = new SequenceNumber(77),
            Checkpoint = new SequenceNumber(64),
            Root = Digest.Of("root"u8),
            Store = "embedded",
            Complete = false,
            Operations = 500,
            Counters = new SortedDictionary<string, ulong>(StringComparer.Ordinal) { ["bad-frame"] = 2 },
        };
        await using ControlServer server = await ServeAsync(PartyId.Agreement(0), new FixedStatus(status));
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        NodeReport report = await client.GetNodeStatusAsync(Bound);
        Assert.Equal(status with { Counters = report.Status.Counters }, report.Status);
        Assert.Equal(2UL, report.Status.Counters["bad-frame"]);
        Assert.Equal(Environment.ProcessId, report.Usage.ProcessId);
        Assert.InRange(report.Usage.MemoryBytes, 1UL << 20, 1UL << 40);
        Assert.True(report.Usage.CpuSeconds > 0);
    }

    [Fact]
    public async Task A_controller_status_arrives_whole()
    {
        var last = new NodeReport(
            new NodeStatus { Id = PartyId.Execution(2), Role = "asleep", Executed = new SequenceNumber(5) }, new ProcessUsage(1, 2, 3));
        var status = new ControllerStatus
        {
            Id = PartyId.Controller(2),
            Replica = PartyId.Execution(2),
            State = ReplicaState.Asleep,
            ReplicaProcess = Environment.ProcessId,
            Restarts = 4,
            Last = last,
            Order = new WakeOrder(new Epoch(7), OrderKind.Wake),
            ShallRun = true,
            Counters = new SortedDictionary<string, ulong>(StringComparer.Ordinal) { ["votes-old"] = 3 },
        };
        using KeyFile own = KeyFile.Load(layout.KeyFile(PartyId.Controller(2)));
        await using ControlServer server = await ControlServer.StartAsync(
            cluster, cluster.ControlOf(PartyId.Controller(2))!, own.Certificate, new FixedControllerStatus(status), new FixedControllerStatus(status));
        using KeyFile caller = KeyFile.Load(layout.KeyFile(PartyId.Client(0)));
        using var client = new ControlClient(cluster, PartyId.Controller(2), caller.Certificate);
        ControllerReport report = await client.GetControllerStatusAsync(Bound);
        Assert.Equal(new SequenceNumber(5), report.Status.Last!.Status.Executed);
        Assert.Equal(last.Usage, report.Status.Last.Usage);
        Assert.Equal(status with { Last = report.Status.Last, Counters = report.Status.Counters }, report.Status);
        Assert.Equal(3UL, report.Status.Counters["votes-old"]);
        Assert.Equal(Environment.ProcessId, report.ReplicaUsage!.ProcessId);
    }

    [Fact]
    public async Task A_stranger_is_refused_and_counted()
    {
        await using ControlServer server = await ServeAsync(PartyId.Agreement(0));
        // The same names, made by the same program, for another cluster.
        var otherLayout = new ClusterLayout(folder.File("other"));
        ClusterFactory.Create(otherLayout, new ClusterPlan());
        using KeyFile stranger = KeyFile.Load(otherLayout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), stranger.Certificate);
        await Assert.ThrowsAsync<ControlException>(() => client.GetNodeStatusAsync(Bound));
        Assert.True(server.Counters["control-unknown-certificate"] >= 1);
        await WaitUntilAsync(() => server.Counters["control-failed-handshake"] >= 1);
    }

    [Fact]
    public async Task Who_shows_no_certificate_is_refused_and_counted()
    {
        await using ControlServer server = await ServeAsync(PartyId.Agreement(0));
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var http = new HttpClient(handler);
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync(new Uri($"https://{cluster.ControlOf(PartyId.Agreement(0))}/")));
        Assert.True(server.Counters["control-unknown-certificate"] >= 1);
    }

    [Fact]
    public async Task A_server_with_another_certificate_is_not_believed()
    {
        using KeyFile wrong = KeyFile.Load(layout.KeyFile(PartyId.Agreement(1)));
        await using ControlServer server = await ControlServer.StartAsync(
            cluster, cluster.ControlOf(PartyId.Agreement(0))!, wrong.Certificate, new FixedStatus(PartyId.Agreement(0)));
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        var error = await Assert.ThrowsAsync<ControlException>(() => client.GetNodeStatusAsync(Bound));
        Assert.Equal("has another certificate than the cluster file says", error.Message);
    }

    [Fact]
    public async Task A_server_that_lies_about_its_name_is_not_believed()
    {
        await using ControlServer server = await ServeAsync(PartyId.Agreement(0), new FixedStatus(PartyId.Agreement(1)));
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        var error = await Assert.ThrowsAsync<ControlException>(() => client.GetNodeStatusAsync(Bound));
        Assert.Equal("calls itself a1", error.Message);
    }

    [Fact]
    public async Task Random_bytes_are_counted_and_harm_nobody()
    {
        await using ControlServer server = await ServeAsync(PartyId.Agreement(0));
        var random = new Random(3);
        for (int round = 0; round < 20; round++)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(cluster.ControlOf(PartyId.Agreement(0))!);
            var noise = new byte[random.Next(1, 4000)];
            random.NextBytes(noise);
            await socket.SendAsync(noise);
            socket.Shutdown(SocketShutdown.Send);
        }

        await WaitUntilAsync(() => server.Counters["control-failed-handshake"] == 20);
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        NodeReport report = await client.GetNodeStatusAsync(Bound);
        Assert.Equal(20UL, report.Status.Counters["control-failed-handshake"]);
    }

    [Fact]
    public async Task A_mute_server_costs_only_the_bound()
    {
        using var mute = new Socket(SocketType.Stream, ProtocolType.Tcp);
        mute.Bind(cluster.ControlOf(PartyId.Agreement(0))!);
        mute.Listen();
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        var error = await Assert.ThrowsAsync<ControlException>(() => client.GetNodeStatusAsync(TimeSpan.FromMilliseconds(200)));
        Assert.Equal("did not answer in time", error.Message);
    }

    [Fact]
    public async Task A_dead_server_is_said_to_be()
    {
        using KeyFile administrator = KeyFile.Load(layout.AdministratorKey);
        using var client = new ControlClient(cluster, PartyId.Agreement(0), administrator.Certificate);
        var error = await Assert.ThrowsAsync<ControlException>(() => client.GetNodeStatusAsync(Bound));
        Assert.Equal("can't be reached", error.Message);
    }

    [Fact]
    public async Task An_address_in_use_is_named()
    {
        IPEndPoint address = cluster.ControlOf(PartyId.Agreement(0))!;
        using var other = new Socket(SocketType.Stream, ProtocolType.Tcp);
        other.Bind(address);
        other.Listen();
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => ServeAsync(PartyId.Agreement(0)));
        Assert.Equal($"control address {address} is in use by another program", error.Message);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var bound = new CancellationTokenSource(Bound);
        while (!condition())
            await timer.WaitForNextTickAsync(bound.Token);
    }

    private Task<ControlServer> ServeAsync(PartyId party) => ServeAsync(party, new FixedStatus(party));

    private async Task<ControlServer> ServeAsync(PartyId party, INodeStatusSource source)
    {
        // The server keeps the certificate as long as it runs, so the key file is left to the finalizer.
        X509Certificate2 own = KeyFile.Load(layout.KeyFile(party)).Certificate;
        return await ControlServer.StartAsync(cluster, cluster.ControlOf(party)!, own, source);
    }

    private sealed class FixedStatus(NodeStatus status) : INodeStatusSource
    {
        public FixedStatus(PartyId party)
            : this(new NodeStatus { Id = party, Role = "backup" })
        {
        }

        public NodeStatus Current => status;
    }

    private sealed class FixedControllerStatus(ControllerStatus status) : IControllerStatusSource, IVoteSink
    {
        public ControllerStatus Current => status;

        public WakeOrder? Take(IReadOnlyList<ReadOnlyMemory<byte>> votes) => null;
    }
}

using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Messages;
using Agreement.Tests.Configuration;

namespace Agreement.Tests.Control;

public sealed class ControllerLinksTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private readonly TemporaryFolder folder = new();
    private readonly ClusterLayout layout;
    private readonly ClusterFile cluster;
    private readonly KeyFile key;

    public ControllerLinksTests()
    {
        layout = new ClusterLayout(folder.File("cluster"));
        cluster = ClusterFactory.Create(layout, new ClusterPlan());
        key = KeyFile.Load(layout.KeyFile(PartyId.Agreement(0)));
    }

    public void Dispose()
    {
        key.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task What_is_sent_arrives_whole_and_only_where_it_shall()
    {
        var sinks = new Sink[] { new(), new(), new() };
        await using ControlServer first = await ServeAsync(0, sinks[0]);
        await using ControlServer second = await ServeAsync(1, sinks[1]);
        await using ControlServer third = await ServeAsync(2, sinks[2]);
        using var links = new ControllerLinks(cluster, key.Certificate, Bound);
        links.SendToControllers(new byte[] { 1, 2 });
        links.SendToController(1, new byte[] { 3 });
        await UntilAsync(() => sinks.All(sink => sink.Has("0102")) && sinks[1].Has("03"));
        Assert.False(sinks[0].Has("03"));
        Assert.False(sinks[2].Has("03"));
        await UntilAsync(() => Counters(links).GetValueOrDefault("controller-calls") >= 3);
        Assert.Equal(0UL, Counters(links)["controller-calls-failed"]);
    }

    [Fact]
    public async Task One_call_is_under_way_at_a_time_and_the_newest_votes_win()
    {
        var sink = new Sink { IsHeld = true };
        await using ControlServer server = await ServeAsync(0, sink);
        using var links = new ControllerLinks(cluster, key.Certificate, Bound);
        links.SendToController(0, new byte[] { 0 });
        await UntilAsync(() => sink.Calls == 1);
        for (byte i = 1; i <= 100; i++)
        {
            links.SendToController(0, new[] { i });
            links.SendToController(0, new[] { i });
        }

        Assert.Equal(1, sink.Calls);
        sink.IsHeld = false;
        await UntilAsync(() => sink.Has("64"));
        Assert.Equal(2, sink.Calls);
        Assert.Equal([.. Enumerable.Range(101 - Limits.MaximumVotesPerCall, Limits.MaximumVotesPerCall).Select(i => $"{i:X2}")], sink.Last);
    }

    [Fact]
    public async Task A_caller_may_use_its_buffer_again()
    {
        var sink = new Sink();
        await using ControlServer server = await ServeAsync(0, sink);
        using var links = new ControllerLinks(cluster, key.Certificate, Bound);
        byte[] buffer = [7, 7];
        links.SendToController(0, buffer);
        buffer.AsSpan().Clear();
        await UntilAsync(() => sink.Calls == 1);
        Assert.True(sink.Has("0707"));
    }

    [Fact]
    public async Task A_mute_controller_holds_up_neither_the_caller_nor_the_others()
    {
        using var mute = new Socket(SocketType.Stream, ProtocolType.Tcp);
        mute.Bind(cluster.ControlOf(PartyId.Controller(0))!);
        mute.Listen();
        var sink = new Sink();
        await using ControlServer server = await ServeAsync(1, sink);
        using var links = new ControllerLinks(cluster, key.Certificate, TimeSpan.FromMilliseconds(200));
        var all = Stopwatch.StartNew();
        for (int i = 0; i < 1000; i++)
            links.SendToControllers(BitConverter.GetBytes(i));
        Assert.True(all.Elapsed < TimeSpan.FromSeconds(1), $"{all.Elapsed}");
        await UntilAsync(() =>
        {
            links.SendToController(1, "again"u8.ToArray());
            return sink.Has(Convert.ToHexString("again"u8));
        });
        await UntilAsync(() => Counters(links)["controller-calls-failed"] >= 2);
    }

    [Fact]
    public async Task A_controller_that_comes_later_is_reached_at_the_next_vote()
    {
        using var links = new ControllerLinks(cluster, key.Certificate, Bound);
        links.SendToController(0, new byte[] { 1 });
        await UntilAsync(() => Counters(links).GetValueOrDefault("controller-calls-failed") == 1);
        var sink = new Sink();
        await using ControlServer server = await ServeAsync(0, sink);
        links.SendToController(0, new byte[] { 2 });
        await UntilAsync(() => sink.Has("02"));
        Assert.False(sink.Has("01"));
    }

    [Fact]
    public async Task A_caller_has_one_call_served_at_a_time_and_does_not_keep_others_out()
    {
        var sink = new Sink { IsHeld = true };
        await using ControlServer server = await ServeAsync(0, sink);
        using var greedy = new ControlClient(cluster, PartyId.Controller(0), key.Certificate);
        Task<WakeOrder?> first = greedy.TakeVotesAsync([new byte[] { 1 }], Bound);
        await UntilAsync(() => sink.Calls == 1);
        ControlException error = await Assert.ThrowsAsync<ControlException>(() => greedy.TakeVotesAsync([new byte[] { 2 }], Bound));
        Assert.Equal("refused the call (ResourceExhausted)", error.Message);
        using KeyFile other = KeyFile.Load(layout.KeyFile(PartyId.Agreement(1)));
        using var patient = new ControlClient(cluster, PartyId.Controller(0), other.Certificate);
        Task<WakeOrder?> second = patient.TakeVotesAsync([new byte[] { 3 }], Bound);
        await UntilAsync(() => sink.Calls == 2);
        sink.IsHeld = false;
        await Task.WhenAll(first, second);
        await greedy.TakeVotesAsync([new byte[] { 4 }], Bound);
    }

    private static SortedDictionary<string, ulong> Counters(ControllerLinks links)
    {
        var counters = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        links.AddTo(counters);
        return counters;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var bound = new CancellationTokenSource(Bound);
        while (!condition())
            await timer.WaitForNextTickAsync(bound.Token);
    }

    private async Task<ControlServer> ServeAsync(int controller, Sink sink)
    {
        PartyId id = PartyId.Controller(controller);
        // The server keeps the certificate as long as it runs, so the key file is left to the finalizer.
        X509Certificate2 own = KeyFile.Load(layout.KeyFile(id)).Certificate;
        return await ControlServer.StartAsync(cluster, cluster.ControlOf(id)!, own, sink, sink);
    }

    /// <summary>Takes everything, and can be made to hold on to calls.</summary>
    private sealed class Sink : IVoteSink, IControllerStatusSource
    {
        private readonly Lock gate = new();
        private readonly HashSet<string> seen = [];
        private readonly ManualResetEventSlim free = new(initialState: true);
        private int calls;

        public ControllerStatus Current => throw new NotSupportedException();

        public int Calls => Volatile.Read(ref calls);

        public bool IsHeld
        {
            set
            {
                if (value)
                    free.Reset();
                else
                    free.Set();
            }
        }

        public string[] Last { get; private set; } = [];

        public bool Has(string hex)
        {
            lock (gate)
                return seen.Contains(hex);
        }

        public WakeOrder? Take(IReadOnlyList<ReadOnlyMemory<byte>> votes)
        {
            Interlocked.Increment(ref calls);
            free.Wait();
            lock (gate)
            {
                Last = [.. votes.Select(vote => Convert.ToHexString(vote.Span))];
                seen.UnionWith(Last);
            }

            return null;
        }
    }
}

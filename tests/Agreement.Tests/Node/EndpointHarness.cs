using System.Diagnostics;
using System.Net;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;

namespace Agreement.Tests.Node;

/// <summary>Endpoints of several parties on loopback sockets, all on loops of the test's own thread.</summary>
internal sealed class EndpointHarness : IDisposable
{
    public static readonly PartyId A0 = PartyId.Agreement(0);
    public static readonly PartyId A1 = PartyId.Agreement(1);
    public static readonly PartyId E0 = PartyId.Execution(0);
    public static readonly PartyId C0 = PartyId.Client(0);

    public static readonly LinkOptions Fast = new()
    {
        KeepAliveInterval = TimeSpan.FromMilliseconds(20),
        MaximumBackOff = TimeSpan.FromMilliseconds(50),
    };

    private readonly Dictionary<PartyId, Identity> identities = [];
    private readonly Dictionary<PartyId, PartyPublicKeys> parties = [];
    private readonly List<IDisposable> owned = [];

    public EndpointHarness(params PartyId[] known)
    {
        foreach (PartyId party in known.Length > 0 ? known : [A0, A1, E0, C0])
        {
            identities[party] = Identity.Generate();
            parties[party] = identities[party].PublicKeys;
        }
    }

    public EventLoop Loop { get; } = new();

    public static byte[] Volume => "volume-1"u8.ToArray();

    public Identity IdentityOf(PartyId party) => identities[party];

    public PartyPublicKeys KeysOf(PartyId party) => parties[party];

    public TestEndpoint Start(
        PartyId party, LinkOptions? options = null, EventLoop? loop = null, Identity? identity = null, byte[]? volume = null, int seed = 1)
    {
        var endpoint = new TestEndpoint(
            loop ?? Loop, party, identity ?? identities[party], parties, volume ?? Volume, options ?? Fast, new Random(seed));
        owned.Add(endpoint);
        return endpoint;
    }

    /// <summary>A loop that stands for another process: frozen unless it is turned.</summary>
    public EventLoop NewLoop()
    {
        var loop = new EventLoop();
        owned.Insert(0, loop);
        return loop;
    }

    /// <summary>Turns the loop until the condition holds; fails after ten seconds.</summary>
    public void RunUntil(Func<bool> condition, params EventLoop[] others)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(10), "the awaited state never came");
            Loop.RunTurn(others.Length == 0 ? 20 : 1);
            foreach (EventLoop other in others)
                other.RunTurn(1);
        }
    }

    /// <summary>Two parties with a link that <paramref name="dialling"/> dialled.</summary>
    public void Connect(TestEndpoint dialling, TestEndpoint listening)
    {
        dialling.Links.Dial(listening.Self, listening.Listen());
        RunUntil(() => dialling.Links.IsConnected(listening.Self) && listening.Links.IsConnected(dialling.Self));
    }

    public void Dispose()
    {
        foreach (IDisposable one in Enumerable.Reverse(owned))
            one.Dispose();
        Loop.Dispose();
        foreach (Identity identity in identities.Values)
            identity.Dispose();
    }
}

/// <summary>An endpoint that records what it hears.</summary>
internal sealed class TestEndpoint : IEndpointEvents, IDisposable
{
    private IPEndPoint? address;

    public TestEndpoint(
        IEventLoop loop,
        PartyId self,
        Identity identity,
        IReadOnlyDictionary<PartyId, PartyPublicKeys> parties,
        byte[] volume,
        LinkOptions options,
        Random random)
    {
        Self = self;
        Links = new Endpoint(loop, self, identity, parties, volume, this, options, random)
        {
            Refused = (peer, reason) => Refusals.Add((peer, reason)),
        };
    }

    public PartyId Self { get; }

    public Endpoint Links { get; }

    public List<(PartyId From, byte[] Message)> Messages { get; } = [];

    public List<string> Changes { get; } = [];

    public List<(PartyId Peer, RefusalReason Reason)> Refusals { get; } = [];

    public Action<PartyId, ReadOnlyMemory<byte>>? Handler { get; set; }

    public ulong Counter(string name) => Links.CountersSnapshot()[name];

    public IPEndPoint Listen(int port = 0) => address ??= Links.Listen(new IPEndPoint(IPAddress.Loopback, port));

    public void OnMessage(PartyId from, ReadOnlyMemory<byte> message)
    {
        if (Handler is not null)
            Handler(from, message);
        else
            Messages.Add((from, message.ToArray()));
    }

    public void OnConnected(PartyId party) => Changes.Add("+" + party);

    public void OnDisconnected(PartyId party) => Changes.Add("-" + party);

    public void Dispose() => Links.Dispose();
}

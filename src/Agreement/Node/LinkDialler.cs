using System.Net;
using System.Net.Sockets;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>
/// Keeps a link with one party: dials until there is one, whoever of the two made it, and again when it is lost, after a
/// delay that doubles from failure to failure.
/// </summary>
internal sealed class LinkDialler(Endpoint endpoint, PartyId party, EndPoint address, Random random) : IDisposable
{
    private TimeSpan backOff = endpoint.Options.MinimumBackOff;
    private IDisposable? timer;
    private bool resolving;
    private bool disposed;
    private int attempts;

    /// <summary>The connection that is not up yet, if any.</summary>
    public Link? Attempt { get; private set; }

    /// <summary>Dials in the next turn.</summary>
    public void Start() => timer = endpoint.Loop.Schedule(TimeSpan.Zero, Dial);

    /// <summary>The attempt became the link of the party.</summary>
    public void OnUp() => Attempt = null;

    /// <summary>A connection with the party ended: the attempt, or the link whoever dialled it.</summary>
    public void OnClosed(Link link, LinkState last)
    {
        if (link == Attempt)
            Attempt = null;
        // A link that breaks soon after it came up is a failure too: else two processes with one key, which replace each
        // other, would do so without a pause.
        long upMilliseconds = endpoint.Loop.NowMilliseconds - link.UpSinceMilliseconds;
        if (last == LinkState.Up && upMilliseconds >= (long)endpoint.Options.MaximumBackOff.TotalMilliseconds)
            backOff = endpoint.Options.MinimumBackOff;
        DialLater();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        disposed = true;
        timer?.Dispose();
        Attempt?.Close(LinkCounter.PeerClosed);
    }

    private void DialLater()
    {
        if (disposed || timer is not null || Attempt is not null || resolving)
            return;
        // Half of it fixed, half of it random, so that parties that lost each other together don't return together.
        timer = endpoint.Loop.Schedule(backOff * (0.5 + (0.5 * random.NextDouble())), Dial);
        backOff = backOff * 2 < endpoint.Options.MaximumBackOff ? backOff * 2 : endpoint.Options.MaximumBackOff;
    }

    private void Dial()
    {
        timer = null;
        if (endpoint.IsConnected(party))
            return;
        if (address is IPEndPoint resolved)
            Connect(resolved);
        else
            _ = ResolveAndConnect((DnsEndPoint)address);
    }

    private void Connect(IPEndPoint resolved)
    {
        if (LinkSocket.TryConnect(resolved, endpoint.Options.SilenceTimeout, out LinkSocket socket))
        {
            Attempt = Link.Dial(endpoint, socket, party);
            return;
        }

        endpoint.Counters.Count(LinkCounter.DialFailed);
        DialLater();
    }

    // A name is resolved at each attempt, so that a party that moved is found again.
    private async Task ResolveAndConnect(DnsEndPoint name)
    {
        resolving = true;
        IPAddress[] found = [];
        try
        {
            found = await Dns.GetHostAddressesAsync(name.Host, name.AddressFamily);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // No such name, or no name server: the same to us as an address that does not answer.
        }

        resolving = false;
        if (disposed || endpoint.IsConnected(party))
            return;
        if (found.Length > 0)
        {
            Connect(new IPEndPoint(found[attempts++ % found.Length], name.Port));
            return;
        }

        endpoint.Counters.Count(LinkCounter.DialFailed);
        DialLater();
    }
}

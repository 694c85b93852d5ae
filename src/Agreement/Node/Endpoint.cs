using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>
/// The links of one party, one for each peer, over TCP. It dials whom it was told to and accepts whom it knows; who the
/// peer is was proven by the handshake. All members belong to the loop's thread.
/// </summary>
/// <remarks>
/// When a second connection of the same party arrives, the newer one counts, since a party that dials again has lost the
/// older one; except for a client whose link is alive: there somebody else mounts with the same key, and hears so
/// (<see cref="Refused"/>). When two parties dial each other at once, the connection of the lower <see cref="PartyId"/> stays.
/// </remarks>
public sealed partial class Endpoint : IEndpoint, IDisposable
{
    private readonly PartyId self;
    private readonly Dictionary<PartyId, PartyPublicKeys> parties;
    private readonly Random random;
    private readonly Dictionary<PartyId, Link> links = [];
    private readonly Dictionary<PartyId, LinkDialler> diallers = [];
    private readonly List<Link> toFlush = [];
    private readonly List<Link> ticking = [];
    private readonly Action flushAll;
    private IDisposable? tick;
    private bool disposed;

    /// <summary>Makes an endpoint without links.</summary>
    /// <param name="loop">Drives it, from now on.</param>
    /// <param name="self">The party that it speaks for.</param>
    /// <param name="identity">That party's private keys; stays with the caller, who must keep it until this is disposed.</param>
    /// <param name="parties">The public keys of everybody who may connect or be dialled; copied.</param>
    /// <param name="volumeId">Names the volume; parties of different volumes don't understand each other. Copied.</param>
    /// <param name="events">Hears of messages and links, and may call back into this object.</param>
    /// <param name="options">Times and bounds; null for the defaults.</param>
    /// <param name="random">For the jitter of dialling.</param>
    public Endpoint(
        IEventLoop loop,
        PartyId self,
        Identity identity,
        IReadOnlyDictionary<PartyId, PartyPublicKeys> parties,
        ReadOnlySpan<byte> volumeId,
        IEndpointEvents events,
        LinkOptions? options,
        Random random)
    {
        Loop = loop;
        this.self = self;
        Identity = identity;
        this.parties = new Dictionary<PartyId, PartyPublicKeys>(parties);
        Prologue = [.. "zzfs link 1\0"u8, .. volumeId];
        Events = events;
        Options = options ?? new LinkOptions();
        this.random = random;
        flushAll = FlushAll;
        clearHandshakeBudget = () => handshakesThisTurn = 0;
        tick = loop.Schedule(Options.KeepAliveInterval, Tick);
    }

    /// <summary>
    /// Called when a peer closes a link and says why; <see cref="RefusalReason.AlreadyConnected"/> means that another
    /// mount uses this client's key. The endpoint goes on dialling.
    /// </summary>
    public Action<PartyId, RefusalReason>? Refused { get; set; }

    internal IEventLoop Loop { get; }

    internal Identity Identity { get; }

    internal IEndpointEvents Events { get; }

    internal LinkOptions Options { get; }

    internal LinkCounters Counters { get; } = new();

    /// <summary>What both ends of a handshake must agree on: the protocol, its version, and the volume.</summary>
    internal byte[] Prologue { get; }

    /// <summary>Memory that the buffers of all links hold, in bytes.</summary>
    internal long BufferBytes
    {
        get
        {
            long sum = 0;
            foreach (Link link in links.Values)
                sum += link.BufferBytes;
            return sum;
        }
    }

    /// <summary>Counted rejections, failures and traffic since the start, by name.</summary>
    public SortedDictionary<string, ulong> CountersSnapshot() => Counters.Snapshot();

    /// <summary>Keeps a link with a party: dials it from now on whenever there is none.</summary>
    /// <param name="party">One of those whose keys are known.</param>
    /// <param name="address">An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>; dialling a party again replaces it.</param>
    public void Dial(PartyId party, EndPoint address)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (address is not (IPEndPoint or DnsEndPoint))
            throw new ArgumentException("An address is an IP address or a host name, with a port.", nameof(address));
        Invariant.That(parties.ContainsKey(party) && party != self);
        StopDialling(party);
        var dialler = new LinkDialler(this, party, address, random);
        diallers.Add(party, dialler);
        dialler.Start();
    }

    /// <summary>Undoes <see cref="Dial"/>; a link that is up stays.</summary>
    public void StopDialling(PartyId party)
    {
        if (diallers.Remove(party, out LinkDialler? dialler))
            dialler.Dispose();
    }

    /// <summary>Gives a party new keys, or none (null), and closes the links that it made with the old ones.</summary>
    public void SetKeys(PartyId party, PartyPublicKeys? keys)
    {
        if (keys is null)
        {
            parties.Remove(party);
            StopDialling(party);
        }
        else
        {
            parties[party] = keys;
        }

        for (int i = pending.Count - 1; i >= 0; i--)
        {
            if (pending[i].State == LinkState.Confirming && pending[i].Peer == party)
                pending[i].Close(LinkCounter.KeyReplaced);
        }

        if (diallers.TryGetValue(party, out LinkDialler? dialler))
            dialler.Attempt?.Close(LinkCounter.KeyReplaced);
        if (links.TryGetValue(party, out Link? link))
            link.Close(LinkCounter.KeyReplaced);
    }

    /// <inheritdoc/>
    public void Send(PartyId to, ReadOnlySpan<byte> message)
    {
        if (links.TryGetValue(to, out Link? link))
            link.SendFrame(FrameKind.Data, message);
        else
            Counters.Count(LinkCounter.NoLink);
    }

    /// <inheritdoc/>
    public bool IsConnected(PartyId party) => links.ContainsKey(party);

    /// <summary>Closes everything; no event comes afterwards.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        tick?.Dispose();
        StopListening();
        foreach (LinkDialler dialler in diallers.Values)
            dialler.Dispose();
        foreach (Link link in (Link[])[.. pending, .. links.Values])
        {
            // What this turn queued would otherwise be lost.
            link.Flush();
            link.Close(LinkCounter.PeerClosed);
        }
    }

    internal void FlushAtEndOfTurn(Link link)
    {
        if (toFlush.Count == 0)
            Loop.AtEndOfTurn(flushAll);
        toFlush.Add(link);
    }

    internal ReadOnlySpan<byte> LinkKeyOf(PartyId party) => parties[party].LinkKey.Span;

    internal PartyId? FindByLinkKey(ReadOnlySpan<byte> linkKey)
    {
        foreach ((PartyId party, PartyPublicKeys keys) in parties)
        {
            if (party != self && CryptographicOperations.FixedTimeEquals(keys.LinkKey.Span, linkKey))
                return party;
        }

        return null;
    }

    /// <summary>Decides on an incoming connection that proved who it is.</summary>
    internal void Admit(Link link)
    {
        if (links.TryGetValue(link.Peer, out Link? older))
        {
            long quietMilliseconds = Loop.NowMilliseconds - older.LastReceivedMilliseconds;
            if (link.Peer.Role == PartyRole.Client && quietMilliseconds < (long)Options.ClientAliveTime.TotalMilliseconds)
            {
                link.Refuse(RefusalReason.AlreadyConnected, LinkCounter.DuplicateClient);
                return;
            }

            older.Refuse(RefusalReason.Replaced, LinkCounter.Replaced);
        }

        if (diallers.TryGetValue(link.Peer, out LinkDialler? dialler) && dialler.Attempt is Link attempt)
        {
            // Both dialled. The peer may have admitted our attempt only if we have confirmed it; then the same rule on
            // both sides keeps the connection that the lower party dialled.
            if (attempt.State == LinkState.Confirming && self.CompareTo(link.Peer) < 0)
            {
                link.Refuse(RefusalReason.CrossedDial, LinkCounter.CrossedDial);
                return;
            }

            attempt.Close(LinkCounter.CrossedDial);
        }

        // The callbacks of the closing above may have disposed of us, or of the link.
        if (link.State == LinkState.Confirming)
            Establish(link);
    }

    /// <summary>Makes a confirmed connection the link of its party.</summary>
    internal void Establish(Link link)
    {
        pending.Remove(link);
        if (diallers.TryGetValue(link.Peer, out LinkDialler? dialler) && dialler.Attempt == link)
            dialler.OnUp();
        links.Add(link.Peer, link);
        Counters.Count(LinkCounter.Established);
        link.BecomeUp();
        Events.OnConnected(link.Peer);
    }

    internal void OnClosed(Link link, LinkState last, LinkCounter reason)
    {
        Counters.Count(reason);
        if (!link.Outgoing && last != LinkState.Up)
        {
            pending.Remove(link);
            return;
        }

        if (last == LinkState.Up)
            links.Remove(link.Peer);
        if (disposed)
            return;
        if (diallers.TryGetValue(link.Peer, out LinkDialler? dialler))
            dialler.OnClosed(link, last);
        if (last == LinkState.Up)
            Events.OnDisconnected(link.Peer);
    }

    internal void OnRefused(PartyId peer, RefusalReason reason)
    {
        // A crossed dial is settled between the two endpoints; nobody else has anything to do about it.
        if (!disposed && reason != RefusalReason.CrossedDial)
            Refused?.Invoke(peer, reason);
    }

    private void FlushAll()
    {
        // By index: a link that breaks here makes callbacks, which may queue more.
        for (int i = 0; i < toFlush.Count; i++)
            toFlush[i].Flush();
        toFlush.Clear();
    }

    private void Tick()
    {
        tick = Loop.Schedule(Options.KeepAliveInterval, Tick);
        // A copy, since a link that is given up leaves the table.
        ticking.AddRange(links.Values);
        foreach (Link link in CollectionsMarshal.AsSpan(ticking))
        {
            if (link.State == LinkState.Up)
                link.Tick();
        }

        ticking.Clear();
    }
}

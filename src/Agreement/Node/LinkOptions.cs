namespace Agreement.Node;

/// <summary>Times and bounds of links. The defaults suit replicas on a local network and clients anywhere.</summary>
public sealed record LinkOptions
{
    /// <summary>Most bytes that wait for one slow peer; what comes on top is dropped and counted. The queue's memory is at most twice that.</summary>
    public int MaximumQueuedBytes { get; init; } = 64 << 20;

    /// <summary>Most bytes read from one link before the others have their turn.</summary>
    public int ReadBytesPerTurn { get; init; } = 256 << 10;

    /// <summary>Most incoming connections that have not proven who they are; beyond it the oldest makes room.</summary>
    public int MaximumUnauthenticated { get; init; } = 64;

    /// <summary>Connections accepted, and handshakes answered, in one turn: each costs some 0.3 ms of curve arithmetic, which links that are up must not wait for.</summary>
    public int HandshakesPerTurn { get; init; } = 2;

    /// <summary>How long an incoming connection may take to prove who it is.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a dialled address may take to answer at all, before it is dialled afresh.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A link that sent nothing for this long sends a keep-alive frame.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A link on which nothing arrived for this long is closed, and dialled again by whoever dials.</summary>
    public TimeSpan SilenceTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A client's link on which something arrived within this time is alive: a second one of the same key is refused.</summary>
    public TimeSpan ClientAliveTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>First delay before an address is dialled again; doubled after each failure.</summary>
    public TimeSpan MinimumBackOff { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Longest delay before an address is dialled again.</summary>
    public TimeSpan MaximumBackOff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Noise messages between two rekeys; both ends must have the same.</summary>
    public ulong RekeyInterval { get; init; } = Crypto.NoiseCipher.LinkRekeyInterval;
}

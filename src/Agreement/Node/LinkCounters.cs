namespace Agreement.Node;

/// <summary>What is counted about links; the wire has no part in these values.</summary>
internal enum LinkCounter
{
    Established,
    UnknownKey,
    BadFrame,
    OversizedFrame,
    HandshakeTimeout,
    HandshakeMalformed,
    HandshakeRejected,
    TooManyConnections,
    OutOfDescriptors,
    QueueOverflow,
    NoLink,
    DuplicateClient,
    RefusedByPeer,
    Replaced,
    CrossedDial,
    DialFailed,
    PeerClosed,
    PeerSilent,
    KeyReplaced,
    FramesSent,
    FramesReceived,
    BytesSent,
    BytesReceived,
    SendCalls,
    ReceiveCalls,
}

/// <summary>Counters of one endpoint, by <see cref="LinkCounter"/>.</summary>
internal sealed class LinkCounters
{
    private static readonly string[] Names =
    [
        "established",
        "unknown-key",
        "bad-frame",
        "oversized-frame",
        "handshake-timeout",
        "handshake-malformed",
        "handshake-rejected",
        "too-many-connections",
        "out-of-descriptors",
        "queue-overflow",
        "no-link",
        "duplicate-client",
        "refused-by-peer",
        "replaced",
        "crossed-dial",
        "dial-failed",
        "peer-closed",
        "peer-silent",
        "key-replaced",
        "frames-sent",
        "frames-received",
        "bytes-sent",
        "bytes-received",
        "send-calls",
        "receive-calls",
    ];

    private readonly ulong[] values = new ulong[Names.Length];

    /// <summary>Adds to one counter.</summary>
    public void Count(LinkCounter counter, ulong amount = 1) => values[(int)counter] += amount;

    /// <summary>All counters by name, as they are now.</summary>
    public SortedDictionary<string, ulong> Snapshot()
    {
        var snapshot = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        for (int i = 0; i < Names.Length; i++)
            snapshot.Add(Names[i], values[i]);
        return snapshot;
    }
}

namespace Agreement.Node;

/// <summary>What is counted about links; the wire has no part in these values.</summary>
internal enum LinkCounter
{
    /// <summary>Links that came up.</summary>
    Established,

    /// <summary>Handshakes of keys that the cluster file does not name.</summary>
    UnknownKey,

    /// <summary>Links closed over a frame that failed its check, or has a length or kind that no frame has.</summary>
    BadFrame,

    /// <summary>Links closed over a frame beyond the bound.</summary>
    OversizedFrame,

    /// <summary>Connections that did not prove in time who they are.</summary>
    HandshakeTimeout,

    /// <summary>Connections whose handshake message is none: other protocols, other volumes, other keys of ours, noise.</summary>
    HandshakeMalformed,

    /// <summary>Dialled peers that closed instead of answering the handshake: they don't know us, or are not who we think.</summary>
    HandshakeRejected,

    /// <summary>Connections closed, before they proved who they are, to make room for newer ones.</summary>
    TooManyConnections,

    /// <summary>Times that the process had no descriptor left for a connection.</summary>
    OutOfDescriptors,

    /// <summary>Messages dropped because their peer reads too slowly.</summary>
    QueueOverflow,

    /// <summary>Messages dropped because their party had no link.</summary>
    NoLink,

    /// <summary>Connections refused because the client is connected already.</summary>
    DuplicateClient,

    /// <summary>Connections that a peer closed with a reason.</summary>
    RefusedByPeer,

    /// <summary>Links closed in favour of a newer one of the same party.</summary>
    Replaced,

    /// <summary>Connections closed because both sides dialled at once.</summary>
    CrossedDial,

    /// <summary>Dials that did not connect: refused, unreachable, unanswered, or a name that does not resolve.</summary>
    DialFailed,

    /// <summary>Connections that ended at the other side, or were broken in between.</summary>
    PeerClosed,

    /// <summary>Links closed because nothing arrived for too long.</summary>
    PeerSilent,

    /// <summary>Links closed because the party has new keys.</summary>
    KeyReplaced,

    /// <summary>Frames queued, keep-alives included.</summary>
    FramesSent,

    /// <summary>Frames that passed their check, keep-alives included.</summary>
    FramesReceived,

    /// <summary>Bytes that the kernel took, on established links.</summary>
    BytesSent,

    /// <summary>Bytes received on established links.</summary>
    BytesReceived,

    /// <summary>System calls that sent.</summary>
    SendCalls,

    /// <summary>System calls that received.</summary>
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

using Agreement.Messages;

namespace Agreement.Node;

/// <summary>What a node hears from its links, all on the loop's thread.</summary>
public interface IEndpointEvents
{
    /// <summary>
    /// A message arrived on the authenticated link of <paramref name="from"/>. The memory is valid during the call only.
    /// </summary>
    void OnMessage(PartyId from, ReadOnlyMemory<byte> message);

    /// <summary>The link of <paramref name="party"/> is up (for the first time or again): re-send what it may have missed.</summary>
    void OnConnected(PartyId party);

    /// <summary>The link of <paramref name="party"/> is down.</summary>
    void OnDisconnected(PartyId party);
}

/// <summary>The authenticated links of one party: it dials those it was told to, and accepts those that the cluster file knows.</summary>
public interface IEndpoint
{
    /// <summary>
    /// Queues a message for the link of <paramref name="to"/>; everything queued in one turn of the loop leaves in as few
    /// system calls as possible at its end. Without a link, or over the queue's bound, it is dropped and counted: the
    /// protocol re-sends what matters.
    /// </summary>
    void Send(PartyId to, ReadOnlySpan<byte> message);

    /// <summary>Whether the link of <paramref name="party"/> is up.</summary>
    bool IsConnected(PartyId party);
}

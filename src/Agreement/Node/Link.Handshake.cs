using Agreement.Crypto;
using Agreement.Messages;
using NSec.Cryptography;

namespace Agreement.Node;

/// <summary>The opening of a connection, up to the session keys.</summary>
internal sealed partial class Link
{
    private byte[]? handshakeBytes;
    private int handshakeFilled;
    private NoiseHandshake? handshake;
    private IDisposable? deadline;

    /// <summary>Dials; the endpoint hears of the outcome by <see cref="Endpoint.Establish"/> or <see cref="Endpoint.OnClosed"/>.</summary>
    public static Link Dial(Endpoint endpoint, LinkSocket socket, PartyId peer)
    {
        var link = new Link(endpoint, socket, outgoing: true, LinkState.Connecting) { Peer = peer };
        link.deadline = endpoint.Loop.Schedule(endpoint.Options.ConnectTimeout, () => link.Close(LinkCounter.DialFailed));
        endpoint.Loop.WatchWritable(socket.Descriptor, link.onWritable);
        return link;
    }

    /// <summary>Serves a connection that was accepted.</summary>
    public static Link Accept(Endpoint endpoint, LinkSocket socket)
    {
        var link = new Link(endpoint, socket, outgoing: false, LinkState.AwaitingFirst);
        link.deadline = endpoint.Loop.Schedule(endpoint.Options.HandshakeTimeout, () => link.Close(LinkCounter.HandshakeTimeout));
        link.AwaitHandshakeMessage(NoiseHandshake.FirstMessageBytes);
        endpoint.Loop.Register(socket.Descriptor, link.OnReadable);
        return link;
    }

    private void FinishConnect()
    {
        if (!socket.TakeConnectResult())
        {
            Close(LinkCounter.DialFailed);
            return;
        }

        // From here on without a deadline: a frozen peer's kernel accepts the connection, and the peer answers when it
        // thaws. Dialling afresh again and again would fill its backlog meanwhile.
        deadline?.Dispose();
        deadline = null;
        endpoint.Loop.WatchWritable(socket.Descriptor, null);
        endpoint.Loop.Register(socket.Descriptor, OnReadable);
        handshake = NoiseHandshake.Initiate(
            endpoint.Identity.LinkKey,
            Key.Create(KeyAgreementAlgorithm.X25519),
            endpoint.LinkKeyOf(Peer),
            endpoint.Prologue);
        State = LinkState.AwaitingSecond;
        AwaitHandshakeMessage(NoiseHandshake.SecondMessageBytes);
        SendHandshakeMessage();
    }

    private void AwaitHandshakeMessage(int messageBytes)
    {
        // One byte more than the message, to notice a peer that sends more than it may before it is answered.
        handshakeBytes = new byte[messageBytes + 1];
        handshakeFilled = 0;
    }

    private void ReadHandshake()
    {
        // Left in the socket, not in a queue of ours: the loop reports the connection again in the next turn.
        if (!Outgoing && !endpoint.MayAnswerHandshake)
            return;
        int count = socket.Receive(handshakeBytes.AsSpan(handshakeFilled));
        if (count == LinkSocket.WouldBlock)
            return;
        if (count is 0 or LinkSocket.Broken)
        {
            // A responder that does not know us, or is not who we think, just closes.
            Close(Outgoing ? LinkCounter.HandshakeRejected : LinkCounter.PeerClosed);
            return;
        }

        handshakeFilled += count;
        int messageBytes = handshakeBytes!.Length - 1;
        if (handshakeFilled > messageBytes)
            Close(LinkCounter.HandshakeMalformed);
        else if (handshakeFilled >= messageBytes)
            HandleHandshakeMessage(handshakeBytes.AsSpan(0, messageBytes));
    }

    private void HandleHandshakeMessage(ReadOnlySpan<byte> message)
    {
        if (!Outgoing)
        {
            endpoint.CountAnsweredHandshake();
            handshake = NoiseHandshake.Respond(endpoint.Identity.LinkKey, Key.Create(KeyAgreementAlgorithm.X25519), endpoint.Prologue);
        }

        if (!handshake!.TryReadMessage(message, default, out _))
        {
            Close(LinkCounter.HandshakeMalformed);
            return;
        }

        if (!Outgoing)
        {
            if (endpoint.FindByLinkKey(handshake.RemoteStatic) is not PartyId party)
            {
                Close(LinkCounter.UnknownKey);
                return;
            }

            Peer = party;
            if (!SendHandshakeMessage())
                return;
        }

        (sendCipher, receiveCipher) = handshake.Split(endpoint.Options.RekeyInterval);
        received = new LinkBuffer();
        queued = new LinkBuffer();
        State = LinkState.Confirming;
        LastReceivedMilliseconds = endpoint.Loop.NowMilliseconds;
        if (Outgoing)
            SendFrame(FrameKind.KeepAlive, default);
    }

    /// <returns>False when the link was closed instead.</returns>
    private bool SendHandshakeMessage()
    {
        Span<byte> message = stackalloc byte[NoiseHandshake.FirstMessageBytes];
        int messageBytes = handshake!.WriteMessage(default, message);
        // A new socket takes these few bytes at once, or is broken.
        if (messageBytes > 0 && socket.Send(message[..messageBytes]) == messageBytes)
            return true;
        Close(messageBytes == 0 ? LinkCounter.HandshakeMalformed : LinkCounter.PeerClosed);
        return false;
    }

    private void EndHandshake()
    {
        deadline?.Dispose();
        deadline = null;
        handshake?.Dispose();
        handshake = null;
        handshakeBytes = null;
    }
}

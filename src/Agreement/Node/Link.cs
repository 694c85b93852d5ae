using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>The life of a connection, in order.</summary>
internal enum LinkState
{
    /// <summary>Outgoing: TCP connects.</summary>
    Connecting,

    /// <summary>Incoming: waits for the first handshake message.</summary>
    AwaitingFirst,

    /// <summary>Outgoing: sent the first handshake message.</summary>
    AwaitingSecond,

    /// <summary>
    /// Both have session keys. The dialler has sent a keep-alive frame, which proves that its first message was no
    /// replay, and waits for one that says that it is admitted.
    /// </summary>
    Confirming,

    /// <summary>Carries messages.</summary>
    Up,

    /// <summary>Over.</summary>
    Closed,
}

/// <summary>
/// One TCP connection with a peer, from connect or accept to close. It reads, checks and decrypts frames, and queues
/// encrypted ones; <see cref="Endpoint"/> decides whether it may serve as the link of its party.
/// </summary>
internal sealed partial class Link
{
    private readonly Endpoint endpoint;
    private readonly LinkSocket socket;
    private readonly Action onWritable;
    private NoiseCipher? sendCipher;
    private NoiseCipher? receiveCipher;
    private LinkBuffer? received;
    private LinkBuffer? queued;
    private bool flushQueued;
    private bool blocked;
    private bool sentSinceTick;

    private Link(Endpoint endpoint, LinkSocket socket, bool outgoing, LinkState state)
    {
        this.endpoint = endpoint;
        this.socket = socket;
        Outgoing = outgoing;
        State = state;
        onWritable = OnWritable;
    }

    /// <summary>Whether this side dialled.</summary>
    public bool Outgoing { get; }

    /// <summary>Who is at the other end; of an incoming connection known from <see cref="LinkState.Confirming"/> on.</summary>
    public PartyId Peer { get; private set; }

    /// <summary>How far it is.</summary>
    public LinkState State { get; private set; }

    /// <summary>When bytes last arrived on the authenticated link, in the loop's milliseconds.</summary>
    public long LastReceivedMilliseconds { get; private set; }

    /// <summary>When it became <see cref="LinkState.Up"/>, in the loop's milliseconds.</summary>
    public long UpSinceMilliseconds { get; private set; }

    /// <summary>Memory that the buffers hold, in bytes.</summary>
    public int BufferBytes => (received?.Capacity ?? 0) + (queued?.Capacity ?? 0);

    /// <summary>Makes this the link of its party.</summary>
    public void BecomeUp()
    {
        Invariant.That(State == LinkState.Confirming);
        State = LinkState.Up;
        UpSinceMilliseconds = endpoint.Loop.NowMilliseconds;
        EndHandshake();
        // The dialler counts as connected only when it hears this: until then it might still be refused.
        if (!Outgoing)
            SendFrame(FrameKind.KeepAlive, default);
    }

    /// <summary>Queues a frame for the end of the turn; a message over the queue's bound is dropped and counted.</summary>
    public void SendFrame(FrameKind kind, ReadOnlySpan<byte> message)
    {
        Invariant.That(message.Length <= Limits.MaximumFrameBytes);
        int frameBytes = FrameCodec.EncodedBytes(message.Length);
        // Before the encryption: the nonce of a frame that was dropped would be missing at the other end.
        if ((long)queued!.Count + frameBytes > endpoint.Options.MaximumQueuedBytes)
        {
            endpoint.Counters.Count(LinkCounter.QueueOverflow);
            return;
        }

        FrameCodec.Encode(sendCipher!, kind, message, queued.Append(frameBytes));
        endpoint.Counters.Count(LinkCounter.FramesSent);
        sentSinceTick = true;
        if (!flushQueued)
        {
            flushQueued = true;
            endpoint.FlushAtEndOfTurn(this);
        }
    }

    /// <summary>Sends what is queued, in one system call.</summary>
    public void Flush()
    {
        flushQueued = false;
        if (State == LinkState.Closed || blocked || queued is null || queued.Count == 0)
            return;
        int sent = socket.Send(queued.Held);
        endpoint.Counters.Count(LinkCounter.SendCalls);
        if (sent == LinkSocket.Broken)
        {
            Close(LinkCounter.PeerClosed);
            return;
        }

        if (sent > 0)
        {
            endpoint.Counters.Count(LinkCounter.BytesSent, (ulong)sent);
            queued.Consume(sent);
        }

        if (queued.Count > 0)
        {
            blocked = true;
            endpoint.Loop.WatchWritable(socket.Descriptor, onWritable);
        }
    }

    /// <summary>Once per keep-alive interval: shows that this side lives, and gives up a peer that doesn't.</summary>
    public void Tick()
    {
        if (endpoint.Loop.NowMilliseconds - LastReceivedMilliseconds > (long)endpoint.Options.SilenceTimeout.TotalMilliseconds)
        {
            Close(LinkCounter.PeerSilent);
            return;
        }

        if (!sentSinceTick && queued!.Count == 0)
            SendFrame(FrameKind.KeepAlive, default);
        sentSinceTick = false;
        queued!.Trim();
        received!.Trim();
    }

    /// <summary>Tells the peer why, as far as the socket takes it at once, and closes.</summary>
    public void Refuse(RefusalReason reason, LinkCounter counter)
    {
        SendFrame(FrameKind.Refusal, [(byte)reason]);
        Flush();
        Close(counter);
    }

    /// <summary>Closes the connection and tells the endpoint, which counts why. Does nothing the second time.</summary>
    public void Close(LinkCounter reason)
    {
        if (State == LinkState.Closed)
            return;
        LinkState last = State;
        State = LinkState.Closed;
        endpoint.Loop.Unregister(socket.Descriptor);
        socket.Close();
        EndHandshake();
        sendCipher?.Dispose();
        receiveCipher?.Dispose();
        endpoint.OnClosed(this, last, reason);
    }

    private void OnWritable()
    {
        if (State == LinkState.Connecting)
        {
            FinishConnect();
            return;
        }

        blocked = false;
        Flush();
        if (!blocked && State != LinkState.Closed)
            endpoint.Loop.WatchWritable(socket.Descriptor, null);
    }

    private void OnReadable()
    {
        if (State is LinkState.AwaitingFirst or LinkState.AwaitingSecond)
            ReadHandshake();
        else
            ReadFrames();
    }

    private void ReadFrames()
    {
        int budget = endpoint.Options.ReadBytesPerTurn;
        int frameBytes = 0;
        while (budget > 0)
        {
            received!.PrepareToReceive(frameBytes);
            Span<byte> free = received.Free;
            if (free.Length > budget)
                free = free[..budget];
            int count = socket.Receive(free);
            endpoint.Counters.Count(LinkCounter.ReceiveCalls);
            if (count == LinkSocket.WouldBlock)
                return;
            if (count is 0 or LinkSocket.Broken)
            {
                Close(LinkCounter.PeerClosed);
                return;
            }

            endpoint.Counters.Count(LinkCounter.BytesReceived, (ulong)count);
            LastReceivedMilliseconds = endpoint.Loop.NowMilliseconds;
            received.Added(count);
            frameBytes = HandleFrames();
            // A receive that did not fill its buffer emptied the socket: asking again would only cost a system call.
            if (State == LinkState.Closed || count < free.Length)
                return;
            budget -= count;
        }
    }

    /// <returns>Length of the frame that is held in part; 0 when that is not known yet.</returns>
    private int HandleFrames()
    {
        while (State != LinkState.Closed)
        {
            // A newcomer says one thing, which is short.
            int maximumBytes = State == LinkState.Up || Outgoing ? FrameCodec.MaximumEncodedBytes : FrameCodec.EncodedBytes(0);
            switch (FrameCodec.Inspect(received!.Held, maximumBytes, out int frameBytes))
            {
                case FrameStatus.Incomplete:
                    return frameBytes;
                case FrameStatus.Oversized:
                    Close(LinkCounter.OversizedFrame);
                    break;
                case FrameStatus.Malformed:
                    Close(LinkCounter.BadFrame);
                    break;
                case FrameStatus.Whole:
                    HandleFrame(frameBytes);
                    break;
            }
        }

        return 0;
    }

    private void HandleFrame(int frameBytes)
    {
        if (!FrameCodec.TryDecode(receiveCipher!, received!.Held[..frameBytes], out FrameKind kind, out int messageBytes))
        {
            Close(LinkCounter.BadFrame);
            return;
        }

        ReadOnlyMemory<byte> message = received.Slice(FrameCodec.MessageOffset, messageBytes);
        received.Consume(frameBytes);
        endpoint.Counters.Count(LinkCounter.FramesReceived);
        if (State == LinkState.Confirming && !Confirm(kind))
            return;
        switch (kind)
        {
            case FrameKind.Data:
                endpoint.Events.OnMessage(Peer, message);
                break;
            case FrameKind.Refusal:
                var reason = (RefusalReason)message.Span[0];
                Close(LinkCounter.RefusedByPeer);
                endpoint.OnRefused(Peer, reason);
                break;
            default:
                break;
        }
    }

    /// <returns>Whether the frame that confirmed the link is still to be handled.</returns>
    private bool Confirm(FrameKind kind)
    {
        if (Outgoing)
        {
            if (kind == FrameKind.Refusal)
                return true;
            endpoint.Establish(this);
            // What heard of the new link may have closed it.
            return State == LinkState.Up;
        }

        if (kind != FrameKind.KeepAlive)
            Close(LinkCounter.BadFrame);
        else
            endpoint.Admit(this);
        return false;
    }
}

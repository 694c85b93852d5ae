using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace ZZFs.Client;

/// <summary>
/// A client's side of the protocol: learns the cluster's state, opens a session, puts operations into its slots, signs and
/// sends them to all agreement and active execution replicas, collects replies, and sends again what is not answered. A
/// pure state machine; what to send is gathered in <see cref="Output"/>, and answers go to the callback.
/// </summary>
public sealed partial class ClientSession
{
    /// <summary>First time to wait for a reply before sending again, in milliseconds; doubles up to <see cref="MaximumPatience"/>.</summary>
    private const long FirstPatience = 400;

    private const long MaximumPatience = 4000;

    /// <summary>An unused session is renewed this often, in milliseconds; its lease is six times as long.</summary>
    private const long RenewMilliseconds = 20_000;

    /// <summary>How often it asks how the cluster stands while it must, in milliseconds.</summary>
    private const long StateMilliseconds = 500;

    private readonly PartyId self;
    private readonly Quorum quorum;
    private readonly int slotCount;
    private readonly Request.Signer sign;
    private readonly Func<UInt128> nextNonce;
    private readonly Action<PendingRequest, OperationResult> completed;
    private readonly ClusterView cluster;
    private readonly Queue<PendingRequest> waiting = new();
    private readonly uint allAgreement;

    private PendingRequest? opening;
    private PendingRequest? closing;
    private SessionId session;
    private long now;
    private long lastUsed;
    private long stateAskedAt;

    /// <summary>Makes a client without a session.</summary>
    /// <param name="self">Which client.</param>
    /// <param name="quorum">Thresholds.</param>
    /// <param name="slotCount">Operations in flight.</param>
    /// <param name="sign">Signs as this client.</param>
    /// <param name="nextNonce">Gives a fresh random number for each session.</param>
    /// <param name="completed">Called once for each submitted operation, with its certified result.</param>
    /// <param name="semantics">What is known of operations; of <see cref="OpaqueOperations"/> unless told.</param>
    public ClientSession(
        PartyId self,
        Quorum quorum,
        int slotCount,
        Request.Signer sign,
        Func<UInt128> nextNonce,
        Action<PendingRequest, OperationResult> completed,
        IOperationSemantics? semantics = null)
    {
        this.self = self;
        this.quorum = quorum;
        this.slotCount = slotCount;
        this.sign = sign;
        this.nextNonce = nextNonce;
        this.completed = completed;
        this.semantics = semantics ?? new OpaqueOperations();
        unsynced = new UnsyncedOperations(quorum);
        cluster = new ClusterView(quorum);
        slots = new PendingRequest?[slotCount];
        sequences = new ulong[slotCount];
        allAgreement = (1u << quorum.AgreementReplicas) - 1;
    }

    /// <summary>What to send; carry it out and clear it.</summary>
    public Output Output { get; } = new();

    /// <summary>Why messages were refused, and how often.</summary>
    public RejectionCounters Rejections { get; } = new();

    /// <summary>Whether a session is open.</summary>
    public bool IsOpen => session != SessionId.None;

    /// <summary>Mask of the execution replicas that f + 1 agreement replicas name as active; 0 until they did.</summary>
    public uint ActiveExecution => cluster.Current?.Active ?? 0;

    /// <summary>Operations submitted and not completed.</summary>
    public int Unfinished { get; private set; }

    /// <summary>Times a request was sent again.</summary>
    public ulong Resends { get; private set; }

    /// <summary>Tells the time before anything else is called, in monotonic milliseconds.</summary>
    public void SetClock(long milliseconds) => now = milliseconds;

    /// <summary>Submits an encoded operation.</summary>
    public void Submit(PendingRequest request)
    {
        Unfinished++;
        waiting.Enqueue(request);
        FillSlots();
    }

    /// <summary>A link came up: the peer may have missed everything that is under way.</summary>
    public void OnConnected(PartyId party)
    {
        Recipients to = Recipients.One(party);
        if (IsStarved)
            SendWant(to);
        if (opening is not null)
            SendAgain(opening, to);
        foreach (PendingRequest? pending in slots)
        {
            if (pending is not null)
                SendAgain(pending, to);
        }
    }

    // An execution replica may have executed it while its link was down: then only the reply is missing.
    private void SendAgain(PendingRequest pending, in Recipients to)
    {
        if (pending.Request is null)
            return;
        Output.Send(to, pending.Request.Encoded.Span);
        if (to.Execution != 0)
            SendFetchReply(pending, to.Execution);
    }

    /// <summary>An agreement replica says how the cluster stands.</summary>
    public void OnClusterState(in Verified<ClusterState> message)
    {
        if (!cluster.Add((int)message.Sender.Index, message.Value))
            return;
        CheckIncarnation();
        if (!IsOpen && opening is null && closing is null)
            Open();
    }

    /// <summary>An execution replica's reply.</summary>
    public void OnReply(in Verified<Reply> message)
    {
        Reply reply = message.Value;
        if (cluster.Current is not { } state)
            return;
        unsynced.Vouch((int)message.Sender.Index, reply.Incarnation, reply.Synced, state.Active);
        if (FindPending(reply.Session, reply.Slot) is not { Request: { } request } pending
            || reply.SlotSequence != request.SlotSequence
            || reply.RequestDigest != request.Digest
            || reply.Incarnation.CompareTo(openedIn) < 0)
        {
            return;
        }

        ReadOnlyMemory<byte>? certified = pending.Collector!.Add((int)message.Sender.Index, reply, state.Epoch, state.Active);
        if (certified is { } bytes)
            Complete(pending, bytes);
        else if (pending.Collector.LacksBody)
            FetchBody(pending);
    }

    /// <summary>Lets time pass: sends again what is overdue, and renews the session. Call about every 50 ms.</summary>
    public void Tick()
    {
        ulong resends = Resends;
        if (opening is not null)
            ResendIfDue(opening);
        foreach (PendingRequest? pending in slots)
        {
            if (pending is not null)
                ResendIfDue(pending);
        }

        // Replies don't come, or nothing can be asked for: how the cluster stands may have been lost, or have changed.
        if ((cluster.Current is null || Resends > resends) && now - stateAskedAt >= StateMilliseconds)
        {
            stateAskedAt = now;
            MessageWriter writer = Output.BeginMessage();
            int start = writer.Length;
            FetchClusterState.Write(writer);
            Output.EndMessage(start, new Recipients(allAgreement, 0, null));
        }

        // What was waited for may have been lost because the wish was.
        if (IsStarved && Resends > resends)
            SendWant(new Recipients(allAgreement, ActiveExecution, null));

        if (IsOpen && now - lastUsed > RenewMilliseconds)
        {
            lastUsed = now;
            Submit(new PendingRequest(Encode(new SessionOperation(SessionOperationKind.Renew, 0, 0)), RequestFlags.None, null));
        }
    }

    /// <summary>Submits the end of the session, after which nothing may be submitted.</summary>
    /// <param name="tag">Handed back when the session has ended.</param>
    public void Close(object? tag)
    {
        closing = new PendingRequest(Encode(new SessionOperation(SessionOperationKind.Close, 0, 0)), RequestFlags.None, tag);
        Submit(closing);
    }

    private static byte[] Encode(SessionOperation operation)
    {
        var writer = new MessageWriter(32);
        operation.Write(writer);
        return writer.ToArray();
    }

    private void Open()
    {
        nonce = nextNonce();
        SendOpen();
    }

    private void SendOpen()
    {
        openedFor = cluster.Current!.Value.Incarnation;
        opening = new PendingRequest(
            Encode(new SessionOperation(SessionOperationKind.Open, nonce, (ushort)slotCount)), RequestFlags.None, null);
        Start(opening, SessionId.None, 0, 1);
    }

    private void FillSlots()
    {
        if (!IsOpen || waiting.Count == 0 || phase != RecoveryPhase.None || MustDrain())
            return;
        for (int slot = 0; slot < slots.Length && waiting.Count > 0; slot++)
        {
            if (slots[slot] is not null)
                continue;
            PendingRequest next = waiting.Dequeue();
            slots[slot] = next;
            Start(next, session, (ushort)slot, ++sequences[slot]);
        }
    }

    private void Start(PendingRequest pending, SessionId inSession, ushort slot, ulong sequence)
    {
        ClusterState state = cluster.Current!.Value;
        lastUsed = now;
        pending.Request = Request.Create(
            self, pending.Flags, inSession, slot, sequence, openedFor, semantics.ToCluster(pending.Operation).Span, sign);
        pending.Collector = new ReplyCollector(quorum);
        pending.Patience = FirstPatience;
        pending.ResendAt = now + FirstPatience;
        Output.Send(new Recipients(allAgreement, state.Active, null), pending.Request.Encoded.Span);
    }

    private void ResendIfDue(PendingRequest pending)
    {
        if (now < pending.ResendAt || pending.Request is null)
            return;
        Resends++;
        pending.Patience = Math.Min(pending.Patience * 2, MaximumPatience);
        pending.ResendAt = now + pending.Patience;
        ClusterState state = cluster.Current!.Value;
        Output.Send(new Recipients(allAgreement, state.Active, null), pending.Request.Encoded.Span);
        SendFetchReply(pending, state.Active);
    }

    private void SendFetchReply(PendingRequest pending, uint execution)
    {
        Request request = pending.Request!;
        pending.BodyAskedAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new FetchReply(request.Session, request.Slot, request.SlotSequence, request.Digest).Write(writer);
        Output.EndMessage(start, new Recipients(0, execution, null));
    }

    private PendingRequest? FindPending(SessionId inSession, ushort slot)
    {
        if (inSession == SessionId.None)
            return opening;
        return inSession == session && slot < slots.Length ? slots[slot] : null;
    }

    private void Complete(PendingRequest pending, ReadOnlyMemory<byte> bytes)
    {
        // f + 1 replicas vouch for these bytes, so a correct one made them: they must parse.
        Invariant.That(OperationCodec.TryDecodeResult(bytes, out OperationResult result));
        if (pending.Collector!.IsAffirmed)
            BecomeStarved();
        if (pending == opening)
        {
            opening = null;
            Invariant.That(result is { Error: Errno.None, Number: not null });
            if (phase == RecoveryPhase.None)
                Opened(result, pending.Collector!.Incarnation);
            else
                OpenedAgain(result, pending.Collector!.Incarnation);
            return;
        }

        if (result.Error == SessionOperation.SessionEnded)
        {
            SessionEnded();
            return;
        }

        slots[pending.Request!.Slot] = null;
        if (pending.Repeats is { } again)
        {
            Repeated(again, pending, result);
            GoOn();
            return;
        }

        if (pending == draining)
        {
            draining = null;
            unsynced.Settle(pending.Collector.Incarnation, pending.Collector.Number);
            FillSlots();
            return;
        }

        Unfinished--;
        if (pending.Flags.HasFlag(RequestFlags.Sync))
            unsynced.Settle(pending.Collector.Incarnation, pending.Collector.Number);
        result = SettleError(pending, semantics.ToClient(result));
        KeepIfUnsynced(pending, result);
        if (pending == closing)
            session = SessionId.None;
        GoOn();
        FillSlots();
        completed(pending, result);
    }

    private void Opened(OperationResult result, Incarnation logIncarnation)
    {
        openedIn = logIncarnation;
        session = new SessionId(result.Number!.Value);
        Array.Clear(sequences);
        FillSlots();
    }

    // The lease ran out while the cluster was out of reach. What was under way may or may not have happened: EIO.
    private void SessionEnded()
    {
        session = SessionId.None;
        var inFlight = new List<PendingRequest>();
        for (int i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { Repeats: not null })
                OweError();
            else if (slots[i] is { } pending && pending != draining)
                inFlight.Add(pending);
            slots[i] = null;
        }

        // What a new incarnation lost and the session's end keeps from being repeated is lost for good.
        for (int i = 0; i < lost.Count; i++)
            OweError();
        lost.Clear();
        draining = null;
        phase = RecoveryPhase.None;
        inFlight.AddRange(interrupted);
        interrupted.Clear();

        // A session that was to be closed and is no more is closed: it was, but the reply was lost.
        if (closing is null)
            Open();
        foreach (PendingRequest pending in inFlight)
        {
            Unfinished--;
            completed(pending, pending == closing ? OperationResult.Success : OperationResult.Failed(Errno.EIO));
        }
    }
}

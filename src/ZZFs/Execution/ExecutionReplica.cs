using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;

namespace ZZFs.Execution;

/// <summary>
/// An execution replica: executes the ordered batches on its file service, replies to clients, reports to the agreement
/// replicas, and takes checkpoints. A pure state machine beside the service that it drives; what to send is gathered in
/// <see cref="Output"/>.
/// </summary>
/// <remarks>
/// Used from one thread. Its replicated state beside the files (sessions, history, chain, lease clock) is the annex of
/// each checkpoint, so that a crash takes files and annex back to the same number.
/// </remarks>
public sealed partial class ExecutionReplica
{
    private readonly int id;
    private readonly Quorum quorum;
    private readonly ExecutionOptions options;
    private readonly IFileService service;
    private readonly ISignatureChecker signatures;
    private readonly Request.Signer sign;
    private readonly OrderedQueue queue;
    private readonly BodyCache bodies;
    private readonly DurabilityTracker durability;
    private readonly List<Session> expired = [];
    private readonly List<Digest> replyDigests = [];
    private readonly MessageWriter result = new(4096);
    private readonly uint allAgreement;
    private readonly uint initiallyActive;

    // Replicated state, besides what the service holds.
    private SessionTable sessions = new();
    private Incarnation incarnation;
    private Epoch epoch;
    private uint active;
    private Digest history;
    private Digest chain;
    private Timestamp lastTimestamp;

    private long now;
    private long gapSince;
    private long askedAt;
    private long bodiesAskedAt;
    private Digest[] bodiesAskedFor = [];
    private int nextBodySource;

    /// <summary>Makes a replica that stands where its service's last checkpoint does.</summary>
    /// <param name="id">Index of this execution replica.</param>
    /// <param name="quorum">Thresholds.</param>
    /// <param name="options">Settings.</param>
    /// <param name="initiallyActive">Mask of the replicas that are active in epoch 0.</param>
    /// <param name="service">The files; owned by the caller.</param>
    /// <param name="signatures">Checks signatures.</param>
    /// <param name="sign">Signs as this replica.</param>
    /// <exception cref="InvalidDataException">The checkpoint's annex is not one of ours.</exception>
    public ExecutionReplica(
        int id,
        Quorum quorum,
        ExecutionOptions options,
        uint initiallyActive,
        IFileService service,
        ISignatureChecker signatures,
        Request.Signer sign)
    {
        this.id = id;
        this.quorum = quorum;
        this.options = options;
        this.service = service;
        this.signatures = signatures;
        this.sign = sign;
        allAgreement = (1u << quorum.AgreementReplicas) - 1;
        queue = new OrderedQueue(quorum);
        bodies = new BodyCache(options.Exports.Count);
        durability = new DurabilityTracker(quorum);
        named = new Incarnation[quorum.AgreementReplicas];
        starvedIn = new Epoch?[options.Exports.Count];
        this.initiallyActive = initiallyActive;
        ReadCheckpoint();
        logIncarnation = incarnation;
        StartFromCheckpoint();
    }

    /// <summary>What to send; carry it out and clear it.</summary>
    public Output Output { get; } = new();

    /// <summary>Why messages were refused, and how often.</summary>
    public RejectionCounters Rejections { get; } = new();

    /// <summary>Last number executed.</summary>
    public SequenceNumber Executed => queue.Executed;

    /// <summary>Requests executed since the replica started.</summary>
    public ulong Operations { get; private set; }

    /// <summary>The current epoch.</summary>
    public Epoch Epoch => epoch;

    /// <summary>Whether this replica is active in the current epoch.</summary>
    public bool IsActive => (active & (1u << id)) != 0;

    /// <summary>
    /// f + 1 agreement replicas state a history that ours can't lead to: this replica's state is wrong, and it executes no
    /// more.
    /// </summary>
    public bool HasDiverged { get; private set; }

    /// <summary>Whether execution waits at a checkpoint because too many before it are unfinished.</summary>
    public bool AwaitsCheckpoints => due.Value > 0;

    /// <summary>Whether something waits that time may have to help along; else the shell may tick rarely.</summary>
    public bool HasWork => queue.IsBehind || pendingReports.Count > 0 || AwaitsDisks || due.Value > 0;

    // Replies or checkpoints can't leave before 2f + 1 agreement replicas have their numbers on disk.
    private bool AwaitsDisks => heldReplies.Count > 0 || (begun.Count > 0 && begun[0].Number > durability.Durable);

    /// <summary>Tells the time before messages are handed in, in monotonic milliseconds.</summary>
    public void SetClock(long milliseconds) => now = milliseconds;

    /// <summary>A link came up: tells the peer what it may have missed, and asks for what we missed.</summary>
    public void OnConnected(PartyId party)
    {
        if (party.Role != PartyRole.Agreement)
            return;
        AskForOrders(1u << (int)party.Index);
        foreach (Checkpoint checkpoint in ownCheckpoints)
            SendCheckpoint(checkpoint, new Recipients(1u << (int)party.Index, 0, null));
    }

    /// <summary>An agreement replica says that it committed a batch.</summary>
    public void OnOrder(in Verified<Order> message)
    {
        int sender = (int)message.Sender.Index;
        Order order = message.Value;
        Name(sender, order.Incarnation);
        if (order.Incarnation == logIncarnation && durability.Contradicts(order.Number, order.History))
            Contradicted(sender);
        if (!queue.Add(sender, order))
        {
            Rejections.Count(Rejection.OutsideWindow);
            return;
        }

        Execute();
    }

    /// <summary>A client sends a request ahead of its order.</summary>
    public void OnRequest(in Verified<Request> message)
    {
        Request request = message.Value;
        if (message.Sender != request.Client || !bodies.Add(request))
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        if (queue.IsBehind)
            Execute();
    }

    /// <summary>
    /// Bodies that were fetched; each proves itself by the digest that the order names. Others are not taken, since they
    /// would push out what clients sent ahead.
    /// </summary>
    public void OnBodies(in Verified<Bodies> message)
    {
        foreach (ReadOnlyMemory<byte> encoded in message.Value.Requests)
        {
            if (Request.TryParse(encoded.ToArray()) is not { } request)
                Rejections.Count(Rejection.Malformed);
            else if (Array.IndexOf(bodiesAskedFor, request.Digest) >= 0)
                bodies.Add(request);
        }

        Execute();
    }

    /// <summary>An agreement replica says what it has on disk.</summary>
    public void OnSynced(in Verified<Synced> message)
    {
        Name((int)message.Sender.Index, message.Value.Incarnation);
        durability.Add((int)message.Sender.Index, message.Value);
        ReleaseDurable();
    }

    /// <summary>Lets time pass: asks again for what is overdue. Call about every 5 ms while <see cref="HasWork"/>, else every 100.</summary>
    public void Tick()
    {
        FlushReports(force: false);
        long quiet = queue.IsBehind && due.Value == 0 ? options.GapMilliseconds
            : AwaitsDisks ? options.HeldMilliseconds
            : options.QuietMilliseconds;
        if (queue.IsBehind && due.Value == 0 && gapSince == 0)
            gapSince = now;
        if (now - Math.Max(askedAt, gapSince) >= quiet)
            AskForOrders(allAgreement);
        if (queue.IsBehind && now - bodiesAskedAt >= options.BodyMilliseconds)
            Execute();
        ResendCheckpoints();
    }

    /// <summary>One line about where this replica stands, for traces.</summary>
    public override string ToString() =>
        $"executed {Executed} r {logIncarnation} due {due} behind {queue.IsBehind} checkpoint {lastCheckpoint} stable {StableCheckpoint?.Number} begun {begun.Count} unsigned {unsigned.Count} durable {durability.Durable} held {heldReplies.Count}";

    private void AskForOrders(uint mask)
    {
        askedAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        SequenceNumber last = due.Value > 0 ? durability.Known : Executed;
        new FetchOrders(last.Next).Write(writer);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    private void Execute()
    {
        while (!HasDiverged && CheckpointIfDue() && queue.TryFind(Executed.Next, out Order order, out uint senders))
        {
            if (!FetchMissing(order.Batch, senders))
                return;
            Digest next = History.Extend(history, order.Number, order.Batch.Digest);
            if (next != order.History)
            {
                Rejections.Count(Rejection.Mismatch);
                HasDiverged = true;
                return;
            }

            queue.Take();
            gapSince = 0;
            history = next;
            ExecuteBatch(order);
            durability.Extend(order.Number, history);
            ReleaseDurable();
        }
    }

    // Returns whether every body is here; asks one of those who committed the batch for the others.
    private bool FetchMissing(Batch batch, uint senders)
    {
        List<Digest>? missing = null;
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (bodies.Find(batch.Requests[i]) is null)
                (missing ??= []).Add(batch.Requests[i]);
        }

        if (missing is null)
            return true;
        if (bodiesAskedAt != 0 && now - bodiesAskedAt < options.BodyMilliseconds)
            return false;
        bodiesAskedAt = now;
        bodiesAskedFor = [.. missing];
        do
            nextBodySource = (nextBodySource + 1) % quorum.AgreementReplicas;
        while ((senders & (1u << nextBodySource)) == 0);
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        FetchBodies.Write(writer, bodiesAskedFor);
        Output.EndMessage(start, new Recipients(1u << nextBodySource, 0, null));
        return false;
    }

    private void ExecuteBatch(in Order order)
    {
        bodiesAskedAt = 0;
        Batch batch = order.Batch;
        Timestamp time = batch.Timestamp.CompareTo(lastTimestamp) > 0 ? batch.Timestamp : lastTimestamp;
        expired.Clear();
        sessions.Advance(time.Nanoseconds - lastTimestamp.Nanoseconds, expired);
        lastTimestamp = time;
        foreach (Session session in expired)
            service.EndSession(session.Id);
        replyDigests.Clear();
        reportsHurry = false;
        long bodyBytes = 0;
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            // A request may stand twice in a batch; after its first execution its body is still at hand.
            Request request = bodies.Find(batch.Requests[i])!;
            bodyBytes += request.Encoded.Length;
            replyDigests.Add(ExecuteRequest(request, order.Number));
        }

        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (bodies.Find(batch.Requests[i]) is { } request)
                bodies.Remove(request);
        }

        bool beginsEpoch = batch.Kind == EntryKind.Configuration && BeginEpoch(batch);
        if (batch.Kind == EntryKind.Incarnation)
            BeginIncarnation(batch);
        Report(order.Number);
        if (beginsEpoch)
            SpeakInNewEpoch();
        if (schedule.Advance(order.Number, bodyBytes, options.CheckpointInterval))
            due = order.Number;
    }
}

using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Tests.Protocol;

/// <summary>
/// Drives one agreement replica as its shell does: encoded messages in through the inbox, the output of each turn copied
/// out, its records kept as the log from which <see cref="Restart"/> makes the replica anew.
/// </summary>
internal sealed class ReplicaHarness
{
    /// <summary>Wall clock at the start, in nanoseconds.</summary>
    public const long Wall = 1_700_000_000_000_000_000;

    private readonly int id;
    private readonly int clients;
    private AgreementInbox inbox;

    public ReplicaHarness(int id, int faults = 1, ReplicaOptions? options = null, int clients = 2)
    {
        this.id = id;
        this.clients = clients;
        Quorum = new Quorum(faults);
        Options = options ?? new ReplicaOptions { CheckpointInterval = 16, HeldGraceMilliseconds = 0 };
        Replica = Make();
        inbox = new AgreementInbox(Replica);
    }

    public Quorum Quorum { get; }

    public ReplicaOptions Options { get; }

    public Replica Replica { get; private set; }

    /// <summary>All records so far, of former lives too.</summary>
    public List<byte[]> Log { get; } = [];

    /// <summary>Called with each turn's output before it is taken, as a shell persists it.</summary>
    public Action<Output>? Persist { get; set; }

    /// <summary>Monotonic milliseconds; the wall clock moves along.</summary>
    public long Now { get; private set; } = 1000;

    public ulong Rejected(Rejection reason) => Replica.Rejections[reason];

    public Turn Receive(PartyId from, ReadOnlySpan<byte> message)
    {
        SetClock();
        inbox.Deliver(from, message.ToArray());
        return EndTurn();
    }

    public Turn Receive(PartyId from, Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        return Receive(from, writer.Written);
    }

    /// <summary>A request comes over its client's own link.</summary>
    public Turn Receive(Request request) => Receive(request.Client, request.Encoded.Span);

    public Turn PrePrepare(ulong number, Batch batch, int primary = 0, ulong view = 0) =>
        Receive(PartyId.Agreement(primary), new PrePrepare(new View(view), new SequenceNumber(number), batch).Write);

    public Turn Prepare(int sender, ulong number, Digest batch, ulong view = 0) =>
        Receive(PartyId.Agreement(sender), writer => new Vote(new View(view), new SequenceNumber(number), batch).Write(writer, MessageKind.Prepare));

    public Turn Commit(int sender, ulong number, Digest batch, ulong view = 0) =>
        Receive(PartyId.Agreement(sender), writer => new Vote(new View(view), new SequenceNumber(number), batch).Write(writer, MessageKind.Commit));

    /// <summary>A peer's statement that it committed this.</summary>
    public Turn Committed(int sender, Order statement) =>
        Receive(PartyId.Agreement(sender), writer => statement.Write(writer, MessageKind.Committed));

    public Turn Progress(int sender, ulong delivered = 0, ulong low = 0) =>
        Receive(PartyId.Agreement(sender), new Progress(default, true, new SequenceNumber(low), new SequenceNumber(delivered), new SequenceNumber(delivered)).Write);

    public Turn SendBodies(int sender, params Request[] requests) => Receive(PartyId.Agreement(sender), writer =>
    {
        Bodies.WriteHeader(writer, requests.Length);
        foreach (Request request in requests)
            writer.WriteBytes(request.Encoded.Span);
    });

    public Turn Want(int sender, ulong view) => Receive(PartyId.Agreement(sender), new WantView(new View(view)).Write);

    public Turn ViewChange(ViewChange change) => Receive(change.Sender, change.Write);

    public Turn NewView(NewView announced, int sender) => Receive(PartyId.Agreement(sender), announced.Write);

    /// <summary>2f others want a view, and so this replica leaves for it.</summary>
    public Turn LeaveFor(ulong view)
    {
        Turn? last = null;
        for (int peer = 0; peer < Quorum.AgreementReplicas; peer++)
        {
            if (peer != id && Replica.View.Value < view)
                last = Want(peer, view);
        }

        Assert.False(Replica.InView);
        return last!;
    }

    /// <summary>The signed VIEW-CHANGE of a replica.</summary>
    public static ViewChange Change(int sender, ulong view, params ViewChangeEntry[] entries) =>
        new ViewChange(PartyId.Agreement(sender), new View(view), default, false, null, entries, default)
            .Sign(HashSignatures.Of(PartyId.Agreement(sender)));

    /// <summary>What a VIEW-CHANGE says of a number at which this batch was pre-prepared and, if so, prepared in a view.</summary>
    public static ViewChangeEntry Entry(ulong number, Digest batch, ulong view, bool prepared = true) => new(
        new SequenceNumber(number),
        prepared ? new ViewedDigest(new View(view), batch) : null,
        [new ViewedDigest(new View(view), batch)]);

    /// <summary>The signed NEW-VIEW of a view's primary.</summary>
    public static NewView Announce(ulong view, int replicas, params ViewChange[] changes) =>
        new NewView(new View(view), changes, default).Sign(HashSignatures.Of(PartyId.Agreement((int)(view % (ulong)replicas))));

    /// <summary>What an execution replica reports of the last delivered number, unless told otherwise.</summary>
    public ExecReport ReportOf(Digest[] replies, ulong? number = null, ulong epoch = 0) => new(
        Replica.Incarnation, new Epoch(epoch), new SequenceNumber(number ?? Replica.Delivered.Value), Replica.HistoryDigest, default, replies);

    public Turn Report(int sender, ExecReport report) => Receive(PartyId.Execution(sender), report.Write);

    public Turn Report(int sender, params Digest[] replies) => Report(sender, ReportOf(replies));

    public Turn Checkpoint(Checkpoint checkpoint) => Receive(checkpoint.Sender, checkpoint.Write);

    /// <summary>Time passes, and the replica does not hear of it before its next message.</summary>
    public void Skip(long milliseconds) => Now += milliseconds;

    /// <summary>Time passes, and the replica is told.</summary>
    public Turn Tick(long milliseconds)
    {
        Now += milliseconds;
        SetClock();
        Replica.Tick();
        return EndTurn();
    }

    public Turn Connected(PartyId party)
    {
        SetClock();
        Replica.OnConnected(party);
        return EndTurn();
    }

    /// <summary>So many records of this life are on disk.</summary>
    public Turn LogSynced(ulong records)
    {
        SetClock();
        Replica.OnLogSynced(records);
        return EndTurn();
    }

    /// <summary>Has the replica deliver a batch at the next number, with votes of all others.</summary>
    public Turn Deliver(Batch batch)
    {
        ulong number = Replica.Delivered.Value + 1;
        int primary = Replica.Primary;
        if (primary != id)
            PrePrepare(number, batch, primary);
        for (int peer = 0; peer < Quorum.AgreementReplicas; peer++)
        {
            if (peer != id && peer != primary)
                Prepare(peer, number, batch.Digest);
        }

        Turn? last = null;
        for (int peer = 0; peer < Quorum.AgreementReplicas && Replica.Delivered.Value < number; peer++)
        {
            if (peer != id)
                last = Commit(peer, number, batch.Digest);
        }

        Assert.Equal(number, Replica.Delivered.Value);
        return last!;
    }

    /// <summary>The process dies and starts again on its log.</summary>
    public void Restart() => Restart(replica =>
    {
        foreach (byte[] record in Log)
            Assert.True(replica.Restore(record));
        Assert.True(replica.EndRestore());
    });

    /// <summary>The process dies and starts again on what <paramref name="restore"/> gives it.</summary>
    public void Restart(Action<Replica> restore)
    {
        Replica = Make();
        inbox = new AgreementInbox(Replica);
        SetClock();
        restore(Replica);
    }

    /// <summary>
    /// Where the replica stands and what it would tell a peer that knows nothing above the low mark: what a restart must
    /// not change.
    /// </summary>
    public string Describe()
    {
        int peer = id == 0 ? 1 : 0;
        Turn told = Progress(peer, Replica.LowWaterMark.Value, Replica.LowWaterMark.Value);
        return $"low {Replica.LowWaterMark} delivered {Replica.Delivered} {Replica.HistoryDigest}\n"
            + string.Join("\n", told.Messages.Select(message => $"{message.Kind} {Convert.ToHexStringLower(message.Bytes)}"));
    }

    /// <summary>A client's request, signed by it.</summary>
    public static Request Ask(int client, ulong slotSequence, ushort slot = 0, RequestFlags flags = RequestFlags.None, int bytes = 20, ulong session = 1) =>
        Request.Create(
            PartyId.Client(client), flags, new SessionId(session), slot, slotSequence, default, new byte[bytes], HashSignatures.Of(PartyId.Client(client)));

    /// <summary>A batch, by default of the present time.</summary>
    public static Batch Batch(IEnumerable<Request> requests, long after = 0) =>
        new(EntryKind.Requests, new Timestamp(Wall + after), [.. requests.Select(request => request.Digest)]);

    public static Batch Null(long after = 0) => Batch([], after);

    /// <summary>A checkpoint at a number, of an execution replica, over the given history.</summary>
    public static Checkpoint Certify(int sender, ulong number, Digest history, byte state = 0, Request.Signer? sign = null, ulong incarnation = 0)
    {
        var certified = new CheckpointState(
            new SequenceNumber(number), new Incarnation(incarnation), default, 3, new Timestamp(Wall), history, default, Digest.Of([state]), default);
        return Agreement.Messages.Checkpoint.Create(
            PartyId.Execution(sender), default, complete: true, certified, sign ?? HashSignatures.Of(PartyId.Execution(sender)));
    }

    private void SetClock() => Replica.SetClock(Now, Wall + ((Now - 1000) * 1_000_000));

    private Turn EndTurn()
    {
        Replica.EndTurn();
        Persist?.Invoke(Replica.Output);
        var turn = Turn.Take(Replica.Output);
        Log.AddRange(turn.Records);
        return turn;
    }

    private Replica Make() => new(
        id, Quorum, Options, (1u << Quorum.ActiveExecutionReplicas) - 1, clients, new HashSignatures(), HashSignatures.Of(PartyId.Agreement(id)));
}

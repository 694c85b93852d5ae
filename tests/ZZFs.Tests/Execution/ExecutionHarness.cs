using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace ZZFs.Tests.Execution;

/// <summary>Drives one execution replica as its shell does, and plays the agreement replicas and clients around it.</summary>
internal sealed class ExecutionHarness
{
    public const long Start = 1_700_000_000_000_000_000;

    private readonly int id;
    private readonly uint active;
    private readonly ExecutionOptions options;
    private readonly SortedDictionary<ulong, Order> orders = [];
    private ExecutionInbox inbox;
    private Digest history;
    private ulong number;
    private long time = Start;

    public ExecutionHarness(int id = 0, int faults = 1, uint active = 3, int interval = 100)
    {
        this.id = id;
        this.active = active;
        Quorum = new Quorum(faults);
        options = new ExecutionOptions
        {
            CheckpointInterval = interval,
            Exports = [ExportEntry.Full, ExportEntry.Full with { ReadOnly = true }],
        };
        Replica = Make();
        inbox = new ExecutionInbox(Replica);
    }

    public Quorum Quorum { get; }

    public CountingService Service { get; } = new();

    public ExecutionReplica Replica { get; private set; }

    public long Now { get; private set; } = 1000;

    /// <summary>History digest after the last batch of <see cref="NextOrder"/>.</summary>
    public Digest LastHistory => history;

    public SequenceNumber Last => new(number);

    /// <summary>The r under which the agreement replicas speak.</summary>
    public Incarnation LogIncarnation { get; private set; }

    /// <summary>Work on checkpoints takes until <see cref="DoWork"/>; else it is done at once.</summary>
    public bool WorkWaits { get; set; }

    /// <summary>The work that waits.</summary>
    public ICheckpointWork? Waiting { get; private set; }

    public ulong Rejected(Rejection reason) => Replica.Rejections[reason];

    public Turn Receive(PartyId from, ReadOnlySpan<byte> message)
    {
        Replica.SetClock(Now);
        inbox.Deliver(from, message.ToArray());
        return EndTurn();
    }

    public Turn Receive(PartyId from, Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        return Receive(from, writer.Written);
    }

    public Turn Receive(Request request) => Receive(request.Client, request.Encoded.Span);

    public Turn Tick(long milliseconds)
    {
        Now += milliseconds;
        Replica.SetClock(Now);
        Replica.Tick();
        return EndTurn();
    }

    public Turn Connected(PartyId party)
    {
        Replica.SetClock(Now);
        Replica.OnConnected(party);
        return Turn.Take(Replica.Output);
    }

    public Turn SendOrder(int sender, Order order) =>
        Receive(PartyId.Agreement(sender), writer => order.Write(writer, MessageKind.Order));

    public Turn SendBodies(int sender, params Request[] requests) => Receive(PartyId.Agreement(sender), writer =>
    {
        Bodies.WriteHeader(writer, requests.Length);
        foreach (Request request in requests)
            writer.WriteBytes(request.Encoded.Span);
    });

    public Turn SendSynced(int sender, SequenceNumber upTo, Digest at, ulong? incarnation = null) =>
        Receive(PartyId.Agreement(sender), new Synced(new Incarnation(incarnation ?? LogIncarnation.Value), upTo, at).Write);

    /// <summary>2f + 1 agreement replicas have everything ordered so far on disk.</summary>
    public Turn MakeDurable() => MakeDurable(Last, history);

    /// <summary>Everything executed so far is on disk, as agreement replicas see to at once where a checkpoint is due.</summary>
    public Turn MakeExecutedDurable() => MakeDurable(
        Replica.Executed, orders.TryGetValue(Replica.Executed.Value, out Order order) ? order.History : default);

    public Turn AskForReply(Request request) => Receive(
        request.Client, new FetchReply(request.Session, request.Slot, request.SlotSequence, request.Digest).Write);

    /// <summary>The next batch of the order, one millisecond of agreed time later unless told otherwise.</summary>
    public Order NextOrder(IEnumerable<Request> requests, long stepNanoseconds = 1_000_000)
    {
        time += stepNanoseconds;
        return NextOrder(new Batch(EntryKind.Requests, new Timestamp(time), [.. requests.Select(request => request.Digest)]));
    }

    /// <summary>The next entry of the order.</summary>
    public Order NextOrder(Batch batch)
    {
        number++;
        history = History.Extend(history, new SequenceNumber(number), batch.Digest);
        var order = new Order(LogIncarnation, default, new SequenceNumber(number), history, batch);
        orders.Add(number, order);
        return order;
    }

    /// <summary>The agreement replicas go on in a new log incarnation, in which what was ordered after a number is lost.</summary>
    public void LoseAfter(SequenceNumber kept, ulong incarnation)
    {
        foreach (ulong lost in orders.Keys.Where(other => other > kept.Value).ToList())
            orders.Remove(lost);
        number = kept.Value;
        LogIncarnation = new Incarnation(incarnation);
        foreach (ulong again in orders.Keys.ToList())
            orders[again] = orders[again] with { Incarnation = LogIncarnation };
        history = orders.TryGetValue(number, out Order last) ? last.History : default;
    }

    /// <summary>f + 1 agreement replicas send again what they have after the last checkpoint.</summary>
    public Turn SendAgain()
    {
        Turn last = default!;
        foreach (Order order in orders.Values.Where(order => order.Number > Service.LastCheckpoint).ToList())
        {
            for (int sender = 0; sender < Quorum.Weak; sender++)
                last = SendOrder(sender, order);
        }

        return last;
    }

    /// <summary>Has an entry executed that is no batch of requests.</summary>
    public Turn Execute(Batch entry)
    {
        Order order = NextOrder(entry);
        for (int sender = 0; sender < Quorum.Weak - 1; sender++)
            SendOrder(sender, order);
        return SendOrder(Quorum.Weak - 1, order);
    }

    /// <summary>Has these requests executed as the next batch: bodies first, then f + 1 ORDERs.</summary>
    public Turn Execute(params Request[] requests) => ExecuteLater(1_000_000, requests);

    public Turn ExecuteLater(long stepNanoseconds, params Request[] requests)
    {
        foreach (Request request in requests)
            Receive(request);
        Order order = NextOrder(requests, stepNanoseconds);
        for (int sender = 0; sender < Quorum.Weak - 1; sender++)
            SendOrder(sender, order);
        Turn turn = SendOrder(Quorum.Weak - 1, order);
        Assert.Equal(order.Number, Replica.Executed);
        return turn;
    }

    /// <summary>Opens a session of a client.</summary>
    public SessionId Open(int client = 0, ulong nonce = 1, ushort slots = 8) => Opened(Execute(AskToOpen(client, nonce, slots)));

    public static SessionId Opened(Turn turn) => new(ResultOf(turn.Replies.Single()).Number!.Value);

    /// <summary>The process dies; the store is back at its last checkpoint; the order is replayed from there.</summary>
    public IReadOnlyList<Reply> RestartAndReplay(IReadOnlyDictionary<Digest, Request> requests)
    {
        Waiting = null;
        Service.Rollback();
        Replica = Make();
        inbox = new ExecutionInbox(Replica);
        var replies = new List<Reply>();
        foreach (Order order in orders.Values.Where(order => order.Number > Replica.Executed).ToList())
        {
            foreach (Digest digest in order.Batch.Requests)
                Receive(requests[digest]);
            for (int sender = 0; sender < Quorum.Weak; sender++)
                replies.AddRange(SendOrder(sender, order).Replies);
        }

        return replies;
    }

    public static OperationResult ResultOf(in Reply reply)
    {
        Assert.True(reply.Full);
        Assert.True(OperationCodec.TryDecodeResult(reply.Result, out OperationResult result));
        return result;
    }

    public static Request AskToOpen(int client, ulong nonce, ushort slots = 8) => Ask(
        client, SessionId.None, 1, Session(new SessionOperation(SessionOperationKind.Open, nonce, slots)));

    public static Request Ask(
        int client, SessionId session, ulong sequence, byte[] operation, ushort slot = 0, RequestFlags flags = RequestFlags.None, ulong incarnation = 0) =>
        Request.Create(
            PartyId.Client(client), flags, session, slot, sequence, new Incarnation(incarnation), operation, HashSignatures.Of(PartyId.Client(client)));

    public static byte[] Session(SessionOperation operation)
    {
        var writer = new MessageWriter();
        operation.Write(writer);
        return writer.ToArray();
    }

    public static byte[] Write(int bytes = 0) => Encode(new Write(default, 0, new byte[bytes], false, false));

    public static byte[] Read(int bytes) => Encode(new Read(default, 0, (uint)bytes, false));

    private static byte[] Encode(Operation operation)
    {
        var writer = new MessageWriter();
        OperationCodec.Encode(Credentials.Superuser, operation, writer);
        return writer.ToArray();
    }

    /// <summary>The work on a checkpoint that waits while <see cref="WorkWaits"/> is done.</summary>
    public Turn DoWork()
    {
        ICheckpointWork done = Waiting!;
        done.Run();
        return Ready(done);
    }

    /// <summary>The replica is told that work ended.</summary>
    public Turn Ready(ICheckpointWork done)
    {
        Waiting = null;
        Replica.OnCheckpointReady(done);
        return EndTurn();
    }

    // As the shell does it, but that no time goes by.
    private Turn EndTurn()
    {
        while (Waiting is null && Replica.TakeWork() is { } work)
        {
            if (WorkWaits)
            {
                Waiting = work;
                break;
            }

            work.Run();
            Replica.OnCheckpointReady(work);
        }

        return Turn.Take(Replica.Output);
    }

    private Turn MakeDurable(SequenceNumber upTo, Digest at)
    {
        Turn last = SendSynced(0, upTo, at);
        for (int sender = 1; sender < Quorum.Strong; sender++)
            last = SendSynced(sender, upTo, at);
        return last;
    }

    private ExecutionReplica Make() =>
        new(id, Quorum, options, active, Service, new HashSignatures(), HashSignatures.Of(PartyId.Execution(id)));
}

using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>Drives a client's session core as its shell does, and plays the replicas around it.</summary>
internal sealed class ClientHarness
{
    private readonly ClientInbox inbox;
    private ulong nonces;

    public ClientHarness(int faults = 1, int slots = 2, IOperationSemantics? semantics = null)
    {
        Quorum = new Quorum(faults);
        Session = new ClientSession(
            PartyId.Client(0), Quorum, slots, HashSignatures.Of(PartyId.Client(0)), () => ++nonces, (request, result) => Completed.Add((request.Tag, result)), semantics);
        inbox = new ClientInbox(Session);
    }

    public Quorum Quorum { get; }

    public ClientSession Session { get; }

    /// <summary>What the callback was given, in order.</summary>
    public List<(object? Tag, OperationResult Result)> Completed { get; } = [];

    public long Now { get; private set; } = 1000;

    public Turn Receive(PartyId from, ReadOnlySpan<byte> message)
    {
        Session.SetClock(Now);
        inbox.Deliver(from, message.ToArray());
        return Turn.Take(Session.Output);
    }

    public Turn Receive(PartyId from, Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        return Receive(from, writer.Written);
    }

    public Turn Submit(string tag, RequestFlags flags = RequestFlags.None) => Submit(tag, [77], flags);

    public Turn Submit(string tag, byte[] operation, RequestFlags flags = RequestFlags.None)
    {
        Session.SetClock(Now);
        Session.Submit(new PendingRequest(operation, flags, tag));
        return Turn.Take(Session.Output);
    }

    public Turn Close(string tag)
    {
        Session.SetClock(Now);
        Session.Close(tag);
        return Turn.Take(Session.Output);
    }

    public Turn Tick(long milliseconds)
    {
        Now += milliseconds;
        Session.SetClock(Now);
        Session.Tick();
        return Turn.Take(Session.Output);
    }

    public Turn Connected(PartyId party)
    {
        Session.SetClock(Now);
        Session.OnConnected(party);
        return Turn.Take(Session.Output);
    }

    public Turn SendState(int sender, ulong epoch = 0, uint active = 3, ulong incarnation = 0, ulong view = 0) => Receive(
        PartyId.Agreement(sender), new ClusterState(new Incarnation(incarnation), new Epoch(epoch), active, new View(view)).Write);

    /// <summary>A reply of an execution replica to a request.</summary>
    public Turn Answer(
        int sender, Request request, OperationResult result, bool full = true, ulong epoch = 0, ulong number = 5, ulong incarnation = 0, ulong synced = 0)
    {
        var writer = new MessageWriter();
        OperationCodec.EncodeResult(result, writer);
        byte[] bytes = writer.ToArray();
        var reply = new Reply(
            new Incarnation(incarnation), request.Session, request.Slot, request.SlotSequence, request.Digest, new Epoch(epoch),
            new SequenceNumber(number), new SequenceNumber(synced), full, Digest.Of(bytes), full ? bytes : default);
        return Receive(PartyId.Execution(sender), reply.Write);
    }

    /// <summary>f + 1 active replicas answer alike.</summary>
    public Turn AnswerAll(Request request, OperationResult result, ulong number = 5, ulong incarnation = 0, ulong synced = 0)
    {
        Turn last = Answer(0, request, result, number: number, incarnation: incarnation, synced: synced);
        for (int sender = 1; sender < Quorum.Weak; sender++)
            last = Answer(sender, request, result, number: number, incarnation: incarnation, synced: synced);
        return last;
    }

    /// <summary>f + 1 agreement replicas name a new incarnation.</summary>
    public Turn BeginIncarnation(ulong incarnation)
    {
        Turn last = SendState(0, incarnation: incarnation);
        for (int sender = 1; sender < Quorum.Weak; sender++)
            last = SendState(sender, incarnation: incarnation);
        return last;
    }

    /// <summary>Learns the cluster's state and opens session 42.</summary>
    /// <returns>What was sent once it was open.</returns>
    public Turn Open() => SetActive((1u << Quorum.Weak) - 1);

    /// <summary>Opens session 42 in a cluster with these execution replicas active.</summary>
    public Turn SetActive(uint active)
    {
        Turn turn = SendState(0, active: active);
        for (int sender = 1; sender < Quorum.Weak; sender++)
            turn = SendState(sender, active: active);
        return AnswerAll(turn.Requests.Single(), new OperationResult { Number = 42 });
    }
}

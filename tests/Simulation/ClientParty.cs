using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace Simulation;

/// <summary>A client that invokes operations, several at a time, until it is done; the last one is an fsync after all others.</summary>
internal sealed class ClientParty : Party
{
    private readonly ClientSession session;
    private readonly ClientInbox inbox;
    private readonly CallHistory calls;
    private readonly DeterministicRandom random;
    private readonly SimulationOptions options;
    private int issued;
    private int underWay;
    private long now;

    public ClientParty(
        PartyId id, Quorum quorum, SimulatedKeys keys, Workload workload, CallHistory calls, DeterministicRandom random, SimulationOptions options)
        : base(id)
    {
        this.calls = calls;
        this.random = random;
        this.options = options;
        session = new ClientSession(
            id,
            quorum,
            8,
            keys.SignerOf(id),
            () => new UInt128(random.NextUInt64(), random.NextUInt64()),
            Completed,
            workload.MakeSemantics());
        inbox = new ClientInbox(session);
        for (int i = 0; i < options.InFlightPerClient; i++)
            Issue();
    }

    public bool IsDone => !IsUp || (issued == options.OperationsPerClient && session.Unfinished == 0);

    /// <summary>Changes that were lost and had another outcome when it repeated them.</summary>
    public ulong Unrepeatable => session.Unrepeatable;

    /// <summary>Results that it accepted because agreement replicas vouched for them.</summary>
    public ulong AffirmedResults => session.AffirmedResults;

    public override Output Output => session.Output;

    public override string ToString() =>
        $"{(IsUp ? "up" : "down")} issued {issued} unfinished {session.Unfinished} unsynced {session.Unsynced} unrepeatable {session.Unrepeatable}";

    public override void SetClock(long milliseconds)
    {
        now = milliseconds;
        session.SetClock(milliseconds);
    }

    public override void Deliver(PartyId from, ReadOnlyMemory<byte> message) => inbox.Deliver(from, message);

    public override void OnConnected(PartyId peer) => session.OnConnected(peer);

    public override void EndTurn()
    {
    }

    public override void Tick() => session.Tick();

    public override void Persist()
    {
    }

    private void Issue()
    {
        bool isLast = issued + 1 == options.OperationsPerClient;
        if (issued == options.OperationsPerClient || (isLast && underWay > 0))
            return;
        issued++;
        underWay++;
        bool sync = isLast || random.Chance(options.Syncs);
        Call call = calls.Invoke(Id, sync, random);
        session.Submit(new PendingRequest(call.Operation, sync ? RequestFlags.Sync : RequestFlags.None, call));
    }

    private void Completed(PendingRequest pending, OperationResult result)
    {
        if (pending.Tag is not Call call)
            return;
        underWay--;
        options.Trace?.WriteLine($"{now,7}    {call} returned, slot {pending.Request!.Slot} sequence {pending.Request.SlotSequence} incarnation {pending.Request.Incarnation} error {result.Error}");
        calls.Return(call, result, pending.Request!.Incarnation, random);
        Issue();
    }
}

using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;
using ZZFs.Execution;

namespace Simulation;

/// <summary>A party of the simulated cluster: a production core, and what of its shell matters.</summary>
internal abstract class Party(PartyId id)
{
    public PartyId Id { get; } = id;

    public bool IsUp { get; protected set; } = true;

    /// <summary>What the core wants done now.</summary>
    public abstract Output Output { get; }

    public abstract void SetClock(long milliseconds);

    public abstract void Deliver(PartyId from, ReadOnlyMemory<byte> message);

    public abstract void OnConnected(PartyId peer);

    public virtual void OnDisconnected(PartyId peer)
    {
    }

    public abstract void EndTurn();

    public abstract void Tick();

    /// <summary>Persists what the output says, before messages leave.</summary>
    public abstract void Persist();

    public virtual void Crash() => IsUp = false;

    public virtual void Restart() => IsUp = true;
}

internal sealed class AgreementParty : Party
{
    private const long WallAtStart = 1_700_000_000_000_000_000;

    private readonly Func<Replica> make;
    private readonly List<byte[]> disk = [];
    private readonly long clockError;
    private Replica replica;
    private AgreementInbox inbox;
    private readonly int window;
    private readonly bool always;
    private int synced;
    private int syncing;
    private ulong syncingRecords;
    private bool underWay;

    public AgreementParty(PartyId id, Func<Replica> make, int window, long clockErrorNanoseconds, bool always)
        : base(id)
    {
        this.window = window;
        this.always = always;
        this.make = make;
        clockError = clockErrorNanoseconds;
        replica = make();
        inbox = new AgreementInbox(replica);
    }

    public Replica Replica => replica;

    public override string ToString()
    {
        var suspicions = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        replica.Suspicions.AddTo(suspicions);
        return $"{(IsUp ? "up" : "down")} {replica} {string.Join(' ', suspicions)}";
    }

    public override Output Output => replica.Output;

    public int LogRecords => disk.Count;

    /// <summary>The highest number up to which its disk ever held the order.</summary>
    public SequenceNumber HighestSynced { get; private set; }

    /// <summary>No vote may be above it.</summary>
    public SequenceNumber HighWaterMark => new(replica.LowWaterMark.Value + (ulong)window);

    public override void SetClock(long milliseconds) =>
        replica.SetClock(milliseconds, WallAtStart + (milliseconds * 1_000_000) + clockError);

    public override void Deliver(PartyId from, ReadOnlyMemory<byte> message) => inbox.Deliver(from, message);

    public override void OnConnected(PartyId peer) => replica.OnConnected(peer);

    public override void OnDisconnected(PartyId peer) => replica.OnDisconnected(peer);

    public override void EndTurn() => replica.EndTurn();

    public override void Tick() => replica.Tick();

    public override void Persist()
    {
        foreach ((int offset, int length, _) in Output.LogRecords)
            disk.Add(Output.Record(offset, length).ToArray());
        if (!Output.SyncBeforeSending && !(always && Output.LogBeforeSending))
            return;
        synced = disk.Count;
        TellSynced(Output.RecordCount);
    }

    private void TellSynced(ulong records)
    {
        replica.OnLogSynced(records);
        if (replica.Synced > HighestSynced)
            HighestSynced = replica.Synced;
    }

    /// <summary>Starts to sync what is appended; false when there is nothing to do, or a sync is under way.</summary>
    public bool BeginSync()
    {
        if (underWay || synced == disk.Count)
            return false;
        underWay = true;
        syncing = disk.Count;
        syncingRecords = replica.Output.RecordCount;
        return true;
    }

    /// <summary>The disk finished the sync that was begun.</summary>
    public void EndSync()
    {
        underWay = false;
        synced = Math.Max(synced, syncing);
        TellSynced(syncingRecords);
    }

    /// <summary>The machine stops, and with it what was not synced, but perhaps a part of it.</summary>
    public void LosePower(DeterministicRandom random)
    {
        Crash();
        int kept = synced + (random.Next(2) == 0 ? 0 : random.Next(disk.Count - synced + 1));
        disk.RemoveRange(kept, disk.Count - kept);
        mayHaveLost = !always;
    }

    public override void Crash()
    {
        base.Crash();
        underWay = false;
    }

    public override void Restart()
    {
        base.Restart();
        replica = make();
        inbox = new AgreementInbox(replica);
        foreach (byte[] record in disk)
            Invariant.That(replica.Restore(record));
        Invariant.That(replica.EndRestore());
        if (mayHaveLost)
        {
            replica.BecomeAmnesic();
            Persist();
            replica.Output.Clear();
        }

        mayHaveLost = false;
        synced = disk.Count;
        TellSynced(replica.Output.RecordCount);
        replica.Output.Clear();
    }

    private bool mayHaveLost;
}

internal sealed class ExecutionParty : Party
{
    private readonly Func<IFileService, ExecutionReplica> make;
    private ExecutionReplica replica;
    private ExecutionInbox inbox;

    public ExecutionParty(PartyId id, Func<IFileService, ExecutionReplica> make)
        : base(id)
    {
        this.make = make;
        replica = make(Service);
        inbox = new ExecutionInbox(replica);
    }

    public CounterService Service { get; } = new();

    public ExecutionReplica Replica => replica;

    public override string ToString() => $"{(IsUp ? "up" : "down")} {replica}";

    public override Output Output => replica.Output;

    public override void SetClock(long milliseconds) => replica.SetClock(milliseconds);

    public override void Deliver(PartyId from, ReadOnlyMemory<byte> message) => inbox.Deliver(from, message);

    public override void OnConnected(PartyId peer) => replica.OnConnected(peer);

    public override void EndTurn()
    {
    }

    public override void Tick() => replica.Tick();

    public override void Persist()
    {
    }

    public override void Restart()
    {
        base.Restart();
        Service.Rollback();
        replica = make(Service);
        inbox = new ExecutionInbox(replica);
    }
}

internal sealed class ClientParty : Party
{
    private readonly ClientSession session;
    private readonly ClientInbox inbox;
    private readonly Checkers checkers;
    private readonly DeterministicRandom random;
    private readonly SimulationOptions options;
    private ulong issued;

    public ClientParty(PartyId id, Quorum quorum, SimulatedKeys keys, Checkers checkers, DeterministicRandom random, SimulationOptions options)
        : base(id)
    {
        this.checkers = checkers;
        this.random = random;
        this.options = options;
        session = new ClientSession(
            id, quorum, 8, keys.SignerOf(id), () => new UInt128(random.NextUInt64(), random.NextUInt64()), Completed);
        inbox = new ClientInbox(session);
        for (int i = 0; i < options.InFlightPerClient; i++)
            Issue();
    }

    public ulong AffirmedResults => session.AffirmedResults;

    public bool IsDone => issued == (ulong)options.OperationsPerClient && session.Unfinished == 0;

    public override Output Output => session.Output;

    public override void SetClock(long milliseconds) => session.SetClock(milliseconds);

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
        if (issued == (ulong)options.OperationsPerClient)
            return;
        issued++;
        uint counter = (uint)random.Next(4);

        // Distinct over all clients, so that sums tell which operations they contain.
        ulong addend = (issued * 1000) + Id.Index + 1;
        RequestFlags flags = random.Chance(options.Syncs) ? RequestFlags.Sync : RequestFlags.None;
        session.Submit(new PendingRequest(
            CounterService.Encode(counter, addend), flags, new Operation(counter, addend, checkers.HighestSum(counter))));
    }

    private void Completed(PendingRequest pending, OperationResult result)
    {
        if (pending.Tag is not Operation operation)
            return;
        if (result.Error != Errno.None)
            throw new SimulationFailure($"{Id}: an operation failed with {result.Error}");
        checkers.Answered(operation.Counter, operation.Addend, result.Number!.Value, operation.HighestBefore);
        Issue();
    }

    private sealed record Operation(uint Counter, ulong Addend, ulong HighestBefore);
}

using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

/// <summary>An agreement replica with its log and its clock.</summary>
internal sealed class AgreementParty : Party
{
    private const long WallAtStart = 1_700_000_000_000_000_000;

    private readonly Func<Replica> make;
    private readonly int window;
    private readonly bool always;
    private Replica replica;
    private AgreementInbox inbox;
    private SimulatedLog log;
    private bool syncUnderWay;
    private ulong syncingRecords;
    private bool mayHaveLost;

    public AgreementParty(PartyId id, Func<Replica> make, int window, long clockErrorNanoseconds, bool always)
        : base(id)
    {
        this.window = window;
        this.always = always;
        this.make = make;
        ClockErrorNanoseconds = clockErrorNanoseconds;
        replica = make();
        inbox = new AgreementInbox(replica);
        log = new SimulatedLog(replica);
    }

    public Replica Replica => replica;

    public override Output Output => replica.Output;

    public long LogBytes => log.Bytes;

    /// <summary>What its wall clock shows too much.</summary>
    public long ClockErrorNanoseconds { get; set; }

    /// <summary>The highest number up to which its disk ever held the order.</summary>
    public SequenceNumber HighestSynced { get; private set; }

    /// <summary>No vote may be above it.</summary>
    public SequenceNumber HighWaterMark => new(replica.LowWaterMark.Value + (ulong)window);

    public override string ToString()
    {
        var suspicions = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        replica.Suspicions.AddTo(suspicions);
        return $"{(IsUp ? "up" : "down")} {replica} {string.Join(' ', suspicions)}";
    }

    public override void SetClock(long milliseconds) =>
        replica.SetClock(milliseconds, WallAtStart + (milliseconds * 1_000_000) + ClockErrorNanoseconds);

    public override void Deliver(PartyId from, ReadOnlyMemory<byte> message) => inbox.Deliver(from, message);

    public override void OnConnected(PartyId peer) => replica.OnConnected(peer);

    public override void OnDisconnected(PartyId peer) => replica.OnDisconnected(peer);

    public override void EndTurn() => replica.EndTurn();

    public override void Tick() => replica.Tick();

    public override void Persist()
    {
        log.Append(Output);
        if (Output.SyncBeforeSending || (always && Output.LogBeforeSending))
        {
            log.Sync();
            TellSynced(Output.RecordCount);
        }

        if (Output.TruncateUpTo.Value > 0)
            log.Truncate(Output.TruncateUpTo);
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
        if (syncUnderWay || !log.BeginSync())
            return false;
        syncUnderWay = true;
        syncingRecords = log.AppendedRecords;
        return true;
    }

    /// <summary>The disk finished the sync that was begun.</summary>
    public void EndSync()
    {
        syncUnderWay = false;
        log.EndSync();
        TellSynced(syncingRecords);
    }

    /// <summary>The machine stops, and with it what was not synced, but perhaps a part of it. It may be down already.</summary>
    public void LosePower(DeterministicRandom random)
    {
        Crash();
        log.LoseUnsynced(random);
        mayHaveLost = true;
    }

    /// <summary>A copy of its disk.</summary>
    public SimulatedLog TakeImage() => log.Copy();

    /// <summary>Its disk becomes what it once was; the process is down.</summary>
    public void ReturnTo(SimulatedLog image) => log = image;

    public override void Crash()
    {
        base.Crash();
        syncUnderWay = false;
        log.LoseUnwritten();
    }

    public override void Restart()
    {
        base.Restart();
        replica = make();
        inbox = new AgreementInbox(replica);
        log.Restore(replica);

        // As the node decides it: under "always" only damage can lose what a vote relied on.
        if (log.Lost is not null || (mayHaveLost && !always))
        {
            replica.BecomeAmnesic(log.Lost);
            log.Append(replica.Output);
            log.Sync();
        }

        log.ForgetLost();
        mayHaveLost = false;
        TellSynced(replica.Output.RecordCount);
        replica.Output.Clear();
    }
}

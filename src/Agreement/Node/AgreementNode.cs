using System.Security.Cryptography;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Node;

/// <summary>
/// The shell of an agreement replica: reads and authenticates (links), steps the core, persists, sends. Everything runs on
/// the loop; what a turn of the loop brought is persisted with one write and sent together at its end.
/// </summary>
public sealed class AgreementNode : IEndpointEvents, INodeStatusSource, IDisposable
{
    private static readonly TimeSpan FastTick = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan SlowTick = TimeSpan.FromMilliseconds(100);

    /// <summary>The log is synced at least this often while something is appended (DESIGN §5).</summary>
    private static readonly TimeSpan SyncInterval = TimeSpan.FromMilliseconds(50);

    private readonly ClusterFile cluster;
    private readonly PartyId self;
    private readonly IEventLoop loop;
    private readonly Replica replica;
    private readonly AgreementInbox inbox;
    private readonly Endpoint endpoint;
    private readonly WriteAheadLog log;
    private readonly BootMark bootMark;
    private readonly LogSyncer syncer;
    private readonly ControllerLinks? controllers;
    private readonly TurnScheduler turns;
    private readonly Action periodicSync;
    private IDisposable? slowTimer;
    private bool syncTimerSet;
    private volatile NodeStatus status;

    /// <summary>Restores the replica from its log, listens, and dials its peers; lives once the loop runs.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="self">Which agreement replica.</param>
    /// <param name="identity">Its keys; stays the caller's.</param>
    /// <param name="dataFolder">Holds its log; exists.</param>
    /// <param name="loop">Drives it.</param>
    /// <param name="controllers">Takes its votes to the controllers, and becomes its own; without, nobody is woken.</param>
    /// <exception cref="IOException">The log is damaged, the disk refuses, or the address is taken.</exception>
    public AgreementNode(
        ClusterFile cluster, PartyId self, Identity identity, string dataFolder, IEventLoop loop, ControllerLinks? controllers = null)
    {
        this.controllers = controllers;
        this.cluster = cluster;
        this.self = self;
        this.loop = loop;
        turns = new TurnScheduler(loop, FastTick, EndTurn, Tick);
        periodicSync = OnPeriodicSync;
        IReadOnlyDictionary<PartyId, PartyPublicKeys> keys = cluster.PublicKeys();
        var options = new ReplicaOptions { CheckpointInterval = (int)cluster.CheckpointInterval };
        replica = new Replica(
            (int)self.Index, new Quorum(cluster.F), options, cluster.InitiallyActive(), cluster.Clients.Count, new ClusterSignatures(keys), identity.Sign);
        inbox = new AgreementInbox(replica);
        string logFolder = Path.Combine(dataFolder, "log");
        Directory.CreateDirectory(logFolder);
        SetClock();
        bootMark = BootMark.Open(dataFolder, out bool mayHaveLostWrites);
        log = WriteAheadLog.Open(logFolder, replica);

        // Under "always" everything that a vote relied on was on disk before it left; only damage can lose it.
        if (log.LostRecords is not null || (mayHaveLostWrites && cluster.Durability != Durability.Always))
        {
            replica.BecomeAmnesic(log.LostRecords);
            log.Append(replica.Output);
            log.Sync();
        }

        bootMark.Start();
        replica.OnLogSynced(replica.Output.RecordCount);
        replica.Output.Clear();
        status = Describe();
        syncer = new LogSyncer(loop, log, OnSynced);
        endpoint = new Endpoint(loop, self, identity, keys, cluster.Volume.ToBytes(), this, null, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
        endpoint.Listen(cluster.AddressOf(self)!);

        // One link per pair: the lower index dials.
        foreach (AgreementEntry peer in cluster.Agreement)
        {
            if (peer.Id.Index > self.Index)
                endpoint.Dial(peer.Id, peer.Address);
        }

        slowTimer = loop.Schedule(SlowTick, OnSlowTick);
    }

    /// <summary>Whether it may have forgotten votes, and so casts none for now (DESIGN §5).</summary>
    public bool IsAmnesic => replica.IsAmnesic;

    /// <inheritdoc/>
    public NodeStatus Current => status;

    /// <inheritdoc/>
    public void OnMessage(PartyId from, ReadOnlyMemory<byte> message)
    {
        SetClock();
        inbox.Deliver(from, message);
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnConnected(PartyId party)
    {
        SetClock();
        replica.OnConnected(party);
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnDisconnected(PartyId party) => replica.OnDisconnected(party);

    /// <inheritdoc/>
    public void Dispose()
    {
        slowTimer?.Dispose();
        slowTimer = null;
        controllers?.Dispose();
        endpoint.Dispose();
        syncer.Dispose();
        log.Sync();
        log.Dispose();
        bootMark.Stop();
    }

    private void SetClock() =>
        replica.SetClock(loop.NowMilliseconds, (DateTimeOffset.UtcNow.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TimeSpan.NanosecondsPerTick);

    private bool EndTurn()
    {
        replica.EndTurn();
        CarryOut();
        return replica.HasWork;
    }

    private void CarryOut()
    {
        Output output = replica.Output;
        if (output.IsEmpty)
            return;
        log.Append(output);
        bool syncNow = output.SyncBeforeSending || (cluster.Durability == Durability.Always && output.LogBeforeSending);
        if (syncNow)
        {
            log.Sync();
            replica.OnLogSynced(output.RecordCount);
        }

        foreach (Outgoing message in output.Messages)
            endpoint.Send(message.To, output.MessageBytes(message));
        if (output.TruncateUpTo.Value > 0)
            log.Truncate(output.TruncateUpTo);
        bool syncSoon = output.SyncWanted && !syncNow;
        output.Clear();
        if (syncSoon)
            syncer.Request();
        else if (log.HasUnsynced && !syncTimerSet)
            SetSyncTimer();
    }

    private void SetSyncTimer()
    {
        syncTimerSet = true;
        loop.Schedule(SyncInterval, periodicSync);
    }

    private void OnPeriodicSync()
    {
        syncTimerSet = false;
        syncer.Request();
    }

    private void OnSynced(ulong records)
    {
        SetClock();
        replica.OnLogSynced(records);
        turns.Stepped();
    }

    private void OnSlowTick()
    {
        slowTimer = loop.Schedule(SlowTick, OnSlowTick);
        turns.Tick();
        status = Describe();
    }

    private void Tick()
    {
        SetClock();
        replica.Tick();
    }

    private NodeStatus Describe()
    {
        SortedDictionary<string, ulong> counters = endpoint?.CountersSnapshot() ?? new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        replica.Rejections.AddTo(counters);
        replica.Suspicions.AddTo(counters);
        controllers?.AddTo(counters);
        return new NodeStatus
        {
            Id = self,
            Role = !replica.InView ? "changing view" : replica.IsAmnesic ? "amnesic" : replica.IsPrimary ? "primary" : "backup",
            View = replica.View,
            Epoch = replica.Epoch,
            Executed = replica.Delivered,
            Checkpoint = replica.LowWaterMark,
            Root = replica.Stable?.Checkpoints[0].Root ?? default,
            Operations = replica.DeliveredRequests,
            Counters = counters,
        };
    }
}

using System.Security.Cryptography;
using Agreement.Configuration;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Digests;

namespace ZZFs.Execution;

/// <summary>The shell of an execution replica: reads and authenticates (links), steps the core, sends. All on the loop.</summary>
public sealed class ExecutionNode : IEndpointEvents, INodeStatusSource, IScrubSource, IDisposable
{
    private static readonly TimeSpan FastTick = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan SlowTick = TimeSpan.FromMilliseconds(100);

    private readonly PartyId self;
    private readonly string store;
    private readonly IEventLoop loop;
    private readonly CheckpointMeter service;
    private readonly ExecutionReplica replica;
    private readonly ExecutionInbox inbox;
    private readonly Endpoint endpoint;
    private readonly TurnScheduler turns;
    private readonly CheckpointWorker worker;
    private readonly ScrubWorker scrubs;
    private readonly IDamageRecord damage;
    private readonly Action<string> say;
    private IDisposable? slowTimer;
    private volatile NodeStatus status;

    /// <summary>Takes up the order where the service's last checkpoint stands, listens, and dials the agreement replicas.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="self">Which execution replica.</param>
    /// <param name="identity">Its keys; stays the caller's.</param>
    /// <param name="service">Its files; owned by the node from now on.</param>
    /// <param name="loop">Drives it.</param>
    /// <param name="damage">What is known to be damaged of its files.</param>
    /// <param name="say">Takes what the operator should know, a line each.</param>
    /// <exception cref="IOException">The address is taken, or what was kept with the checkpoint can't be read.</exception>
    public ExecutionNode(ClusterFile cluster, PartyId self, Identity identity, IFileService service, IEventLoop loop, IDamageRecord? damage = null, Action<string>? say = null)
    {
        this.damage = damage ?? new NoDamage();
        this.say = say ?? (_ => { });
        this.self = self;
        this.loop = loop;
        this.service = new CheckpointMeter(service);
        store = cluster.Execution[(int)self.Index].Store.ToString();
        worker = new CheckpointWorker(loop, OnCheckpointReady);
        scrubs = new ScrubWorker(loop, number => service.LastCheckpoint >= number ? service.BeginScrub() : null, OnScrubbed);
        turns = new TurnScheduler(loop, FastTick, EndTurn, Tick);
        IReadOnlyDictionary<PartyId, PartyPublicKeys> keys = cluster.PublicKeys();
        var options = new ExecutionOptions
        {
            CheckpointInterval = (int)cluster.CheckpointInterval,
            Exports = [.. cluster.Clients.Select(client => Convert(client.Export))],
        };
        replica = new ExecutionReplica(
            (int)self.Index, new Quorum(cluster.F), options, cluster.InitiallyActive(), this.service, new ClusterSignatures(keys), identity.Sign);
        inbox = new ExecutionInbox(replica);
        status = Describe();
        endpoint = new Endpoint(loop, self, identity, keys, cluster.Volume.ToBytes(), this, null, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
        endpoint.Listen(cluster.AddressOf(self)!);
        foreach (AgreementEntry peer in cluster.Agreement)
            endpoint.Dial(peer.Id, peer.Address);
        slowTimer = loop.Schedule(SlowTick, OnSlowTick);
    }

    /// <inheritdoc/>
    public NodeStatus Current => status;

    /// <inheritdoc/>
    public ScrubStatus Scrub(SequenceNumber? checkpoint) => scrubs.Scrub(checkpoint);

    /// <inheritdoc/>
    public void OnMessage(PartyId from, ReadOnlyMemory<byte> message)
    {
        replica.SetClock(loop.NowMilliseconds);
        inbox.Deliver(from, message);
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnConnected(PartyId party)
    {
        replica.SetClock(loop.NowMilliseconds);
        replica.OnConnected(party);
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnDisconnected(PartyId party)
    {
        // The protocol re-sends by its own timers; a lost link needs nothing else.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        slowTimer?.Dispose();
        slowTimer = null;
        endpoint.Dispose();
        scrubs.Dispose();

        // Work that is under way is abandoned, not waited for.
        service.Dispose();
        worker.Dispose();
    }

    private static Abstraction.ExportEntry Convert(Agreement.Configuration.ExportEntry entry) => new(
        entry.ReadOnly,
        entry.Squash switch
        {
            Squash.None => SquashMode.None,
            Squash.Root => SquashMode.Root,
            _ => SquashMode.All,
        },
        entry.AnonymousUid,
        entry.AnonymousGid,
        entry.Subtree);

    private bool EndTurn()
    {
        foreach (Outgoing message in replica.Output.Messages)
            endpoint.Send(message.To, replica.Output.MessageBytes(message));
        replica.Output.Clear();
        if (replica.TakeWork() is { } work)
            worker.Begin(work);
        return replica.HasWork;
    }

    private void OnCheckpointReady(ICheckpointWork work)
    {
        replica.SetClock(loop.NowMilliseconds);
        replica.OnCheckpointReady(work);
        turns.Stepped();
    }

    private void OnScrubbed(ScrubStatus found)
    {
        say($"scrubbed checkpoint {found.Checkpoint}: {(found.Damages == 0 ? "all is as it should be" : $"{found.Damages} damages")}");
        foreach (string one in found.Found)
            say($"damaged: {one}");
        if (found.Damages == 0)
            damage.Clear();
    }

    private void OnSlowTick()
    {
        slowTimer = loop.Schedule(SlowTick, OnSlowTick);
        service.DropOldCheckpoint();
        turns.Tick();
        status = Describe();
    }

    private void Tick()
    {
        replica.SetClock(loop.NowMilliseconds);
        replica.Tick();
    }

    private NodeStatus Describe()
    {
        SortedDictionary<string, ulong> counters = endpoint?.CountersSnapshot() ?? new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        replica.Rejections.AddTo(counters);
        if (damage.Count > 0)
            counters["damaged-blocks"] = (ulong)damage.Count;
        if (scrubs?.Scrub(null) is { Damages: > 0 } scrubbed)
            counters["scrub-damages"] = scrubbed.Damages;
        counters["checkpoint-waits"] = replica.CheckpointWaits;
        service.AddTo(counters);
        return new NodeStatus
        {
            Id = self,
            Role = replica.HasDiverged ? "diverged" : replica.IsActive ? "active" : "asleep",
            Epoch = replica.Epoch,
            Executed = replica.Executed,
            Checkpoint = replica.StableCheckpoint?.Number ?? default,
            Root = replica.StableCheckpoint?.ComputeRoot() ?? default,
            Complete = replica.LastCheckpoint >= (replica.StableCheckpoint?.Number ?? default),
            Store = store,
            Operations = replica.Operations,
            Counters = counters,
        };
    }
}

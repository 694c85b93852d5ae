using System.Security.Cryptography;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Protocol;
using ZZFs.Cli;

namespace TestProgram;

/// <summary>
/// An agreement replica that lies about its disk: it claims at once that everything is on it, and has none. When it starts
/// again it has forgotten all its votes, and casts others as if nothing had happened.
/// </summary>
internal sealed class ForgetfulNode : INode, IEndpointEvents
{
    /// <summary>A replica whose folder has a file of this name is one.</summary>
    public const string MarkFile = "forgetful";

    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(10);

    private readonly PartyId self;
    private readonly IEventLoop loop;
    private readonly Replica replica;
    private readonly AgreementInbox inbox;
    private readonly TurnScheduler turns;
    private readonly Endpoint endpoint;

    private ForgetfulNode(NodeContext context)
    {
        self = context.Node.Id;
        loop = context.Loop;
        ClusterFile cluster = context.Cluster;
        IReadOnlyDictionary<PartyId, PartyPublicKeys> keys = cluster.PublicKeys();
        var options = new ReplicaOptions { CheckpointInterval = (int)cluster.CheckpointInterval };
        replica = new Replica(
            (int)self.Index, new Quorum(cluster.F), options, cluster.InitiallyActive(), cluster.Clients.Count, new ClusterSignatures(keys), context.Identity.Sign);
        inbox = new AgreementInbox(replica);
        turns = new TurnScheduler(loop, TickInterval, EndTurn, Tick);
        endpoint = new Endpoint(loop, self, context.Identity, keys, cluster.Volume.ToBytes(), this, null, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)));
        endpoint.Listen(cluster.AddressOf(self)!);
        foreach (AgreementEntry peer in cluster.Agreement.Where(peer => peer.Id.Index > self.Index))
            endpoint.Dial(peer.Id, peer.Address);
        loop.Schedule(TickInterval, OnTick);
        context.Log.Write($"{self} starts without a memory");
    }

    public NodeStatus Current => new() { Id = self, Role = "backup" };

    /// <summary>Whether this replica shall be one.</summary>
    public static bool Is(NodeContext context) => File.Exists(Path.Combine(Path.GetDirectoryName(context.Node.DataFolder)!, MarkFile));

    public static INode Start(NodeContext context) => new ForgetfulNode(context);

    public void OnMessage(PartyId from, ReadOnlyMemory<byte> message)
    {
        SetClock();
        inbox.Deliver(from, message);
        turns.Stepped();
    }

    public void OnConnected(PartyId party)
    {
        SetClock();
        replica.OnConnected(party);
        turns.Stepped();
    }

    public void OnDisconnected(PartyId party) => replica.OnDisconnected(party);

    public void Dispose() => endpoint.Dispose();

    private void SetClock() =>
        replica.SetClock(loop.NowMilliseconds, (DateTimeOffset.UtcNow.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * TimeSpan.NanosecondsPerTick);

    private void OnTick()
    {
        loop.Schedule(TickInterval, OnTick);
        turns.Tick();
    }

    private void Tick()
    {
        SetClock();
        replica.Tick();
    }

    // Nothing is kept, and all of it is called synced before the votes leave.
    private bool EndTurn()
    {
        replica.EndTurn();
        replica.OnLogSynced(replica.Output.RecordCount);
        foreach (Outgoing message in replica.Output.Messages)
            endpoint.Send(message.To, replica.Output.MessageBytes(message));
        replica.Output.Clear();
        return replica.HasWork;
    }
}

using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Execution;

namespace Simulation;

/// <summary>An execution replica with its service, which a crash takes back to its last checkpoint.</summary>
internal sealed class ExecutionParty : Party
{
    private readonly Func<IFileService, ExecutionReplica> make;
    private ExecutionReplica replica;
    private ExecutionInbox inbox;

    public ExecutionParty(PartyId id, IFileService service, Func<IFileService, ExecutionReplica> make)
        : base(id)
    {
        this.make = make;
        Service = new RecordingService(service);
        replica = make(Service);
        inbox = new ExecutionInbox(replica);
    }

    public RecordingService Service { get; }

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

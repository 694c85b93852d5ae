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
    private ICheckpointWork? work;

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

    /// <summary>Work on a checkpoint to begin now, if there is any.</summary>
    public ICheckpointWork? TakeWork()
    {
        if (replica.TakeWork() is not { } taken)
            return null;
        return work = taken;
    }

    /// <summary>Work ends, unless the process died meanwhile.</summary>
    public void EndWork(ICheckpointWork done)
    {
        if (done != work)
            return;
        done.Run();
        work = null;
        replica.OnCheckpointReady(done);
    }

    /// <summary>The process dies; work that was under way may have been just done.</summary>
    public void Crash(bool workIsDone)
    {
        if (workIsDone)
            work?.Run();
        work = null;
        Crash();
    }

    public override void Restart()
    {
        base.Restart();
        Service.Rollback();
        replica = make(Service);
        inbox = new ExecutionInbox(replica);
    }
}

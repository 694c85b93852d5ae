using Agreement.Messages;
using ZZFs.Abstraction;

namespace Simulation;

/// <summary>Something that a service did.</summary>
/// <param name="Context">What the order gave it.</param>
/// <param name="Operation">The encoded operation; empty for the end of a session.</param>
/// <param name="Result">The encoded result.</param>
internal sealed record Executed(OperationContext Context, ReadOnlyMemory<byte> Operation, ReadOnlyMemory<byte> Result)
{
    public bool IsSame(Executed other) =>
        Context == other.Context
        && Operation.Span.SequenceEqual(other.Operation.Span)
        && Result.Span.SequenceEqual(other.Result.Span);
}

/// <summary>
/// A service that remembers what it executed, through crashes too: what it is at is the outcome of exactly these
/// operations, one after the other.
/// </summary>
internal sealed class RecordingService(IFileService service) : IFileService
{
    private readonly List<Executed> history = [];
    private readonly MessageWriter output = new(256);
    private readonly SortedDictionary<ulong, int> lengths = [];
    private readonly SortedSet<ulong> prepared = [];
    private Work? current;

    /// <summary>What led to the present state, in order.</summary>
    public IReadOnlyList<Executed> History => history;

    public SequenceNumber LastCheckpoint => service.LastCheckpoint;

    public ReadOnlyMemory<byte> LastCheckpointAnnex => service.LastCheckpointAnnex;

    public Digest LastCheckpointDigest => service.LastCheckpointDigest;

    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
    {
        output.Clear();
        service.Execute(context, operation, output);
        history.Add(new Executed(context, operation, output.ToArray()));
        result.WriteRaw(output.Written);
    }

    public void EndSession(SessionId session)
    {
        service.EndSession(session);
        history.Add(new Executed(new OperationContext(default, session, default, ExportEntry.Full), default, default));
    }

    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex)
    {
        lengths[number.Value] = history.Count;
        prepared.Remove(number.Value);
        service.BeginCheckpoint(number, time, annex);
    }

    public ICheckpointWork PrepareCheckpoint() => current = new Work(this, service.PrepareCheckpoint());

    public Digest FinishCheckpoint(ICheckpointWork work) => service.FinishCheckpoint(((Work)work).Inner);

    public void CheckpointIsStable(SequenceNumber number) => service.CheckpointIsStable(number);

    public bool DropOldCheckpoint() => service.DropOldCheckpoint();

    public void Rollback()
    {
        service.Rollback();
        current = null;
        int kept = lengths.GetValueOrDefault(LastCheckpoint.Value);
        history.RemoveRange(kept, history.Count - kept);
    }

    /// <summary>Whether the files of a checkpoint are on disk with their digests.</summary>
    public bool IsPrepared(SequenceNumber number) => prepared.Contains(number.Value);

    public void Dispose() => service.Dispose();

    private sealed class Work(RecordingService owner, ICheckpointWork inner) : ICheckpointWork
    {
        public ICheckpointWork Inner => inner;

        public SequenceNumber Number => inner.Number;

        public void Run()
        {
            inner.Run();
            if (owner.current == this)
                owner.prepared.Add(Number.Value);
        }
    }
}

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
    private int committed;

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

    public Digest TakeCheckpoint(SequenceNumber number, ReadOnlySpan<byte> annex)
    {
        committed = history.Count;
        return service.TakeCheckpoint(number, annex);
    }

    public void Rollback()
    {
        history.RemoveRange(committed, history.Count - committed);
        service.Rollback();
    }

    public void Dispose() => service.Dispose();
}

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace AgreementBench;

/// <summary>A service that does nothing and answers as many bytes as the operation asks for: what is left is the protocol.</summary>
/// <remarks>Operation: code (1), reply bytes (4), padding.</remarks>
internal sealed class NullService : IFileService
{
    /// <summary>Longest reply, in bytes.</summary>
    public const int MaximumBytes = 1 << 16;

    private static readonly byte[] Zeros = new byte[MaximumBytes];

    private readonly Queue<(SequenceNumber Number, byte[] Annex)> begun = new();

    public SequenceNumber LastCheckpoint { get; private set; }

    public ReadOnlyMemory<byte> LastCheckpointAnnex { get; private set; }

    public Digest LastCheckpointDigest => default;

    public static Operation Ask(int requestBytes, int replyBytes) =>
        new Write(new ObjectId((uint)replyBytes, 0), 0, new byte[requestBytes], false, false);

    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
    {
        OperationCodec.TryDecode(operation, out _, out Operation decoded);
        uint replyBytes = ((Write)decoded).Object.Index;
        OperationCodec.EncodeResult(
            replyBytes == 0 ? OperationResult.Success : new OperationResult { Data = Zeros.AsMemory(0, (int)replyBytes) }, result);
    }

    public void EndSession(SessionId session)
    {
    }

    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex) => begun.Enqueue((number, annex.ToArray()));

    public ICheckpointWork PrepareCheckpoint() => new Nothing(begun.Peek().Number);

    public Digest FinishCheckpoint(ICheckpointWork work)
    {
        (LastCheckpoint, byte[] annex) = begun.Dequeue();
        LastCheckpointAnnex = annex;
        return default;
    }

    public void CheckpointIsStable(SequenceNumber number)
    {
    }

    public bool DropOldCheckpoint() => false;

    public void Rollback()
    {
    }

    public void Dispose()
    {
    }

    private sealed record Nothing(SequenceNumber Number) : ICheckpointWork
    {
        public void Run()
        {
        }
    }
}

using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Execution;

/// <summary>
/// A service in which every execution shows: writes count up and return the count, reads return as many bytes as they ask
/// for, beginning with the number of reads so far. Prepared checkpoints survive <see cref="Rollback"/>, as on a disk.
/// </summary>
internal sealed class CountingService : IFileService
{
    private readonly List<Work> begun = [];
    private ulong writesAtCheckpoint;

    public SequenceNumber LastCheckpoint { get; private set; }

    public ReadOnlyMemory<byte> LastCheckpointAnnex { get; private set; }

    public Digest LastCheckpointDigest { get; private set; }

    public SequenceNumber Stable { get; private set; }

    public ulong Writes { get; private set; }

    public ulong Reads { get; private set; }

    public List<OperationContext> Contexts { get; } = [];

    public List<SessionId> Ended { get; } = [];

    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
    {
        Contexts.Add(context);
        if (!OperationCodec.TryDecode(operation, out _, out Operation decoded))
        {
            OperationCodec.EncodeResult(OperationResult.Failed(Errno.EPROTO), result);
        }
        else if (decoded is Read read)
        {
            byte[] data = new byte[Math.Max(read.Count, 8)];
            BinaryPrimitives.WriteUInt64LittleEndian(data, ++Reads);
            OperationCodec.EncodeResult(new OperationResult { Data = data }, result);
        }
        else
        {
            // As long as what was written, for large results of operations that are no reads.
            int size = decoded is Write write ? write.Data.Length : 0;
            OperationCodec.EncodeResult(new OperationResult { Number = ++Writes, Data = new byte[size] }, result);
        }
    }

    public void EndSession(SessionId session) => Ended.Add(session);

    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex) => begun.Add(new Work(number, Writes, annex.ToArray()));

    public ICheckpointWork PrepareCheckpoint() => begun[0];

    public Digest FinishCheckpoint(ICheckpointWork work)
    {
        Assert.Same(begun[0], work);
        Assert.True(begun[0].IsDone);
        GoTo(begun[0]);
        begun.RemoveAt(0);
        return LastCheckpointDigest;
    }

    public void CheckpointIsStable(SequenceNumber number) => Stable = number;

    public bool DropOldCheckpoint() => false;

    public void Rollback()
    {
        // What is prepared survives, also when nobody was told.
        if (begun.Count > 0 && begun[0].IsDone)
            GoTo(begun[0]);
        begun.Clear();
        Writes = writesAtCheckpoint;
    }

    public void Dispose()
    {
    }

    private void GoTo(Work done)
    {
        LastCheckpoint = done.Number;
        LastCheckpointAnnex = done.Annex;
        LastCheckpointDigest = Digest.Of(BitConverter.GetBytes(done.Writes));
        writesAtCheckpoint = done.Writes;
    }

    private sealed record Work(SequenceNumber Number, ulong Writes, byte[] Annex) : ICheckpointWork
    {
        public bool IsDone { get; private set; }

        public void Run() => IsDone = true;
    }
}

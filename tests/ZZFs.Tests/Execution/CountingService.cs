using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Execution;

/// <summary>
/// A service in which every execution shows: writes count up and return the count, reads return as many bytes as they ask
/// for, beginning with the number of reads so far. Checkpoints survive <see cref="Rollback"/>, as on a disk.
/// </summary>
internal sealed class CountingService : IFileService
{
    private ulong writesAtCheckpoint;

    public SequenceNumber LastCheckpoint { get; private set; }

    public ReadOnlyMemory<byte> LastCheckpointAnnex { get; private set; }

    public Digest LastCheckpointDigest { get; private set; }

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

    public Digest TakeCheckpoint(SequenceNumber number, ReadOnlySpan<byte> annex)
    {
        LastCheckpoint = number;
        LastCheckpointAnnex = annex.ToArray();
        writesAtCheckpoint = Writes;
        return LastCheckpointDigest = Digest.Of(BitConverter.GetBytes(Writes));
    }

    public void Rollback() => Writes = writesAtCheckpoint;

    public void Dispose()
    {
    }
}

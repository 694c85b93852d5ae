using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace Simulation;

/// <summary>
/// The smallest service that shows order, loss and repetition: counters that operations add to. The result is the sum, so
/// that with distinct addends every result tells exactly which operations came before.
/// </summary>
/// <remarks>Operation: code (1), counter (4), addend (8). Result: Number, the sum.</remarks>
internal sealed class CounterService : IFileService
{
    private readonly SortedDictionary<uint, ulong> counters = [];
    private SortedDictionary<uint, ulong> saved = [];
    private byte[] savedAnnex = [];

    public SequenceNumber LastCheckpoint { get; private set; }

    public ReadOnlyMemory<byte> LastCheckpointAnnex => savedAnnex;

    public Digest LastCheckpointDigest { get; private set; }

    public static byte[] Encode(uint counter, ulong addend)
    {
        var writer = new MessageWriter(16);
        writer.WriteByte(SessionOperation.FirstFileOperation);
        writer.WriteUInt32(counter);
        writer.WriteUInt64(addend);
        return writer.ToArray();
    }

    public static (uint Counter, ulong Addend) Decode(ReadOnlyMemory<byte> operation)
    {
        var reader = new MessageReader(operation);
        reader.ReadByte();
        return (reader.ReadUInt32(), reader.ReadUInt64());
    }

    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result)
    {
        (uint counter, ulong addend) = Decode(operation);
        ulong sum = counters.GetValueOrDefault(counter) + addend;
        counters[counter] = sum;
        OperationCodec.EncodeResult(new OperationResult { Number = sum }, result);
    }

    public void EndSession(SessionId session)
    {
    }

    public Digest TakeCheckpoint(SequenceNumber number, ReadOnlySpan<byte> annex)
    {
        LastCheckpoint = number;
        savedAnnex = annex.ToArray();
        saved = new SortedDictionary<uint, ulong>(counters);
        var writer = new MessageWriter();
        foreach ((uint counter, ulong sum) in counters)
        {
            writer.WriteUInt32(counter);
            writer.WriteUInt64(sum);
        }

        return LastCheckpointDigest = Digest.Of(writer.Written);
    }

    public void Rollback()
    {
        counters.Clear();
        foreach ((uint counter, ulong sum) in saved)
            counters[counter] = sum;
    }

    public void Dispose()
    {
    }
}

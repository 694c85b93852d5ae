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
    private readonly List<Version> begun = [];
    private Version last = new(default, [], []) { IsDone = true };

    public SequenceNumber LastCheckpoint => last.Number;

    public ReadOnlyMemory<byte> LastCheckpointAnnex => last.Annex;

    public Digest LastCheckpointDigest => last.Number.Value == 0 ? default : last.Digest;

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

    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex) =>
        begun.Add(new Version(number, annex.ToArray(), new SortedDictionary<uint, ulong>(counters)));

    public ICheckpointWork PrepareCheckpoint() => begun[0];

    public Digest FinishCheckpoint(ICheckpointWork work)
    {
        last = begun[0];
        begun.RemoveAt(0);
        return ReferenceEquals(work, last) && last.IsDone ? last.Digest : throw new SimulationFailure($"{work.Number} is finished and was not prepared");
    }

    public void CheckpointIsStable(SequenceNumber number)
    {
    }

    public bool DropOldCheckpoint() => false;

    public void Rollback()
    {
        if (begun.Count > 0 && begun[0].IsDone)
            last = begun[0];
        begun.Clear();
        counters.Clear();
        foreach ((uint counter, ulong sum) in last.Counters)
            counters[counter] = sum;
    }

    public void Dispose()
    {
    }

    private sealed record Version(SequenceNumber Number, byte[] Annex, SortedDictionary<uint, ulong> Counters) : ICheckpointWork
    {
        public bool IsDone { get; set; }

        public Digest Digest
        {
            get
            {
                var writer = new MessageWriter();
                foreach ((uint counter, ulong sum) in Counters)
                {
                    writer.WriteUInt32(counter);
                    writer.WriteUInt64(sum);
                }

                return Digest.Of(writer.Written);
            }
        }

        public void Run() => IsDone = true;
    }
}

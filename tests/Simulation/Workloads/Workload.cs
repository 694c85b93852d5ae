using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;
using ZZFs.Execution;

namespace Simulation;

/// <summary>
/// What clients do, what executes it, and a plain model of that which is executed anew, apart from it, to judge the
/// answers by.
/// </summary>
internal abstract class Workload
{
    /// <summary>The service of one execution replica.</summary>
    public abstract IFileService MakeService();

    /// <summary>What a client knows of its operations.</summary>
    public abstract IOperationSemantics MakeSemantics();

    /// <summary>Makes up a client's next operation.</summary>
    public abstract ReadOnlyMemory<byte> Next(PartyId client, ulong id, DeterministicRandom random);

    /// <summary>A client learns what came of its operation.</summary>
    public virtual void Learn(PartyId client, OperationResult result, DeterministicRandom random)
    {
    }

    /// <summary>The number of the call in whose name an operation was executed; null for what no honest client sent.</summary>
    public abstract ulong? FindId(ReadOnlyMemory<byte> operation);

    /// <summary>The result that the model gives for each of some operations, executed in this order from the beginning.</summary>
    public abstract IEnumerable<ReadOnlyMemory<byte>> Replay(IEnumerable<Executed> history);

    /// <summary>Whether an operation leaves the state as it is.</summary>
    public abstract bool OnlyReads(ReadOnlyMemory<byte> operation);

    /// <summary>Whether two results tell the same, whatever the names of objects and the times.</summary>
    public abstract bool TellTheSame(OperationResult one, OperationResult other);
}

/// <summary>Counters that are added to: the smallest work that shows order, loss and repetition.</summary>
internal sealed class CounterWorkload : Workload
{
    private const uint Counters = 4;

    public override IFileService MakeService() => new CounterService();

    public override IOperationSemantics MakeSemantics() => new OpaqueOperations();

    public override ReadOnlyMemory<byte> Next(PartyId client, ulong id, DeterministicRandom random) =>
        CounterService.Encode((uint)random.Next((int)Counters), id);

    public override ulong? FindId(ReadOnlyMemory<byte> operation)
    {
        (uint counter, ulong addend) = CounterService.Decode(operation);
        return counter < Counters ? addend : null;
    }

    public override IEnumerable<ReadOnlyMemory<byte>> Replay(IEnumerable<Executed> history)
    {
        var sums = new Dictionary<uint, ulong>();
        var writer = new MessageWriter(64);
        foreach (Executed executed in history)
        {
            if (executed.Operation.IsEmpty)
            {
                yield return default;
                continue;
            }

            (uint counter, ulong addend) = CounterService.Decode(executed.Operation);
            sums[counter] = sums.GetValueOrDefault(counter) + addend;
            writer.Clear();
            OperationCodec.EncodeResult(new OperationResult { Number = sums[counter] }, writer);
            yield return writer.ToArray();
        }
    }

    public override bool OnlyReads(ReadOnlyMemory<byte> operation) => false;

    public override bool TellTheSame(OperationResult one, OperationResult other) =>
        one.Error == other.Error && one.Number == other.Number;
}

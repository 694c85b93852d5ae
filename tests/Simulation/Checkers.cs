using Agreement.Messages;

namespace Simulation;

/// <summary>Watches from outside what the cores say, and throws when a promise is broken.</summary>
internal sealed class Checkers
{
    private readonly Dictionary<(ulong Incarnation, ulong Number), Digest> order = [];
    private readonly Dictionary<ulong, Digest> roots = [];
    private readonly Dictionary<(uint Counter, ulong Sum), ulong> results = [];
    private readonly Dictionary<uint, ulong> acknowledged = [];
    private readonly Dictionary<uint, SortedDictionary<ulong, ulong>> byCounter = [];

    /// <summary>Operations that clients got answers to.</summary>
    public int Completed { get; private set; }

    /// <summary>A correct agreement replica states that this history stands at this number: there is one order only.</summary>
    public void Ordered(PartyId who, in Order statement)
    {
        (ulong, ulong) key = (statement.Incarnation.Value, statement.Number.Value);
        if (!order.TryAdd(key, statement.History) && order[key] != statement.History)
            throw new SimulationFailure($"{who} delivered another batch at {statement.Number}: two orders");
    }

    /// <summary>A correct execution replica signed this root: there is one state at each number only.</summary>
    public void Rooted(PartyId who, Checkpoint checkpoint)
    {
        if (!roots.TryAdd(checkpoint.Number.Value, checkpoint.Root) && roots[checkpoint.Number.Value] != checkpoint.Root)
            throw new SimulationFailure($"{who} has another root at {checkpoint.Number}");
    }

    /// <summary>
    /// An operation that added <paramref name="addend"/> was answered: sums of one counter must be those of some order in
    /// which each operation happened once, and which respects real time.
    /// </summary>
    public void Answered(uint counter, ulong addend, ulong sum, ulong highestBefore)
    {
        Completed++;
        if (!results.TryAdd((counter, sum), addend))
            throw new SimulationFailure($"two operations on counter {counter} got the same sum {sum}");
        if (sum < addend + highestBefore)
            throw new SimulationFailure($"an answer on counter {counter} ignores an operation that was answered before it began");
        acknowledged[counter] = acknowledged.GetValueOrDefault(counter) + addend;
        if (!byCounter.TryGetValue(counter, out SortedDictionary<ulong, ulong>? sums))
            byCounter.Add(counter, sums = []);
        sums.Add(sum, addend);
    }

    /// <summary>The highest sum that anybody was told of this counter.</summary>
    public ulong HighestSum(uint counter) =>
        byCounter.TryGetValue(counter, out SortedDictionary<ulong, ulong>? sums) && sums.Count > 0 ? sums.Keys.Last() : 0;

    /// <summary>When all operations are answered, the answers must chain without gaps: each happened exactly once.</summary>
    /// <returns>What is answered and not in the state; null if nothing.</returns>
    public string? FindLost(IReadOnlyDictionary<uint, ulong> counters)
    {
        foreach ((uint counter, SortedDictionary<ulong, ulong> sums) in byCounter)
        {
            ulong before = 0;
            foreach ((ulong sum, ulong addend) in sums)
            {
                if (sum - addend != before)
                    throw new SimulationFailure($"counter {counter}: {addend} was added to {sum - addend}, but the sum was {before}: lost or repeated");
                before = sum;
            }

            if (counters.GetValueOrDefault(counter) != acknowledged[counter])
                return $"counter {counter} is {counters.GetValueOrDefault(counter)}, acknowledged were {acknowledged[counter]}";
        }

        return null;
    }
}

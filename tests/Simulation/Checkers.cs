using Agreement.Messages;

namespace Simulation;

/// <summary>Watches from outside what the cores say, and throws when a promise is broken.</summary>
internal sealed class Checkers
{
    private readonly Dictionary<(ulong Incarnation, ulong Number), Digest> order = [];
    private readonly SortedDictionary<ulong, ulong> durable = [];
    private readonly Dictionary<ulong, Digest> roots = [];

    /// <summary>
    /// A correct agreement replica states that this history stands at this number: in a log incarnation there is one order
    /// only, and what an earlier one had made durable is part of it.
    /// </summary>
    public void Ordered(PartyId who, in Order statement)
    {
        ulong incarnation = statement.Incarnation.Value;
        ulong number = statement.Number.Value;
        if (!order.TryAdd((incarnation, number), statement.History))
        {
            if (order[(incarnation, number)] != statement.History)
                throw new SimulationFailure($"{who} delivered another batch at {statement.Number}: two orders");
            return;
        }

        foreach ((ulong other, ulong upTo) in durable)
        {
            if (number <= upTo && order.TryGetValue((other, number), out Digest history) && history != statement.History)
                throw new SimulationFailure($"{who} delivered in incarnation {incarnation} another batch at {number} than was durable in {other}");
        }
    }

    /// <summary>A correct execution replica lets out something that says that all up to a number is durable.</summary>
    public void Durable(Incarnation incarnation, SequenceNumber number) =>
        durable[incarnation.Value] = Math.Max(durable.GetValueOrDefault(incarnation.Value), number.Value);

    /// <summary>A correct execution replica signed this root: there is one state at each number only.</summary>
    public void Rooted(PartyId who, Checkpoint checkpoint)
    {
        if (!roots.TryAdd(checkpoint.Number.Value, checkpoint.Root) && roots[checkpoint.Number.Value] != checkpoint.Root)
            throw new SimulationFailure($"{who} has another root at {checkpoint.Number}");
    }
}

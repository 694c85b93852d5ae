using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client;

/// <summary>A change that was executed and that a new log incarnation may lose.</summary>
/// <param name="Operation">The encoded operation, in the client's names.</param>
/// <param name="Result">What the client was told.</param>
/// <param name="Session">In which session it was executed.</param>
/// <param name="Slot">In which slot.</param>
/// <param name="SlotSequence">Under which sequence number of the slot.</param>
/// <param name="Incarnation">Log incarnation of its certified reply.</param>
/// <param name="Number">Where it stands in that incarnation's order.</param>
public sealed record UnsyncedOperation(
    ReadOnlyMemory<byte> Operation,
    OperationResult Result,
    SessionId Session,
    ushort Slot,
    ulong SlotSequence,
    Incarnation Incarnation,
    SequenceNumber Number);

/// <summary>
/// The changes that a client keeps until f + 1 active execution replicas vouch, by the synced number of their replies and
/// under the same log incarnation, that they are on disk (DESIGN §6; as unstable writes and the write verifier of NFSv3).
/// </summary>
public sealed class UnsyncedOperations(Quorum quorum)
{
    // By incarnation, number, and completion: the order in which they have to happen again.
    private readonly List<UnsyncedOperation> kept = [];
    private readonly (Incarnation Incarnation, SequenceNumber Synced)[] statements = new (Incarnation, SequenceNumber)[quorum.ExecutionReplicas];

    // The last number that f + 1 vouched for, and in which incarnation.
    private (Incarnation Incarnation, SequenceNumber Number) durable;

    /// <summary>How many are kept.</summary>
    public int Count => kept.Count;

    /// <summary>Bytes of the operations kept.</summary>
    public long Bytes { get; private set; }

    /// <summary>Keeps a change that was executed, unless it is on disk already.</summary>
    public void Add(UnsyncedOperation operation)
    {
        if (IsDurable(operation))
            return;
        int place = kept.Count;
        while (place > 0 && IsAfter(kept[place - 1], operation))
            place--;
        kept.Insert(place, operation);
        Bytes += operation.Operation.Length;
    }

    /// <summary>Takes an execution replica's statement of what is on disk, and drops what f + 1 vouch for.</summary>
    /// <param name="sender">Index of the execution replica; its highest statement under its newest incarnation counts.</param>
    /// <param name="incarnation">Log incarnation of its reply.</param>
    /// <param name="synced">Everything up to here is on disk in that incarnation.</param>
    /// <param name="active">Mask of the execution replicas that are active.</param>
    public void Vouch(int sender, Incarnation incarnation, SequenceNumber synced, uint active)
    {
        (Incarnation Incarnation, SequenceNumber Synced) known = statements[sender];
        int order = incarnation.CompareTo(known.Incarnation);
        if (order < 0 || (order == 0 && synced <= known.Synced))
            return;
        statements[sender] = (incarnation, synced);
        Span<SequenceNumber> sorted = stackalloc SequenceNumber[statements.Length];
        for (int i = 0; i < statements.Length; i++)
            sorted[i] = (active & (1u << i)) != 0 && statements[i].Incarnation == incarnation ? statements[i].Synced : default;
        sorted.Sort();
        SequenceNumber vouched = sorted[^quorum.Weak];
        if (vouched.Value > 0)
            Settle(incarnation, vouched);
    }

    /// <summary>
    /// It is certain that everything up to a number is on disk: f + 1 say so, or the certified reply to an FSYNC does, which
    /// nobody correct vouches for before. A client that is starved of replies has only the latter.
    /// </summary>
    public void Settle(Incarnation incarnation, SequenceNumber number)
    {
        int order = incarnation.CompareTo(durable.Incarnation);
        if (order < 0 || (order == 0 && number <= durable.Number))
            return;
        durable = (incarnation, number);
        Drop();
    }

    /// <summary>
    /// A new incarnation began: takes out what is lost in it, in the order in which it has to happen again. What survived
    /// stays, as part of the new incarnation.
    /// </summary>
    /// <param name="incarnation">The new log incarnation.</param>
    /// <param name="survived">Tells whether an operation is in its order.</param>
    public List<UnsyncedOperation> TakeLost(Incarnation incarnation, Func<UnsyncedOperation, bool> survived)
    {
        var lost = new List<UnsyncedOperation>();
        var rest = new List<UnsyncedOperation>();
        foreach (UnsyncedOperation operation in kept)
        {
            if (survived(operation))
                rest.Add(operation with { Incarnation = incarnation });
            else
                lost.Add(operation);
        }

        kept.Clear();
        Bytes = 0;
        foreach (UnsyncedOperation operation in rest)
            Add(operation);
        return lost;
    }

    private static bool IsAfter(UnsyncedOperation one, UnsyncedOperation other)
    {
        int order = one.Incarnation.CompareTo(other.Incarnation);
        return order > 0 || (order == 0 && one.Number > other.Number);
    }

    private bool IsDurable(UnsyncedOperation operation) =>
        operation.Incarnation == durable.Incarnation && operation.Number <= durable.Number;

    private void Drop() => kept.RemoveAll(operation =>
    {
        if (!IsDurable(operation))
            return false;
        Bytes -= operation.Operation.Length;
        return true;
    });
}

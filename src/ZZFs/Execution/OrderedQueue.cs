using Agreement.Messages;

namespace ZZFs.Execution;

/// <summary>
/// Collects ORDER statements and says which batch is next: the one that f + 1 agreement replicas state alike for the next
/// number (one of them is correct, and sends only what it committed). Statements are counted per value, so a liar's can't
/// hide those of others.
/// </summary>
public sealed class OrderedQueue
{
    /// <summary>Numbers ahead of the next one about which statements are kept.</summary>
    public const int Window = 2 * Limits.MaximumCheckpointInterval;

    private readonly Order?[][] statements;
    private readonly Quorum quorum;

    // Per agreement replica, the highest number that it made a statement about.
    private readonly SequenceNumber[] highest;

    /// <summary>Starts with nothing ordered.</summary>
    public OrderedQueue(Quorum quorum)
    {
        this.quorum = quorum;
        highest = new SequenceNumber[quorum.AgreementReplicas];
        statements = new Order?[Window][];
        for (int i = 0; i < Window; i++)
            statements[i] = new Order?[quorum.AgreementReplicas];
    }

    /// <summary>Last number that was taken.</summary>
    public SequenceNumber Executed { get; private set; }

    /// <summary>
    /// Whether f + 1 agreement replicas made statements about numbers that were not taken yet; fewer may be liars, who
    /// must not be able to keep a replica asking for what is not there.
    /// </summary>
    public bool IsBehind
    {
        get
        {
            int ahead = 0;
            foreach (SequenceNumber number in highest)
            {
                if (number > Executed)
                    ahead++;
            }

            return ahead >= quorum.Weak;
        }
    }

    /// <summary>The log incarnation whose statements count.</summary>
    public Incarnation Incarnation { get; private set; }

    /// <summary>Starts again after <paramref name="executed"/>, in a log incarnation; its statements that are here stay.</summary>
    public void Reset(SequenceNumber executed, Incarnation incarnation)
    {
        Executed = executed;
        Incarnation = incarnation;
        Array.Fill(highest, executed);
        foreach (Order?[] slot in statements)
        {
            for (int sender = 0; sender < slot.Length; sender++)
            {
                if (slot[sender] is { } kept && kept.Incarnation == incarnation && kept.Number > executed)
                    highest[sender] = kept.Number > highest[sender] ? kept.Number : highest[sender];
                else
                    slot[sender] = null;
            }
        }
    }

    /// <summary>Takes a statement of agreement replica <paramref name="sender"/>; its last one about a number counts.</summary>
    /// <returns>False when the number is out of reach.</returns>
    public bool Add(int sender, in Order order)
    {
        // A higher incarnation may soon be ours, and then these numbers come again.
        if (order.Number <= Executed && order.Incarnation.CompareTo(Incarnation) <= 0)
            return true;
        if (order.Number.Value > Executed.Value + Window)
            return false;
        this[order.Number][sender] = order;
        if (order.Number > highest[sender])
            highest[sender] = order.Number;
        return true;
    }

    /// <summary>The batch at a number, if f + 1 statements agree on all but the epoch in which they were sent.</summary>
    /// <param name="number">A number above <see cref="Executed"/>.</param>
    /// <param name="order">The batch.</param>
    /// <param name="senders">Mask of the agreement replicas that state it.</param>
    public bool TryFind(SequenceNumber number, out Order order, out uint senders)
    {
        Order?[] slot = this[number];
        for (int i = 0; i < slot.Length; i++)
        {
            if (slot[i] is not { } candidate || candidate.Number != number || candidate.Incarnation != Incarnation)
                continue;
            senders = 0;
            int count = 0;
            for (int j = 0; j < slot.Length; j++)
            {
                if (slot[j] is { } other && IsSame(candidate, other))
                {
                    senders |= 1u << j;
                    count++;
                }
            }

            if (count >= quorum.Weak)
            {
                order = candidate;
                return true;
            }
        }

        order = default;
        senders = 0;
        return false;
    }

    /// <summary>Goes on to the next number.</summary>
    public void Take()
    {
        Array.Clear(this[Executed.Next]);
        Executed = Executed.Next;
    }

    private static bool IsSame(in Order one, in Order other) =>
        one.Number == other.Number
        && one.Incarnation == other.Incarnation
        && one.History == other.History
        && one.Batch.Digest == other.Batch.Digest;

    private Order?[] this[SequenceNumber number] => statements[(int)(number.Value % Window)];
}

using Agreement.Control;
using Agreement.Messages;

namespace Xen;

/// <summary>
/// The shell around <see cref="WakeDecision"/>: takes votes from the threads of the control plane, keeps the order on disk, and
/// tells the controller of changes.
/// </summary>
public sealed class OrderBook : IVoteSink
{
    private readonly Lock gate = new();
    private readonly WakeDecision decision;
    private readonly OrderFile file;
    private TaskCompletionSource changed = NewChange();
    private WakeOrder? saved;

    private OrderBook(WakeDecision decision, OrderFile file)
    {
        this.decision = decision;
        this.file = file;
        saved = decision.Order;
    }

    /// <summary>The order that is on disk and may be acted on; null while there is none. Any thread may ask.</summary>
    public WakeOrder? Order
    {
        get
        {
            lock (gate)
                return saved;
        }
    }

    /// <summary>Completes at the next order that comes after the call. Any thread may ask.</summary>
    public Task Changed
    {
        get
        {
            lock (gate)
                return changed.Task;
        }
    }

    /// <summary>Reads the order file. One that is damaged or forged counts as none, and the log says so.</summary>
    public static OrderBook Open(WakeDecision decision, OrderFile file, NodeLog log)
    {
        if (file.Load(decision) is { } problem)
            log.Write($"{problem}, so it counts as none: until new orders come the replica does what the cluster file says");
        else if (decision.Order is { } order)
            log.Write($"the order is {order}");
        return new OrderBook(decision, file);
    }

    /// <inheritdoc/>
    public WakeOrder? Take(IReadOnlyList<ReadOnlyMemory<byte>> votes)
    {
        TaskCompletionSource? raised = null;
        WakeOrder? order;
        lock (gate)
        {
            if (decision.Take(votes))
            {
                raised = changed;
                changed = NewChange();
            }

            order = decision.Order;
        }

        raised?.SetResult();
        return order;
    }

    /// <summary>Brings the highest order to the disk, if it isn't there. One caller at a time.</summary>
    /// <returns>Whether there is a new <see cref="Order"/> by it.</returns>
    /// <exception cref="IOException">The disk refuses; <see cref="Order"/> stays what it was.</exception>
    public bool Save()
    {
        WakeOrder? order;
        IReadOnlyList<ReadOnlyMemory<byte>> votes;
        lock (gate)
        {
            order = decision.Order;
            votes = decision.Votes;
            if (order == saved)
                return false;
        }

        file.Save(votes);
        lock (gate)
            saved = order;
        return true;
    }

    /// <summary>Votes that did not count, by reason. Any thread may ask.</summary>
    public IReadOnlyDictionary<string, ulong> Counters()
    {
        lock (gate)
            return decision.Rejections.Snapshot();
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

using Agreement.Messages;

namespace Agreement.Protocol;

// When another view is wanted: something waits for too long, or the primary is slower than it need be (DESIGN §4, §5).
public sealed partial class Replica
{
    /// <summary>A longer patience than this many doublings helps nobody.</summary>
    internal const int MaximumDoublings = 6;

    /// <summary>In a view that makes progress the patience halves after this time, in milliseconds.</summary>
    private const long ShrinkMilliseconds = 5000;

    private readonly PrimaryPace pace;
    private readonly Action<Request> passOn;
    private int viewsWithoutProgress;
    private long enteredAt;
    private long shrunkAt;
    private long deliveredAt;
    private long primaryLostAt;
    private SequenceNumber durabilityWanted;
    private long durabilityWantedAt;

    /// <summary>Why this replica wanted other views, and how often.</summary>
    public SuspicionCounters Suspicions { get; } = new();

    private long CurrentPatience => (long)options.ViewChangeMilliseconds << Math.Min(viewsWithoutProgress, MaximumDoublings);

    // What waits may wait less when the link to the primary is down: it is dead, most likely.
    private long PatienceWithPrimary
    {
        get
        {
            bool lost = primaryLostAt != 0 && !IsPrimary && now - primaryLostAt >= options.PrimaryDownMilliseconds;
            return lost ? Math.Min(options.PrimaryDownMilliseconds, CurrentPatience) : CurrentPatience;
        }
    }

    private void TickSuspicion()
    {
        if (!InView)
            return;
        long patience = PatienceWithPrimary;
        Suspicion? suspicion = IsStuck(patience) ? Suspicion.Stuck
            : IsRequestOverdue(patience) ? Suspicion.RequestOverdue
            : IsDurabilityOverdue(2 * patience) ? Suspicion.DurabilityOverdue
            : IsEpochChangeOverdue(patience) ? Suspicion.EpochOverdue
            : !IsPrimary && pace.IsSlow(now) ? Suspicion.SlowPrimary
            : null;
        if (suspicion is { } reason)
        {
            if (wanted[id].CompareTo(View) <= 0)
                Suspicions.Count(reason);
            Want(new View(View.Value + 1));
        }
        else if (viewsWithoutProgress > 0 && deliveredAt > enteredAt && now - Math.Max(enteredAt, shrunkAt) >= ShrinkMilliseconds)
        {
            viewsWithoutProgress--;
            shrunkAt = now;
        }
    }

    // A number was proposed, or is known to have been, and is not delivered.
    private bool IsStuck(long patience)
    {
        if (highestActive <= Delivered || !log.Holds(Delivered.Next))
            return false;
        long since = Math.Max(Math.Max(enteredAt, deliveredAt), activeSince);
        return now - since >= patience;
    }

    // The first request in a client's queue is not proposed, though the primary could: only what it holds back counts.
    // A signature is checked before a request can make anybody change views.
    private bool IsRequestOverdue(long patience)
    {
        if (Delivered >= HighestForRequests || logBytes >= options.MaximumLogBytes / 2)
            return false;
        long grace = IsPrimary ? patience / 8 : Math.Min(patience / 8, pace.PassOnMilliseconds);
        return pool.IsOverdue(now, enteredAt, grace, patience, isValid, passOn);
    }

    // The client may have left the primary out.
    private void PassOn(Request request)
    {
        if (!IsPrimary)
            Output.Send(new Recipients(1u << Primary, 0, null), request.Encoded.Span);
    }

    // 2f + 1 disks must have what an FSYNC or a checkpoint covers: a bad primary may have left a backup out.
    private bool IsDurabilityOverdue(long patience)
    {
        if (durabilityWanted <= LowWaterMark || DurableNumber() >= durabilityWanted)
        {
            durabilityWanted = default;
            return false;
        }

        return now - Math.Max(durabilityWantedAt, enteredAt) >= patience;
    }

    private void WantDurability(SequenceNumber number)
    {
        if (durabilityWanted.Value != 0)
            return;
        durabilityWanted = number;
        durabilityWantedAt = now;
    }

    // Highest number that 2f + 1 replicas, by their statements, have on disk in our incarnation with our history.
    private SequenceNumber DurableNumber()
    {
        Span<ulong> numbers = stackalloc ulong[peersSynced.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = i == id ? Synced.Value
                : peersSynced[i] is { } statement && statement.Incarnation == Incarnation
                    && HistoryAt(statement.Number) == statement.History ? statement.Number.Value
                : 0;
        }

        numbers.Sort();
        return new SequenceNumber(numbers[numbers.Length - quorum.Strong]);
    }

    // How long agreement takes when the primary has no hand in it. Who gets a proposal before the others waits for the primary,
    // too: a primary that favours another replica each time could make all believe that agreement is slow. But once f + 1
    // backups voted, the rest is theirs (they hand the proposal on), and takes about half of the whole.
    private void MeasureAgreement(LogSlot slot)
    {
        if (slot.BackedSince != 0)
            pace.Delivered(Math.Min(now - slot.Since, 2 * (now - slot.BackedSince)));
    }

    private void NoteBacked(LogSlot slot)
    {
        if (slot.BackedSince == 0 && slot.Prepares.HasAgreement(View, quorum.Weak, except: 1u << Primary))
            slot.BackedSince = now;
    }

    // The times by which the primary's pace is judged: for how long it has held the oldest request back that it proposes, or
    // passes over with room left. Only what we passed on to it counts, since clients may have left it out.
    private void MeasurePace(LogSlot slot)
    {
        if (IsPrimary || slot.Batch!.Kind != EntryKind.Requests || slot.Batch.Requests.Count == 0)
            return;
        long oldest = now;
        long bytes = 0;
        for (int i = 0; i < slot.Batch.Requests.Count; i++)
        {
            if (!pool.TryGetPassedOn(slot.Batch.Requests[i], out long passedOn, out int length))
                continue;
            if (passedOn > 0)
                oldest = Math.Min(oldest, passedOn);
            bytes += length;
        }

        if (slot.Batch.Requests.Count < Limits.MaximumBatchRequests && bytes < Limits.MaximumBatchBytes / 4)
            pace.Proposed(now - Math.Max(enteredAt, Math.Min(oldest, pool.OldestPassedOn(now))));
    }
}

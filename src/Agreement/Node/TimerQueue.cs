using Agreement.Messages;

namespace Agreement.Node;

/// <summary>
/// Timers in a binary heap, ordered by deadline and then by age. A timer knows its place in the heap, so that cancelling
/// it removes it at once: retransmission timers are nearly always cancelled, and must not pile up until they are due.
/// </summary>
internal sealed class TimerQueue
{
    private Timer[] heap = new Timer[64];
    private int count;
    private ulong nextAge;

    /// <summary>Timers that are neither due nor cancelled.</summary>
    public int Count => count;

    /// <summary>The earliest deadline; <see cref="long.MaxValue"/> when there is no timer.</summary>
    public long EarliestNanoseconds => count == 0 ? long.MaxValue : heap[0].DeadlineNanoseconds;

    /// <summary>Adds a timer; disposing it cancels it.</summary>
    public IDisposable Add(long deadlineNanoseconds, Action action)
    {
        var timer = new Timer(this, deadlineNanoseconds, nextAge++, action);
        if (count == heap.Length)
            Array.Resize(ref heap, count * 2);
        count++;
        SiftUp(count - 1, timer);
        return timer;
    }

    /// <summary>
    /// Runs what is due at <paramref name="nowNanoseconds"/>. Timers that the actions add wait for the next call, so
    /// that a timer of no delay that renews itself can't hold up the loop.
    /// </summary>
    public void RunDue(long nowNanoseconds)
    {
        ulong newTimers = nextAge;
        while (count > 0 && heap[0].DeadlineNanoseconds <= nowNanoseconds && heap[0].Age < newTimers)
        {
            Timer timer = heap[0];
            Remove(timer);
            timer.Action();
        }
    }

    private void Remove(Timer timer)
    {
        int place = timer.Place;
        Invariant.That(heap[place] == timer);
        timer.Place = -1;
        count--;
        Timer last = heap[count];
        heap[count] = null!;
        if (last == timer)
            return;
        SiftUp(place, last);
        SiftDown(last.Place, last);
    }

    private void SiftUp(int place, Timer timer)
    {
        while (place > 0)
        {
            int parent = (place - 1) / 2;
            if (!timer.Precedes(heap[parent]))
                break;
            Put(place, heap[parent]);
            place = parent;
        }

        Put(place, timer);
    }

    private void SiftDown(int place, Timer timer)
    {
        while (true)
        {
            int child = (2 * place) + 1;
            if (child >= count)
                break;
            if (child + 1 < count && heap[child + 1].Precedes(heap[child]))
                child++;
            if (!heap[child].Precedes(timer))
                break;
            Put(place, heap[child]);
            place = child;
        }

        Put(place, timer);
    }

    private void Put(int place, Timer timer)
    {
        heap[place] = timer;
        timer.Place = place;
    }

    private sealed class Timer(TimerQueue owner, long deadlineNanoseconds, ulong age, Action action) : IDisposable
    {
        public readonly long DeadlineNanoseconds = deadlineNanoseconds;
        public readonly ulong Age = age;
        public readonly Action Action = action;

        /// <summary>Index in the heap; -1 when it ran or was cancelled.</summary>
        public int Place = -1;

        public bool Precedes(Timer other) =>
            DeadlineNanoseconds != other.DeadlineNanoseconds
                ? DeadlineNanoseconds < other.DeadlineNanoseconds
                : Age < other.Age;

        public void Dispose()
        {
            if (Place >= 0)
                owner.Remove(this);
        }
    }
}

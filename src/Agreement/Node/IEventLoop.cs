namespace Agreement.Node;

/// <summary>
/// The one loop of a process: readiness of descriptors, timers, and work posted by other threads, all run on one thread,
/// so that nothing that it calls needs locks. While it runs, its synchronization context is the thread's, so the rest
/// of an async method continues on the loop.
/// </summary>
public interface IEventLoop
{
    /// <summary>Monotonic time, in milliseconds; the same value during one turn of the loop.</summary>
    long NowMilliseconds { get; }

    /// <summary>Calls <paramref name="onReadable"/> whenever the descriptor can be read (level-triggered) or has an error.</summary>
    void Register(int descriptor, Action onReadable);

    /// <summary>Calls <paramref name="onWritable"/> whenever the descriptor can be written; null stops that.</summary>
    void WatchWritable(int descriptor, Action? onWritable);

    /// <summary>Stops watching; must precede closing the descriptor.</summary>
    void Unregister(int descriptor);

    /// <summary>Runs <paramref name="action"/> once after a delay. Disposing the result before cancels it.</summary>
    IDisposable Schedule(TimeSpan delay, Action action);

    /// <summary>Runs <paramref name="action"/> at the end of this turn, before the loop waits again: where writes are flushed together.</summary>
    void AtEndOfTurn(Action action);

    /// <summary>Runs <paramref name="action"/> on the loop soon. The only member that other threads may call.</summary>
    void Post(Action action);
}

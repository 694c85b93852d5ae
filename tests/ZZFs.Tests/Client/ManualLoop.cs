using Agreement.Node;

namespace ZZFs.Tests.Client;

/// <summary>An event loop without descriptors whose clock moves only when it is told to.</summary>
internal sealed class ManualLoop : IEventLoop
{
    private readonly Queue<Action> posted = new();
    private readonly List<Timer> timers = [];
    private readonly LoopContext context;

    public ManualLoop() => context = new LoopContext(this);

    public long NowMilliseconds { get; private set; } = 1_000_000;

    public void Register(int descriptor, Action onReadable) => throw new NotSupportedException();

    public void WatchWritable(int descriptor, Action? onWritable) => throw new NotSupportedException();

    public void Unregister(int descriptor) => throw new NotSupportedException();

    public IDisposable Schedule(TimeSpan delay, Action action)
    {
        Timer timer = new(NowMilliseconds + (long)delay.TotalMilliseconds, action);
        timers.Add(timer);
        return timer;
    }

    public void AtEndOfTurn(Action action) => posted.Enqueue(action);

    public void Post(Action action)
    {
        lock (posted)
            posted.Enqueue(action);
    }

    /// <summary>Moves the clock and runs what is due.</summary>
    public void Advance(long milliseconds)
    {
        NowMilliseconds += milliseconds;
        foreach (Timer timer in timers.Where(timer => timer.Due <= NowMilliseconds).OrderBy(static timer => timer.Due).ToArray())
        {
            timers.Remove(timer);
            if (!timer.Cancelled)
                Post(timer.Action);
        }

        RunPosted();
    }

    /// <summary>Runs a function as the loop would, and everything that follows from it without waiting.</summary>
    public T Run<T>(Func<T> function)
    {
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        try
        {
            T result = function();
            RunPosted();
            return result;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    /// <summary>Runs an asynchronous function to its end, which must come without the clock moving.</summary>
    public T Await<T>(Func<ValueTask<T>> function) => Finished(Run(() => function().AsTask()));

    /// <summary>The result of a task that must have ended.</summary>
    public static T Finished<T>(Task<T> task)
    {
        Assert.True(task.IsCompleted, "The operation waits for something.");
        return task.GetAwaiter().GetResult();
    }

    private void RunPosted()
    {
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        while (posted.TryDequeue(out Action? action))
            action();
        SynchronizationContext.SetSynchronizationContext(outer);
    }

    private sealed class Timer(long due, Action action) : IDisposable
    {
        public long Due => due;

        public Action Action => action;

        public bool Cancelled { get; private set; }

        public void Dispose() => Cancelled = true;
    }

    private sealed class LoopContext(ManualLoop loop) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => loop.Post(() => d(state));
    }
}

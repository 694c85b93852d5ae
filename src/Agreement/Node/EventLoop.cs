using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>
/// The loop on Linux epoll. A turn is: one epoll_wait, the descriptors it named, the timers that are due, the work that
/// was posted, and last what was asked for with <see cref="AtEndOfTurn"/>. A turn allocates nothing of its own.
/// </summary>
/// <remarks>
/// An exception of a callback leaves <see cref="Run"/>: input from outside never throws (it is rejected and counted), so
/// an exception here is a broken assumption of ours, and the process should end.
/// </remarks>
public sealed unsafe class EventLoop : IEventLoop, IDisposable
{
    private const int EventsPerWait = 64;
    private const long NanosecondsPerMillisecond = 1_000_000;

    // struct epoll_event is packed on x86-64 and only there: events at 0, data at 4 or 8.
    private static readonly int EventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventBytes - 8;

    private readonly int epoll;
    private readonly int wakeDescriptor;
    private readonly byte* events;
    private readonly TimerQueue timers = new();
    private readonly List<Action> endOfTurn = [];
    private readonly Lock postLock = new();
    private readonly LoopContext context;
    private List<Posted> posted = [];
    private List<Posted> running = [];
    private Watch?[] watches = new Watch?[64];
    private uint nextGeneration;
    private long nowNanoseconds;
    private volatile int loopThread;
    private volatile bool stopping;
    private bool disposed;

    /// <summary>Opens the epoll and wake-up descriptors.</summary>
    /// <exception cref="IOException">The system gave no descriptor.</exception>
    public EventLoop()
    {
        context = new LoopContext(this);
        nowNanoseconds = ReadClock();
        epoll = Libc.EpollCreate(Libc.EpollCloseOnExec);
        if (epoll < 0)
            throw Failure("epoll_create1");
        wakeDescriptor = Libc.EventDescriptor(0, Libc.EventNonBlocking | Libc.EventCloseOnExec);
        if (wakeDescriptor < 0)
        {
            IOException failure = Failure("eventfd");
            _ = Libc.Close(epoll);
            throw failure;
        }

        events = (byte*)NativeMemory.AllocZeroed(EventsPerWait, (nuint)EventBytes);
        Register(wakeDescriptor, DrainWakeUps);
    }

    /// <inheritdoc/>
    public long NowMilliseconds => nowNanoseconds / NanosecondsPerMillisecond;

    /// <summary>Turns the calling thread into the loop until <see cref="Stop"/>; returns at the end of a turn.</summary>
    public void Run()
    {
        while (!stopping)
            RunTurn(Timeout.Infinite);
        stopping = false;
    }

    /// <summary>
    /// Runs one turn on the calling thread, waiting for something to do for at most <paramref name="timeoutMilliseconds"/>
    /// (-1: for ever). Either this or <see cref="Run"/> drives a loop, one thread at a time.
    /// </summary>
    public void RunTurn(int timeoutMilliseconds)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        loopThread = Environment.CurrentManagedThreadId;
        try
        {
            // What was asked for outside a turn, while a node was set up, is flushed before the wait.
            RunEndOfTurn();
            int ready = Wait(timeoutMilliseconds);
            nowNanoseconds = ReadClock();
            for (int index = 0; index < ready; index++)
                DispatchEvent(events + (index * EventBytes));
            timers.RunDue(nowNanoseconds);
            RunPosted();
            RunEndOfTurn();
        }
        finally
        {
            loopThread = 0;
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    /// <summary>Makes <see cref="Run"/> return at the end of its turn. Any thread may call it.</summary>
    public void Stop()
    {
        stopping = true;
        Wake();
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The descriptor can't be watched: it is closed, or a regular file.</exception>
    public void Register(int descriptor, Action onReadable)
    {
        Watch watch = FindOrAdd(descriptor);
        Invariant.That(watch.OnReadable is null);
        watch.OnReadable = onReadable;
        Apply(watch);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The descriptor can't be watched: it is closed, or a regular file.</exception>
    public void WatchWritable(int descriptor, Action? onWritable)
    {
        if (onWritable is null && Find(descriptor) is null)
            return;
        Watch watch = FindOrAdd(descriptor);
        watch.OnWritable = onWritable;
        Apply(watch);
    }

    /// <inheritdoc/>
    public void Unregister(int descriptor)
    {
        CheckThread();
        if (Find(descriptor) is not Watch watch)
            return;
        watches[descriptor] = null;
        if (watch.Added)
            _ = Libc.EpollControl(epoll, Libc.EpollDelete, descriptor, null);
    }

    /// <inheritdoc/>
    public IDisposable Schedule(TimeSpan delay, Action action)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        CheckThread();
        // The clock of this moment: the turn's own may be old, and the timer would come too early by as much.
        return timers.Add(ReadClock() + (delay.Ticks * TimeSpan.NanosecondsPerTick), action);
    }

    /// <inheritdoc/>
    public void AtEndOfTurn(Action action)
    {
        CheckThread();
        endOfTurn.Add(action);
    }

    /// <inheritdoc/>
    public void Post(Action action) => Enqueue(new Posted(action, null, null));

    /// <summary>Closes the loop's own descriptors; those that were registered belong to who registered them.</summary>
    public void Dispose()
    {
        Invariant.That(loopThread == 0);
        if (disposed)
            return;
        // Under the lock, since another thread may be about to write to the wake-up descriptor.
        lock (postLock)
        {
            disposed = true;
            _ = Libc.Close(wakeDescriptor);
            _ = Libc.Close(epoll);
        }

        NativeMemory.Free(events);
    }

    private static long ReadClock() => Stopwatch.GetElapsedTime(0).Ticks * TimeSpan.NanosecondsPerTick;

    private static IOException Failure(string call) =>
        new($"{call} failed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");

    private int Wait(int timeoutMilliseconds)
    {
        int timeout = ShortenToNextTimer(timeoutMilliseconds);
        int ready = Libc.EpollWait(epoll, events, EventsPerWait, timeout);
        if (ready >= 0)
            return ready;
        if (Marshal.GetLastPInvokeError() != Libc.ErrorInterrupted)
            throw Failure("epoll_wait");
        return 0;
    }

    private int ShortenToNextTimer(int timeoutMilliseconds)
    {
        // Work that the loop's own thread posted did not write to the wake-up descriptor.
        lock (postLock)
        {
            if (posted.Count > 0)
                return 0;
        }

        if (timers.EarliestNanoseconds == long.MaxValue || timeoutMilliseconds == 0)
            return timeoutMilliseconds;
        // Rounded up: waking a moment too early would spin until the timer is due.
        long milliseconds = (timers.EarliestNanoseconds - ReadClock() + NanosecondsPerMillisecond - 1) / NanosecondsPerMillisecond;
        long bound = timeoutMilliseconds < 0 ? int.MaxValue : timeoutMilliseconds;
        return (int)Math.Clamp(milliseconds, 0, bound);
    }

    private void DispatchEvent(byte* epollEvent)
    {
        uint ready = Unsafe.ReadUnaligned<uint>(epollEvent);
        ulong data = Unsafe.ReadUnaligned<ulong>(epollEvent + DataOffset);
        int descriptor = (int)(uint)data;
        // An earlier callback of this turn may have closed the descriptor, and another object may have its number now.
        if (Find(descriptor) is not Watch watch || watch.Generation != (uint)(data >> 32))
            return;
        bool failed = (ready & ~(Libc.EpollIn | Libc.EpollOut)) != 0;
        if (watch.OnReadable is not null && (failed || (ready & Libc.EpollIn) != 0))
            watch.OnReadable();
        if (watch.OnWritable is not null && (failed || (ready & Libc.EpollOut) != 0) && Find(descriptor) == watch)
            watch.OnWritable();
    }

    private void RunPosted()
    {
        lock (postLock)
            (posted, running) = (running, posted);
        try
        {
            for (int index = 0; index < running.Count; index++)
            {
                Posted work = running[index];
                if (work.Action is not null)
                    work.Action();
                else
                    work.Callback!(work.State);
            }
        }
        finally
        {
            running.Clear();
        }
    }

    private void RunEndOfTurn()
    {
        try
        {
            // By index, since an action may ask for more: what it queues must leave before the loop waits as well.
            for (int index = 0; index < endOfTurn.Count; index++)
                endOfTurn[index]();
        }
        finally
        {
            endOfTurn.Clear();
        }
    }

    private void Enqueue(in Posted work)
    {
        bool wake;
        lock (postLock)
        {
            wake = posted.Count == 0 && loopThread != Environment.CurrentManagedThreadId;
            posted.Add(work);
        }

        if (wake)
            Wake();
    }

    private void Wake()
    {
        ulong one = 1;
        lock (postLock)
        {
            // A full counter (EAGAIN) wakes the loop as well; a loop that is gone has nobody to wake.
            if (!disposed)
                _ = Libc.Write(wakeDescriptor, (byte*)&one, sizeof(ulong));
        }
    }

    private void DrainWakeUps()
    {
        ulong count;
        _ = Libc.Read(wakeDescriptor, (byte*)&count, sizeof(ulong));
    }

    // Everything here and in what the loop calls is without locks: a call from another thread would break it silently.
    private void CheckThread() => Invariant.That(loopThread == 0 || loopThread == Environment.CurrentManagedThreadId);

    private Watch? Find(int descriptor) =>
        (uint)descriptor < (uint)watches.Length ? watches[descriptor] : null;

    private Watch FindOrAdd(int descriptor)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(descriptor);
        CheckThread();
        if (Find(descriptor) is Watch known)
            return known;
        if (descriptor >= watches.Length)
            Array.Resize(ref watches, Math.Max(watches.Length * 2, descriptor + 1));
        return watches[descriptor] = new Watch(descriptor, nextGeneration++);
    }

    private void Apply(Watch watch)
    {
        uint interest = (watch.OnReadable is null ? 0 : Libc.EpollIn) | (watch.OnWritable is null ? 0 : Libc.EpollOut);
        byte* epollEvent = stackalloc byte[16];
        Unsafe.WriteUnaligned(epollEvent, interest);
        Unsafe.WriteUnaligned(epollEvent + DataOffset, (uint)watch.Descriptor | ((ulong)watch.Generation << 32));
        int operation = watch.Added ? Libc.EpollModify : Libc.EpollAdd;
        if (Libc.EpollControl(epoll, operation, watch.Descriptor, epollEvent) < 0)
        {
            IOException failure = Failure("epoll_ctl");
            if (!watch.Added)
                watches[watch.Descriptor] = null;
            throw failure;
        }

        watch.Added = true;
    }

    private sealed class Watch(int descriptor, uint generation)
    {
        public readonly int Descriptor = descriptor;
        public readonly uint Generation = generation;
        public Action? OnReadable;
        public Action? OnWritable;
        public bool Added;
    }

    private readonly record struct Posted(Action? Action, SendOrPostCallback? Callback, object? State);

    private sealed class LoopContext(EventLoop loop) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => loop.Enqueue(new Posted(null, d, state));

        public override void Send(SendOrPostCallback d, object? state)
        {
            if (loop.loopThread != Environment.CurrentManagedThreadId)
                throw new NotSupportedException("Only Post reaches the loop from another thread.");
            d(state);
        }

        public override SynchronizationContext CreateCopy() => this;
    }
}

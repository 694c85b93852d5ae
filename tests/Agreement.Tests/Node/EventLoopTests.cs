using System.Diagnostics;
using System.IO.Pipes;
using System.Runtime.InteropServices;
using Agreement.Messages;
using Agreement.Node;

namespace Agreement.Tests.Node;

public sealed class EventLoopTests : IDisposable
{
    private readonly EventLoop loop = new();

    public void Dispose() => loop.Dispose();

    [Fact]
    public void Timers_run_in_the_order_of_their_deadlines_and_of_their_age_within_one()
    {
        var order = new List<string>();
        loop.Schedule(TimeSpan.FromMilliseconds(12), () =>
        {
            order.Add("late");
            loop.Stop();
        });
        loop.Schedule(TimeSpan.FromMilliseconds(2), () => order.Add("early"));
        loop.Schedule(TimeSpan.Zero, () => order.Add("first"));
        loop.Schedule(TimeSpan.Zero, () => order.Add("second"));

        loop.Run();

        Assert.Equal(["first", "second", "early", "late"], order);
    }

    [Fact]
    public void A_timer_never_comes_early()
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan took = default;
        loop.Schedule(TimeSpan.FromMilliseconds(5), () =>
        {
            took = Stopwatch.GetElapsedTime(start);
            loop.Stop();
        });

        loop.Run();

        Assert.True(took >= TimeSpan.FromMilliseconds(5), $"after {took}");
    }

    [Fact]
    public void A_cancelled_timer_does_not_run_and_leaves_the_others_alone()
    {
        var random = new Random(7);
        var expected = new List<int>();
        var ran = new List<int>();
        var timers = new List<(int Delay, IDisposable Timer)>();
        for (int i = 0; i < 500; i++)
        {
            int delay = random.Next(0, 20);
            timers.Add((delay, loop.Schedule(TimeSpan.FromMilliseconds(delay), () => ran.Add(delay))));
        }

        foreach ((int delay, IDisposable timer) in timers)
        {
            if (random.Next(2) == 0)
                timer.Dispose();
            else
                expected.Add(delay);
        }

        loop.Schedule(TimeSpan.FromMilliseconds(25), loop.Stop);
        loop.Run();

        expected.Sort();
        ran.Sort();
        Assert.Equal(expected, ran);
    }

    [Fact]
    public void A_timer_of_no_delay_that_renews_itself_does_not_starve_what_was_posted()
    {
        int turns = 0;
        void Renew()
        {
            turns++;
            loop.Schedule(TimeSpan.Zero, Renew);
        }

        Renew();
        loop.Post(() => loop.Post(loop.Stop));
        loop.Run();

        Assert.InRange(turns, 2, 100);
    }

    [Fact]
    public void What_a_turn_queues_for_its_end_runs_before_the_loop_waits_even_when_the_end_itself_queues_more()
    {
        var order = new List<string>();
        loop.Post(() =>
        {
            loop.AtEndOfTurn(() =>
            {
                order.Add("flush");
                loop.AtEndOfTurn(() => order.Add("flush of the flush"));
            });
            order.Add("work");
        });

        loop.RunTurn(0);

        Assert.Equal(["work", "flush", "flush of the flush"], order);
    }

    [Fact]
    public void Work_of_other_threads_wakes_a_waiting_loop_and_none_is_lost()
    {
        const int PerThread = 2000;
        int count = 0;
        int loopThread = Environment.CurrentManagedThreadId;
        var foreign = 0;
        void Step()
        {
            foreign += Environment.CurrentManagedThreadId == loopThread ? 0 : 1;
            if (++count == 2 * PerThread)
                loop.Stop();
        }

        using IDisposable bound = loop.Schedule(TimeSpan.FromSeconds(20), loop.Stop);
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < PerThread; i++)
                loop.Post(Step);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        loop.Run();
        foreach (Thread thread in threads)
            thread.Join();

        Assert.Equal(2 * PerThread, count);
        Assert.Equal(0, foreign);
    }

    [Fact]
    public void The_rest_of_an_async_method_continues_on_the_loop()
    {
        int loopThread = Environment.CurrentManagedThreadId;
        var continuedOn = new List<int>();
        async Task Work()
        {
            await Task.Run(() => { });
            continuedOn.Add(Environment.CurrentManagedThreadId);
            await Task.Yield();
            continuedOn.Add(Environment.CurrentManagedThreadId);
            loop.Stop();
        }

        loop.Post(() => _ = Work());
        loop.Run();

        Assert.Equal([loopThread, loopThread], continuedOn);
        Assert.NotSame(SynchronizationContext.Current?.GetType(), loop.GetType());
    }

    [Fact]
    public void An_exception_of_a_callback_leaves_the_loop()
    {
        loop.Post(() => throw new InvalidOperationException("broken"));
        Assert.Throws<InvalidOperationException>(loop.Run);

        loop.Schedule(TimeSpan.Zero, () => throw new FormatException("broken"));
        Assert.Throws<FormatException>(loop.Run);

        async void Forgotten()
        {
            await Task.Yield();
            throw new NotSupportedException("broken");
        }

        loop.Post(Forgotten);
        Assert.Throws<NotSupportedException>(loop.Run);
    }

    [Fact]
    public void A_readable_descriptor_calls_back_until_it_is_drained_or_unregistered()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        int reader = pipe.ClientSafePipeHandle.DangerousGetHandle().ToInt32();
        int calls = 0;
        loop.Register(reader, () => calls++);
        loop.RunTurn(0);
        Assert.Equal(0, calls);

        pipe.WriteByte(1);
        loop.RunTurn(0);
        loop.RunTurn(0);
        Assert.Equal(2, calls);

        loop.Unregister(reader);
        loop.RunTurn(0);
        Assert.Equal(2, calls);
    }

    [Fact]
    public void A_descriptor_unregistered_by_an_earlier_callback_of_the_same_turn_stays_silent()
    {
        using var first = new AnonymousPipeServerStream(PipeDirection.Out);
        using var second = new AnonymousPipeServerStream(PipeDirection.Out);
        int a = first.ClientSafePipeHandle.DangerousGetHandle().ToInt32();
        int b = second.ClientSafePipeHandle.DangerousGetHandle().ToInt32();
        int calls = 0;
        void Once()
        {
            calls++;
            loop.Unregister(a);
            loop.Unregister(b);
            // The same number again, as after close and open: what epoll reported before is not about this one.
            loop.Register(a, () => calls += 100);
            loop.Register(b, () => calls += 100);
        }

        loop.Register(a, Once);
        loop.Register(b, Once);
        first.WriteByte(1);
        second.WriteByte(1);
        loop.RunTurn(0);

        Assert.Equal(1, calls);
        loop.Unregister(a);
        loop.Unregister(b);
    }

    [Fact]
    public void A_writable_watch_can_be_set_and_removed()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        int writer = pipe.SafePipeHandle.DangerousGetHandle().ToInt32();
        int calls = 0;
        loop.WatchWritable(writer, () => calls++);
        loop.RunTurn(0);
        loop.WatchWritable(writer, null);
        loop.RunTurn(0);

        Assert.Equal(1, calls);
        loop.Unregister(writer);
    }

    [Fact]
    public void A_hung_up_peer_is_reported_as_readable()
    {
        var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        int reader = pipe.ClientSafePipeHandle.DangerousGetHandle().ToInt32();
        int copy = dup(reader);
        pipe.Dispose();
        int calls = 0;
        loop.Register(copy, () => calls++);
        loop.RunTurn(0);
        loop.Unregister(copy);
        close(copy);

        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_descriptor_that_can_not_be_watched_is_a_typed_failure()
    {
        Assert.Throws<IOException>(() => loop.Register(1_000_000, () => { }));
        // The failure left nothing behind.
        Assert.Throws<IOException>(() => loop.Register(1_000_000, () => { }));
    }

    [Fact]
    public void A_call_of_another_thread_while_the_loop_runs_is_noticed()
    {
        var failures = new List<Exception?>();
        loop.Post(() =>
        {
            var thread = new Thread(() =>
            {
                failures.Add(Record.Exception(() => loop.AtEndOfTurn(() => { })));
                failures.Add(Record.Exception(() => loop.Schedule(TimeSpan.Zero, () => { })));
                failures.Add(Record.Exception(() => loop.Register(0, () => { })));
            });
            thread.Start();
            thread.Join();
        });
        loop.RunTurn(0);

        Assert.Equal(3, failures.Count);
        Assert.All(failures, f => Assert.IsType<InvariantBrokenException>(f));
    }

    [Fact]
    public void A_turn_allocates_nothing()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        int reader = pipe.ClientSafePipeHandle.DangerousGetHandle().ToInt32();
        Action flush = () => { };
        Action posted = () => { };
        loop.Register(reader, () =>
        {
            loop.AtEndOfTurn(flush);
            loop.Post(posted);
        });
        pipe.WriteByte(1);
        for (int i = 0; i < 100; i++)
            loop.RunTurn(0);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
            loop.RunTurn(0);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        loop.Unregister(reader);
        Assert.Equal(0, allocated);
    }

#pragma warning disable SYSLIB1054 // Two calls with blittable arguments gain nothing from a generator.
    [DllImport("libc")]
    private static extern int dup(int descriptor);

    [DllImport("libc")]
    private static extern int close(int descriptor);
#pragma warning restore SYSLIB1054
}

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Execution;
using ZZFs.Stores;
using ZZFs.Tests.Client;

namespace ZZFs.Tests.Execution;

/// <summary>Work on checkpoints is done on another thread, and its end is told on the loop.</summary>
public sealed class CheckpointWorkerTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly ManualLoop loop = new();
    private readonly List<ICheckpointWork> done = [];

    [Fact]
    public void The_loop_is_told_when_work_is_done_elsewhere()
    {
        using var worker = new CheckpointWorker(loop, done.Add);
        using var gate = new ManualResetEventSlim();
        int thread = 0;
        var work = new Work(() =>
        {
            Assert.True(gate.Wait(Bound));
            thread = Environment.CurrentManagedThreadId;
        });
        worker.Begin(work);
        loop.Advance(0);
        Assert.Empty(done);
        gate.Set();
        Await(() => done.Count > 0);
        Assert.Same(work, done.Single());
        Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
        var next = new Work(() => { });
        worker.Begin(next);
        Await(() => done.Count > 1);
        Assert.Same(next, done[1]);
    }

    [Fact]
    public void A_failure_is_thrown_on_the_loop()
    {
        using var worker = new CheckpointWorker(loop, done.Add);
        worker.Begin(new Work(() => throw new StoreException("the disk is full")));
        Assert.Equal("the disk is full", Assert.Throws<StoreException>(() => Await(() => false)).Message);
        Assert.Empty(done);
    }

    [Fact]
    public void Nobody_is_told_after_the_end()
    {
        var worker = new CheckpointWorker(loop, done.Add);
        bool ran = false;
        worker.Begin(new Work(() => ran = true));
        worker.Dispose();
        Assert.True(ran);
        loop.Advance(0);
        Assert.Empty(done);
    }

    private void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(
        () =>
        {
            loop.Advance(0);
            return condition();
        },
        Bound));

    private sealed class Work(Action run) : ICheckpointWork
    {
        public SequenceNumber Number => new(1);

        public void Run() => run();
    }
}

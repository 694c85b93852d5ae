using Agreement.Messages;
using Agreement.Node;
using ZZFs.Abstraction;
using ZZFs.Execution;
using ZZFs.Stores;
using ZZFs.Tests.Cli;

namespace ZZFs.Tests.Execution;

/// <summary>Scrubs on a thread of their own, beside a real loop.</summary>
public sealed class ScrubWorkerTests : IDisposable
{
    private readonly EventLoop loop = new();
    private readonly Thread thread;
    private volatile ScrubStatus? done;

    public ScrubWorkerTests()
    {
        thread = new Thread(loop.Run);
        thread.Start();
    }

    public void Dispose()
    {
        loop.Post(loop.Stop);
        thread.Join();
        loop.Dispose();
    }

    [Fact]
    public async Task A_scrub_waits_for_its_checkpoint_and_tells_what_it_found()
    {
        int asked = 0;
        using ScrubWorker worker = Make(number => ++asked < 3 ? null : new FakeScrub(number, damages: 2));
        Assert.True(worker.Scrub(new SequenceNumber(7)).IsRunning);
        await TestCluster.UntilAsync(() => done is not null);
        Assert.Equal((7ul, 2ul, false), (done!.Checkpoint.Value, done.Damages, worker.Scrub(null).IsRunning));
    }

    // A replica that diverged never gets to the checkpoint that was asked for, and must not be asked for ever.
    [Fact]
    public async Task A_scrub_whose_checkpoint_never_comes_ends_and_claims_nothing()
    {
        using ScrubWorker worker = Make(_ => null, TimeSpan.FromMilliseconds(120));
        Assert.True(worker.Scrub(new SequenceNumber(7)).IsRunning);
        await TestCluster.UntilAsync(() => !worker.Scrub(null).IsRunning);
        Assert.Equal((0ul, null), (worker.Scrub(null).Checkpoint.Value, done));
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_be_opened_is_damage()
    {
        using ScrubWorker worker = Make(_ => throw new StoreException("it can't be opened"));
        worker.Scrub(new SequenceNumber(7));
        await TestCluster.UntilAsync(() => done is not null);
        Assert.Equal((1ul, "it can't be opened"), (done!.Damages, Assert.Single(done.Found)));
    }

    private ScrubWorker Make(Func<SequenceNumber, IScrub?> open, TimeSpan? patience = null) => new(loop, open, status => done = status, patience);

    private sealed class FakeScrub(SequenceNumber number, ulong damages) : IScrub
    {
        public SequenceNumber Number => number;

        public ulong BytesTotal => 10;

        public ulong BytesRead => 10;

        public ulong ObjectsRead => 1;

        public ulong DamageCount => damages;

        public IReadOnlyList<string> Found => ["one", "other"];

        public void Run(Func<bool> mayGoOn)
        {
        }

        public void Dispose()
        {
        }
    }
}

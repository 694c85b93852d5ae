using Agreement.Messages;
using Agreement.Node;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Execution;

/// <summary>Scrubs on a thread of its own, at the lowest priority, and tells anybody how it stands.</summary>
internal sealed class ScrubWorker : IDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(60);

    private readonly IEventLoop loop;
    private readonly TimeSpan patience;
    private readonly Func<SequenceNumber, IScrub?> open;
    private readonly Action<ScrubStatus> onDone;
    private readonly Lock gate = new();
    private ScrubStatus last = new();
    private bool isWanted;
    private IScrub? running;
    private Thread? thread;
    private volatile bool stops;

    /// <summary>Has nothing to do yet.</summary>
    /// <param name="loop">Where the other two are called.</param>
    /// <param name="open">Opens a checkpoint of that number, or a later one, to scrub; null when it can't now.</param>
    /// <param name="onDone">Told of the end of each.</param>
    /// <param name="patience">How long a scrub waits for its checkpoint; one that diverged never gets there.</param>
    public ScrubWorker(IEventLoop loop, Func<SequenceNumber, IScrub?> open, Action<ScrubStatus> onDone, TimeSpan? patience = null)
    {
        this.loop = loop;
        this.patience = patience ?? DefaultPatience;
        this.open = open;
        this.onDone = onDone;
    }

    /// <summary>Begins, if asked to and not at work, and says how it stands; from any thread.</summary>
    public ScrubStatus Scrub(SequenceNumber? checkpoint)
    {
        lock (gate)
        {
            if (checkpoint is { } number && !isWanted && !stops)
            {
                isWanted = true;
                loop.Post(() => Begin(number, loop.NowMilliseconds + (long)patience.TotalMilliseconds));
            }

            return isWanted ? Describe(running) with { IsRunning = true } : last;
        }
    }

    /// <summary>Ends what is under way, and waits for that.</summary>
    public void Dispose()
    {
        stops = true;
        thread?.Join();
    }

    private void Begin(SequenceNumber number, long giveUpAt)
    {
        if (stops)
            return;
        IScrub? opened;
        try
        {
            opened = open(number);
        }
        catch (StoreException failure)
        {
            // What keeps the checkpoint from being opened is what a scrub is to find, too.
            End(new ScrubStatus { Checkpoint = number, Damages = 1, Found = [failure.Message] });
            return;
        }

        if (opened is null && loop.NowMilliseconds < giveUpAt)
        {
            loop.Schedule(RetryInterval, () => Begin(number, giveUpAt));
            return;
        }

        if (opened is null)
        {
            // Nothing was read, so what is told of stays what was found before.
            lock (gate)
                isWanted = false;
            return;
        }

        lock (gate)
            running = opened;
        thread = new Thread(() => Run(opened)) { Name = "scrub", IsBackground = true, Priority = ThreadPriority.Lowest };
        thread.Start();
    }

    private void Run(IScrub scrub)
    {
        ScrubStatus status;
        using (scrub)
        {
            try
            {
                scrub.Run(() => !stops);
                status = Describe(scrub) with { Found = scrub.Found };
            }
#pragma warning disable CA1031 // Whatever keeps the store from being read is what a scrub is to find.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                status = Describe(scrub) with { Damages = scrub.DamageCount + 1, Found = [failure.Message] };
            }
        }

        End(status);
    }

    private void End(ScrubStatus status)
    {
        lock (gate)
        {
            last = status;
            running = null;
            isWanted = false;
        }

        if (!stops)
            loop.Post(() => onDone(status));
    }

    private static ScrubStatus Describe(IScrub? scrub) => scrub is null ? new ScrubStatus() : new ScrubStatus
    {
        Checkpoint = scrub.Number,
        BytesRead = scrub.BytesRead,
        BytesTotal = scrub.BytesTotal,
        ObjectsRead = scrub.ObjectsRead,
        Damages = scrub.DamageCount,
    };
}

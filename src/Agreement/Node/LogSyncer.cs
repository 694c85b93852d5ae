namespace Agreement.Node;

/// <summary>
/// Syncs the log on a thread of its own, one sync at a time; whoever asks meanwhile is served by the next. Completions are
/// called on the loop.
/// </summary>
internal sealed class LogSyncer : IDisposable
{
    private readonly IEventLoop loop;
    private readonly WriteAheadLog log;
    private readonly Func<ulong> recordCount;
    private readonly Action<ulong> synced;
    private readonly SemaphoreSlim wake = new(0);
    private readonly Thread thread;
    private LogSync? work;
    private bool again;
    private volatile bool stopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="loop">The node's loop.</param>
    /// <param name="log">What to sync.</param>
    /// <param name="recordCount">Records appended so far.</param>
    /// <param name="synced">Called with the count that is on disk.</param>
    public LogSyncer(IEventLoop loop, WriteAheadLog log, Func<ulong> recordCount, Action<ulong> synced)
    {
        this.loop = loop;
        this.log = log;
        this.recordCount = recordCount;
        this.synced = synced;
        thread = new Thread(Work, maxStackSize: 128 << 10) { IsBackground = true, Name = "log sync" };
        thread.Start();
    }

    /// <summary>Has everything appended so far synced.</summary>
    public void Request()
    {
        if (work is not null)
        {
            again = true;
            return;
        }

        if (!log.HasUnsynced)
            return;
        upTo = recordCount();
        work = log.TakeUnsynced();
        wake.Release();
    }

    /// <summary>Waits for the sync under way, and ends the thread.</summary>
    public void Dispose()
    {
        stopping = true;
        wake.Release();
        thread.Join();
        wake.Dispose();
    }

    private ulong upTo;

    private void Work()
    {
        while (true)
        {
            wake.Wait();
            if (stopping)
                return;
            try
            {
                work!.Sync();
                loop.Post(Done);
            }
            catch (IOException error)
            {
                // Thrown again on the loop, where it ends the node.
                loop.Post(() => throw new IOException(error.Message, error));
                return;
            }
        }
    }

    private void Done()
    {
        ulong done = upTo;
        work = null;
        if (again)
        {
            again = false;
            Request();
        }

        synced(done);
    }
}

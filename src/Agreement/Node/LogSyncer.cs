namespace Agreement.Node;

/// <summary>
/// Syncs the log on a thread of its own, one sync at a time; whoever asks meanwhile is served by the next. Completions are
/// called on the loop.
/// </summary>
internal sealed class LogSyncer : IDisposable
{
    private readonly IEventLoop loop;
    private readonly WriteAheadLog log;
    private readonly Action<ulong> synced;
    private readonly SemaphoreSlim wake = new(0);
    private readonly Thread thread;
    private LogSync? work;
    private bool underWay;
    private ulong upTo;
    private bool again;

    /// <summary>Starts the thread.</summary>
    /// <param name="loop">The node's loop.</param>
    /// <param name="log">What to sync.</param>
    /// <param name="synced">Called with the count of appended records that is on disk.</param>
    public LogSyncer(IEventLoop loop, WriteAheadLog log, Action<ulong> synced)
    {
        this.loop = loop;
        this.log = log;
        this.synced = synced;
        thread = new Thread(Work, maxStackSize: 128 << 10) { IsBackground = true, Name = "log sync" };
        thread.Start();
    }

    /// <summary>Has everything appended so far synced.</summary>
    public void Request()
    {
        if (underWay)
        {
            again = true;
            return;
        }

        if (!log.HasUnsynced)
            return;
        underWay = true;

        // Not what the core counts: records of the turn that is under way are not in any file yet.
        work = log.TakeUnsynced();
        upTo = log.AppendedRecords;
        wake.Release();
    }

    /// <summary>Waits for the sync under way, and ends the thread.</summary>
    public void Dispose()
    {
        wake.Release();
        thread.Join();
        wake.Dispose();
    }

    // A wake-up with nothing to do is the end.
    private void Work()
    {
        while (true)
        {
            wake.Wait();
            if (Interlocked.Exchange(ref work, null) is not { } sync)
                return;
            try
            {
                sync.Sync();
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
        underWay = false;
        if (again)
        {
            again = false;
            Request();
        }

        synced(done);
    }
}

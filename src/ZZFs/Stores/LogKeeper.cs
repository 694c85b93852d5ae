using Microsoft.Win32.SafeHandles;

namespace ZZFs.Stores;

/// <summary>
/// Syncs SQLite's write-ahead log and moves it into the file, away from the thread that writes, so that neither disk stands in
/// its way and the log stays short.
/// </summary>
internal sealed class LogKeeper : IDisposable
{
    /// <summary>A log that is longer is begun anew when little of it is left to move.</summary>
    public const int LongLogBytes = 64 << 20;

    private const int PageBytes = 8 << 10;
    private const long LongLogPages = LongLogBytes / PageBytes;

    // Longer than this it must not grow: whoever writes then waits.
    private const long LongestLogPages = (1L << 30) / PageBytes;

    // So much is moved by the writing thread itself, so that nothing is left and SQLite begins the log anew.
    private const long ShortRestPages = (4 << 20) / PageBytes;

    private const long PagesPerMove = (16 << 20) / PageBytes;

    private readonly Lock gate = new();
    private readonly SqliteDatabase connection;
    private readonly SafeFileHandle log;
    private readonly string path;
    private Task move = Task.CompletedTask;
    private long written;
    private long moved;
    private long lengthAtMove;
    private long writtenAtMove;

    /// <summary>Takes care of the log of a database that is open.</summary>
    public LogKeeper(string path)
    {
        this.path = path;
        connection = SqliteDatabase.Open(path);
        try
        {
            connection.Execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
            Move();
            log = File.OpenHandle(path + "-wal", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

            // The log must be found after a loss of power, and the file.
            using var folder = Descriptor.OpenRoot(Path.GetDirectoryName(Path.GetFullPath(path))!, path, isOwn: false);
            folder.Synchronize();
        }
        catch (Exception error)
        {
            connection.Dispose();
            if (error is IOException or UnauthorizedAccessException)
                throw new StoreException($"the log of the store {path} can't be opened: {error.Message}");
            throw;
        }
    }

    /// <summary>Waits until what was written to the log is on disk. Any thread.</summary>
    /// <exception cref="StoreException">The disk failed.</exception>
    public void Sync()
    {
        try
        {
            RandomAccess.FlushToDisk(log);
        }
        catch (IOException error)
        {
            throw new StoreException($"the store {path} failed: a sync gave {error.Message}");
        }
    }

    /// <summary>Told by the thread that writes, after each transaction.</summary>
    /// <param name="pages">How many pages it has written in all.</param>
    /// <exception cref="StoreException">An earlier move failed.</exception>
    public void Wrote(long pages)
    {
        Volatile.Write(ref written, pages);
        if (move.IsCompleted)
            move.GetAwaiter().GetResult();
        long rest = pages - Volatile.Read(ref moved);
        long length = Volatile.Read(ref lengthAtMove) + pages - Volatile.Read(ref writtenAtMove);
        if (length > LongestLogPages || (length > LongLogPages && rest <= ShortRestPages))
        {
            if (Move())
                Volatile.Write(ref lengthAtMove, 0);
        }
        else if (rest > PagesPerMove && move.IsCompleted)
        {
            move = Task.Run(() => Move());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A failed move has no more to say: the log is whole.
        ((IAsyncResult)move).AsyncWaitHandle.WaitOne();
        log.Dispose();
        connection.Dispose();
    }

    // Whether nothing is left in the log.
    private bool Move()
    {
        lock (gate)
        {
            long before = Volatile.Read(ref written);
            (int logged, int movedNow) = connection.MoveLog();
            Volatile.Write(ref lengthAtMove, logged);
            Volatile.Write(ref writtenAtMove, before);
            if (logged == movedNow)
                Volatile.Write(ref moved, before);
            return logged == movedNow;
        }
    }
}

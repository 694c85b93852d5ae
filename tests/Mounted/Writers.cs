using System.Collections.Concurrent;
using ZZFs.Bench;

namespace Mounted;

/// <summary>
/// Threads that write files as long as they are let, and remember what the system calls promised: one syncs each file, one
/// appends with O_SYNC, two neither sync nor look back. Every error but EIO fails the test.
/// </summary>
internal sealed class Writers : IDisposable
{
    private const int ChunkBytes = 6000;
    private const int Chunks = 4;
    private const int RecordBytes = 512;
    private const int MaximumRecords = 2000;

    private readonly string _folder;
    private readonly List<Task> _tasks;
    private readonly ConcurrentQueue<(string Name, int Bytes)> _promised = [];
    private readonly ManualResetEventSlim _syncs = new(true);
    private volatile bool _ends;
    private int _synced;
    private int _records;
    private int _plain;
    private int _errors;

    public Writers(string folder)
    {
        _folder = folder;
        _tasks = [Start(() => WriteFiles("synced", true)), Start(AppendRecords), Start(() => WriteFiles("plain", false)), Start(() => WriteFiles("other", false))];
    }

    /// <summary>How many files were synced, records appended, and files closed without a sync, until now.</summary>
    public (int Synced, int Records, int Plain) Count => (Volatile.Read(ref _synced), Volatile.Read(ref _records), Volatile.Read(ref _plain));

    /// <summary>How many files a system call returned EIO for, which takes its promises for the file back.</summary>
    public int Errors => Volatile.Read(ref _errors);

    /// <summary>Whether the two that sync go on; else they wait.</summary>
    public bool Syncs
    {
        get => _syncs.IsSet;
        set
        {
            if (value)
            {
                _syncs.Set();
            }
            else
            {
                _syncs.Reset();
            }
        }
    }

    /// <summary>Whether each count is there. Throws what a writer died of.</summary>
    public bool HasGrown((int Synced, int Records, int Plain) to) =>
        Failure is { } failure ? throw failure : Count.Synced >= to.Synced && Count.Records >= to.Records && Count.Plain >= to.Plain;

    /// <summary>Lets them finish their files, within a bound.</summary>
    public async Task End(TimeSpan bound)
    {
        _ends = true;
        _syncs.Set();
        await Task.WhenAll(_tasks).WaitAsync(bound);
    }

    /// <summary>Every byte that was promised is in this folder.</summary>
    public void Verify(string folder)
    {
        foreach (var (name, bytes) in _promised)
        {
            var path = Path.Combine(folder, name);
            Assert.True(File.Exists(path), $"{name}, of which {bytes} bytes were promised, is gone");
            var found = File.ReadAllBytes(path);
            Assert.True(found.Length >= bytes, $"{name} has {found.Length} bytes, of which {bytes} were promised");
            var wrong = ContentOf(name).FirstWrong(0, 0, found.AsSpan(0, bytes));
            Assert.True(wrong < 0, $"the byte at offset {wrong} of {name} is wrong");
        }
    }

    public void Dispose()
    {
        // Threads that wait for the mount find out later.
        _ends = true;
        _syncs.Set();
    }

    private Exception? Failure => _tasks.Find(task => task.IsFaulted)?.Exception;

    private static Task Start(Action loop) =>
        Task.Factory.StartNew(loop, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    // Each file has its own.
    private static BenchContent ContentOf(string name) => new(name.Aggregate(0UL, (seed, letter) => (seed * 131) + letter));

    private void WriteFiles(string kind, bool syncs)
    {
        var chunk = new byte[ChunkBytes];
        for (var i = 0; !_ends; i++)
        {
            var name = $"{kind}-{i}";
            if (syncs)
            {
                _syncs.Wait();
            }

            if (!Holds(RawFile.Create(Path.Combine(_folder, name), false, out var file)))
            {
                continue;
            }

            var holds = true;
            for (var offset = 0; offset < Chunks * ChunkBytes; offset += ChunkBytes)
            {
                ContentOf(name).Fill(0, offset, chunk);
                holds &= Holds(file!.Write(chunk));
            }

            if (syncs && Holds(file!.Sync()) && holds)
            {
                Promise(name, Chunks * ChunkBytes, ref _synced);
            }

            // A file without a sync is promised too: its writer lives on, and does over what was lost.
            if (Holds(file!.Close()) && holds && !syncs)
            {
                Promise(name, Chunks * ChunkBytes, ref _plain);
            }
        }
    }

    private void AppendRecords()
    {
        var record = new byte[RecordBytes];
        for (var i = 0; !_ends; i++)
        {
            var name = $"records-{i}";
            if (!Holds(RawFile.Create(Path.Combine(_folder, name), true, out var file)))
            {
                continue;
            }

            var written = 0;
            for (var holds = true; holds && !_ends && written < MaximumRecords * RecordBytes;)
            {
                _syncs.Wait();
                ContentOf(name).Fill(0, written, record);
                holds = Holds(file!.Write(record));
                if (holds)
                {
                    written += RecordBytes;
                    Interlocked.Increment(ref _records);
                }
            }

            _promised.Enqueue((name, written));
            Holds(file!.Close());
        }
    }

    private void Promise(string name, int bytes, ref int count)
    {
        _promised.Enqueue((name, bytes));
        Interlocked.Increment(ref count);
    }

    private bool Holds(int error)
    {
        Assert.True(error is 0 or RawFile.IoError, $"a system call returned errno {error}");
        if (error != 0)
        {
            Interlocked.Increment(ref _errors);
        }

        return error == 0;
    }
}

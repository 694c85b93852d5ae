using System.Diagnostics;

namespace ZZFs.Bench;

/// <summary>
/// PostMark (Katcher, "PostMark: A New File System Benchmark", Network Appliance TR3022, 1997): the small short-lived
/// files of a mail or news server. Phases, choices and counters are those of version 1.5 with buffered I/O, where the C
/// library gathers the 512-byte blocks into 4 KiB calls. Departure: contents are checked on every read, and all
/// remaining files once more between the transactions and the final deletions.
/// </summary>
public sealed class PostMark
{
    // What the C library passes to the kernel at once for PostMark's fread and fwrite of 512 bytes.
    private const int CallBytes = 4096;

    private const int BiasScale = 10;

    private readonly PostMarkOptions _options;
    private readonly IBenchFileSystem _files;
    private readonly string _root;
    private readonly CancellationToken _cancellation;
    private readonly BenchRandom _random;
    private readonly BenchContent _content;
    private readonly PoolFile[] _table;
    private readonly byte[] _buffer = new byte[CallBytes];
    private readonly PostMarkCounters _counters = new();
    private readonly Verification _verification = new();
    private int _nextSlot;
    private int _used;

    private PostMark(PostMarkOptions options, IBenchFileSystem files, string root, CancellationToken cancellation)
    {
        _options = options;
        _files = files;
        _root = root;
        _cancellation = cancellation;
        _random = new BenchRandom(options.Seed);
        _content = new BenchContent(options.Seed);
        _table = new PoolFile[2 * options.Files];
    }

    /// <summary>Runs the benchmark in a directory of its own and cleans up.</summary>
    /// <param name="directory">An existing directory on the file system to measure.</param>
    /// <param name="options">The settings.</param>
    /// <param name="files">The calls to measure.</param>
    /// <param name="keep">Whether the directory of its own stays.</param>
    /// <param name="cancellation">Ends the run early; cleaning up still happens.</param>
    /// <exception cref="BenchException">A call failed, or the settings make the pool run empty.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static PostMarkResult Run(
        string directory, PostMarkOptions options, IBenchFileSystem files, bool keep, CancellationToken cancellation)
    {
        if (options.Problem is { } problem)
        {
            throw new BenchException(problem);
        }

        using var working = WorkingDirectory.Make(directory, "postmark", keep, files);
        return new PostMark(options, files, working.FullPath, cancellation).Run(Path.GetFullPath(directory));
    }

    private PostMarkResult Run(string directory)
    {
        for (var index = 0; HasSubdirectories && index < _options.Subdirectories; index++)
        {
            _files.TryMakeDirectory(SubdirectoryPath(index));
        }

        var create = Measure(CreatePool);
        var transactions = Measure(RunTransactions);
        var verification = Measure(VerifyAll);
        var delete = Measure(DeletePool);
        for (var index = 0; HasSubdirectories && index < _options.Subdirectories; index++)
        {
            _files.RemoveDirectory(SubdirectoryPath(index));
        }

        var seconds = create + transactions + delete;
        return new PostMarkResult
        {
            Directory = directory,
            Parameters = _options,
            Seconds = seconds,
            Phases = new PostMarkPhases(create, transactions, delete),
            VerificationSeconds = verification,
            Verified = _verification.Passed,
            Mismatches = _verification.Mismatches,
            FirstMismatch = _verification.FirstMismatch,
            ComparedBytes = _verification.ComparedBytes,
            Counters = _counters,
            PerSecond = Rates(seconds, create, transactions, delete),
        };
    }

    private bool HasSubdirectories => _options.Subdirectories > 1;

    private static double Measure(Action phase)
    {
        var start = Stopwatch.GetTimestamp();
        phase();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private void CreatePool()
    {
        for (var index = 0; index < _options.Files; index++)
        {
            _cancellation.ThrowIfCancellationRequested();
            CreateFile();
        }

        _counters.CreatedAlone = _counters.Created;
    }

    private void RunTransactions()
    {
        for (var index = 0; index < _options.Transactions; index++)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (_used == 0)
            {
                throw new BenchException($"The pool ran out of files after {index} transactions; use more files or fewer transactions.");
            }

            if (_options.ReadBias != PostMarkOptions.LockedOut)
            {
                if (_random.Below(BiasScale) < _options.ReadBias)
                {
                    ReadFile(PickUsed());
                }
                else
                {
                    AppendFile(PickUsed());
                }
            }

            if (_options.CreateBias != PostMarkOptions.LockedOut)
            {
                if (_random.Below(BiasScale) < _options.CreateBias)
                {
                    CreateFile();
                }
                else
                {
                    DeleteFile(PickUsed());
                }
            }
        }

        _counters.CreatedMixed = _counters.Created - _counters.CreatedAlone;
        _counters.DeletedMixed = _counters.Deleted;
    }

    private void DeletePool()
    {
        for (var slot = 0; slot < _table.Length; slot++)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (_table[slot].Size > 0)
            {
                DeleteFile(slot);
            }
        }

        _counters.DeletedAlone = _counters.Deleted - _counters.DeletedMixed;
    }

    private void CreateFile()
    {
        var slot = FindFree();
        if (slot < 0)
        {
            // The pool is at its bound: as in the original, this half of the transaction does nothing.
            return;
        }

        var folder = HasSubdirectories ? SubdirectoryPath(_random.Below(_options.Subdirectories)) : _root;
        var id = ++_counters.Created;
        var size = _options.MinimumBytes + _random.Below(_options.MaximumBytes - _options.MinimumBytes);
        _table[slot] = new PoolFile(id, $"{folder}/{id}", size);
        _used++;
        WriteOut(_files.Open(_table[slot].Path, BenchOpen.Create), id, 0, size);
    }

    private void AppendFile(int slot)
    {
        ref var file = ref _table[slot];
        if (file.Size >= _options.MaximumBytes)
        {
            return;
        }

        var count = _random.Below(_options.MaximumBytes - file.Size) + 1;
        WriteOut(_files.Open(file.Path, BenchOpen.Append), file.Id, file.Size, count);
        file.Size += count;
        _counters.Appended++;
    }

    private void WriteOut(int descriptor, int id, int offset, int count)
    {
        try
        {
            for (var done = 0; done < count; done += CallBytes)
            {
                var block = _buffer.AsSpan(0, Math.Min(CallBytes, count - done));
                _content.Fill(id, offset + done, block);
                _files.Write(descriptor, block);
            }
        }
        finally
        {
            _files.Close(descriptor);
        }

        _counters.BytesWritten += count;
    }

    private void ReadFile(int slot)
    {
        ref readonly var file = ref _table[slot];
        var descriptor = _files.Open(file.Path, BenchOpen.Read);
        try
        {
            _counters.BytesRead += Check(descriptor, in file);
        }
        finally
        {
            _files.Close(descriptor);
        }

        _counters.Read++;
    }

    private int Check(int descriptor, in PoolFile file)
    {
        var offset = 0;
        while (offset < file.Size)
        {
            var count = _files.Read(descriptor, _buffer.AsSpan(0, CallBytes));
            if (count == 0)
            {
                _verification.Wrong($"{file.Path} ends after {offset} of {file.Size} bytes");
                break;
            }

            var wrong = _content.FirstWrong(file.Id, offset, _buffer.AsSpan(0, count));
            if (wrong >= 0)
            {
                _verification.Wrong($"{file.Path} has a wrong byte at offset {offset + wrong}");
            }

            _verification.Compared(count);
            offset += count;
        }

        if (offset > file.Size)
        {
            _verification.Wrong($"{file.Path} is longer than {file.Size} bytes");
        }

        return offset;
    }

    private void DeleteFile(int slot)
    {
        _files.Unlink(_table[slot].Path);
        _table[slot] = default;
        _used--;
        _counters.Deleted++;
    }

    private void VerifyAll()
    {
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (ref readonly var file in _table.AsSpan())
        {
            if (file.Size > 0)
            {
                expected.Add(file.Path);
                VerifyFile(in file);
            }
        }

        var folders = HasSubdirectories ? Enumerable.Range(0, _options.Subdirectories).Select(SubdirectoryPath) : [_root];
        foreach (var path in folders.SelectMany(folder => _files.List(folder).Select(name => $"{folder}/{name}")))
        {
            if (!expected.Remove(path))
            {
                _verification.Wrong($"{path} was deleted but is still listed");
            }
        }

        foreach (var path in expected)
        {
            _verification.Wrong($"{path} is missing from its directory's listing");
        }
    }

    private void VerifyFile(in PoolFile file)
    {
        _cancellation.ThrowIfCancellationRequested();
        var descriptor = _files.Open(file.Path, BenchOpen.Read);
        try
        {
            _files.DropCache(descriptor);
            if (Check(descriptor, in file) == file.Size && _files.Read(descriptor, _buffer) != 0)
            {
                _verification.Wrong($"{file.Path} is longer than {file.Size} bytes");
            }
        }
        finally
        {
            _files.Close(descriptor);
        }
    }

    // The next slot in turn, and once the table has been gone through the lowest free one, as in the original.
    private int FindFree()
    {
        if (_nextSlot >= _table.Length || _table[_nextSlot].Size > 0)
        {
            _nextSlot = Array.FindIndex(_table, file => file.Size == 0);
            if (_nextSlot < 0)
            {
                _nextSlot = _table.Length;
                return -1;
            }
        }

        return _nextSlot++;
    }

    private int PickUsed()
    {
        if (_used == 0)
        {
            throw new BenchException("The pool ran out of files; use more files or fewer transactions.");
        }

        while (true)
        {
            var slot = _random.Below(_table.Length);
            if (_table[slot].Size > 0)
            {
                return slot;
            }
        }
    }

    private string SubdirectoryPath(int index) => $"{_root}/s{index}";

    private PostMarkRates Rates(double seconds, double create, double transactions, double delete) => new()
    {
        Transactions = _options.Transactions / transactions,
        Created = _counters.Created / seconds,
        CreatedAlone = _counters.CreatedAlone / create,
        CreatedMixed = _counters.CreatedMixed / transactions,
        Read = _counters.Read / transactions,
        Appended = _counters.Appended / transactions,
        Deleted = _counters.Deleted / seconds,
        DeletedAlone = _counters.DeletedAlone / delete,
        DeletedMixed = _counters.DeletedMixed / transactions,
        BytesRead = _counters.BytesRead / seconds,
        BytesWritten = _counters.BytesWritten / seconds,
    };

    // A size of 0 marks a free slot.
    private record struct PoolFile(int Id, string Path, int Size);
}

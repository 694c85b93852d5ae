using System.Diagnostics;

namespace ZZFs.Bench;

/// <summary>
/// The Andrew benchmark (Howard et al., "Scale and Performance in a Distributed File System", TOCS 1988): MakeDir, Copy,
/// ScanDir, ReadAll and Make over a source tree. Everything that is copied is compared with what the source must hold,
/// and the program that Make builds is run and its output compared.
/// </summary>
public sealed class Andrew
{
    private const int BufferBytes = 64 << 10;

    private readonly AndrewOptions _options;
    private readonly IBenchFileSystem _files;
    private readonly SourceTree _source;
    private readonly string _target;
    private readonly CancellationToken _cancellation;
    private readonly Verification _verification = new();
    private readonly byte[] _buffer = new byte[BufferBytes];

    private Andrew(AndrewOptions options, IBenchFileSystem files, SourceTree source, string target, CancellationToken cancellation)
    {
        _options = options;
        _files = files;
        _source = source;
        _target = target;
        _cancellation = cancellation;
    }

    /// <summary>Runs the benchmark in a directory of its own and cleans up.</summary>
    /// <param name="directory">An existing directory on the file system to measure.</param>
    /// <param name="options">The settings.</param>
    /// <param name="files">The calls to measure.</param>
    /// <param name="keep">Whether the directory of its own stays, with the copy and what was built.</param>
    /// <param name="cancellation">Ends the run early; cleaning up still happens.</param>
    /// <exception cref="BenchException">A call failed, the tree is unusable, or a compiler is required and missing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static AndrewResult Run(
        string directory, AndrewOptions options, IBenchFileSystem files, bool keep, CancellationToken cancellation) =>
        Run(directory, options, files, AndrewMaker.Find(), keep, cancellation);

    /// <summary>The same with a compiler that the caller chooses, or none.</summary>
    /// <param name="directory">An existing directory on the file system to measure.</param>
    /// <param name="options">The settings.</param>
    /// <param name="files">The calls to measure.</param>
    /// <param name="maker">Builds the copy; null leaves the Make phase out.</param>
    /// <param name="keep">Whether the directory of its own stays.</param>
    /// <param name="cancellation">Ends the run early; cleaning up still happens.</param>
    /// <exception cref="BenchException">A call failed, the tree is unusable, or a compiler is required and missing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static AndrewResult Run(
        string directory, AndrewOptions options, IBenchFileSystem files, AndrewMaker? maker, bool keep, CancellationToken cancellation)
    {
        if (maker is null && options.RequireCompiler)
        {
            throw new BenchException("There is no C compiler (cc) on PATH; install gcc or leave --require-compiler out.");
        }

        // A tree of the user's may lie anywhere, but never where the copy would become part of it.
        if (options.Tree is { } tree && (Path.GetFullPath(directory) + "/").StartsWith(Path.GetFullPath(tree).TrimEnd('/') + "/", StringComparison.Ordinal))
        {
            throw new BenchException($"{directory} lies inside the source tree {tree}; choose another --at.");
        }

        using var working = WorkingDirectory.Make(directory, "andrew", keep, files);
        var project = options.Tree is null ? GeneratedProject.Make(options.Seed) : null;
        var source = project is null
            ? SourceTree.Survey(options.Tree!, files, cancellation)
            : SourceTree.Write($"{working.FullPath}/source", project, files);
        var andrew = new Andrew(options, files, source, $"{working.FullPath}/copy", cancellation);
        return andrew.Run(Path.GetFullPath(directory), maker, project?.ExpectedOutput);
    }

    private AndrewResult Run(string directory, AndrewMaker? maker, string? expectedOutput)
    {
        var makeDir = Measure(MakeDirectories);
        var copy = Measure(Copy);
        var scan = Measure(Scan);
        var read = Measure(() => ReadAll(dropCache: false));
        var verification = Measure(() => ReadAll(dropCache: true));
        double? make = maker is null ? null : Measure(() => maker.Build(_target, _source, expectedOutput is not null, _verification, _cancellation));
        if (make is not null && expectedOutput is not null)
        {
            AndrewMaker.CheckProgram(_target, expectedOutput, _verification, _cancellation);
        }

        return new AndrewResult
        {
            Directory = directory,
            Parameters = _options,
            Seconds = makeDir + copy + scan + read + (make ?? 0),
            Phases = new AndrewPhases(makeDir, copy, scan, read, make),
            VerificationSeconds = verification,
            Verified = _verification.Passed,
            Mismatches = _verification.Mismatches,
            FirstMismatch = _verification.FirstMismatch,
            ComparedBytes = _verification.ComparedBytes,
            Counters = new AndrewCounters(
                Count(BenchFileType.Directory), Count(BenchFileType.File), Count(BenchFileType.SymbolicLink), EntriesOf(BenchFileType.File).Sum(file => file.Size)),
        };
    }

    private static double Measure(Action phase)
    {
        var start = Stopwatch.GetTimestamp();
        phase();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private IEnumerable<SourceEntry> EntriesOf(BenchFileType type) => _source.Entries.Where(entry => entry.Type == type);

    private int Count(BenchFileType type) => EntriesOf(type).Count();

    private void MakeDirectories()
    {
        _files.TryMakeDirectory(_target);
        foreach (var entry in EntriesOf(BenchFileType.Directory))
        {
            _files.TryMakeDirectory($"{_target}/{entry.Path}");
        }
    }

    private void Copy()
    {
        foreach (var entry in _source.Entries)
        {
            _cancellation.ThrowIfCancellationRequested();
            var from = $"{_source.Root}/{entry.Path}";
            var to = $"{_target}/{entry.Path}";
            if (entry.Type == BenchFileType.File)
            {
                CopyFile(from, to, entry.Mode);
            }
            else if (entry.Type == BenchFileType.SymbolicLink)
            {
                _files.MakeSymbolicLink(to, _files.ReadLink(from));
            }
        }
    }

    private void CopyFile(string from, string to, int mode)
    {
        var reading = _files.Open(from, BenchOpen.Read);
        try
        {
            var writing = _files.Open(to, BenchOpen.Create, mode);
            try
            {
                int count;
                while ((count = _files.Read(reading, _buffer)) > 0)
                {
                    _files.Write(writing, _buffer.AsSpan(0, count));
                }
            }
            finally
            {
                _files.Close(writing);
            }
        }
        finally
        {
            _files.Close(reading);
        }
    }

    private void Scan()
    {
        var expected = _source.Entries.ToDictionary(entry => entry.Path, StringComparer.Ordinal);
        Walk("");
        foreach (var path in expected.Keys)
        {
            _verification.Wrong($"{_target}/{path} is missing from its directory's listing");
        }

        void Walk(string prefix)
        {
            foreach (var name in _files.List($"{_target}/{prefix}"))
            {
                var path = prefix + name;
                var status = _files.Stat($"{_target}/{path}");
                if (!expected.Remove(path, out var entry) || status.Type != entry.Type)
                {
                    _verification.Wrong($"{_target}/{path} was never copied, or is now something else");
                }
                else if (status.Type == BenchFileType.File && status.Size != entry.Size)
                {
                    _verification.Wrong($"{_target}/{path} has {status.Size} bytes instead of {entry.Size}");
                }

                if (status.Type == BenchFileType.Directory)
                {
                    Walk(path + "/");
                }
            }
        }
    }

    private void ReadAll(bool dropCache)
    {
        foreach (var entry in _source.Entries)
        {
            _cancellation.ThrowIfCancellationRequested();
            var path = $"{_target}/{entry.Path}";
            if (entry.Type == BenchFileType.Directory)
            {
                continue;
            }

            var size = 0L;
            var proof = entry.Type == BenchFileType.File
                ? SourceTree.ProofOf(path, _files, _buffer, dropCache, out size)
                : SourceTree.ProofOfLink(_files.ReadLink(path));
            _verification.Compared(size);
            if (proof != entry.Proof)
            {
                _verification.Wrong($"{path} does not hold what its source holds");
            }
        }
    }
}

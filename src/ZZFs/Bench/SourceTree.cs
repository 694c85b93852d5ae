using System.Security.Cryptography;

namespace ZZFs.Bench;

/// <summary>One thing in a source tree.</summary>
/// <param name="Path">Relative to the tree's root, with <c>/</c> between names.</param>
/// <param name="Type">File, directory or symbolic link.</param>
/// <param name="Size">Bytes of a file.</param>
/// <param name="Mode">Permission bits.</param>
/// <param name="Proof">A file's SHA-256, or a link's target in hexadecimal UTF-8; empty for a directory.</param>
public sealed record SourceEntry(string Path, BenchFileType Type, long Size, int Mode, string Proof);

/// <summary>A source tree with what each of its files must hold, known before the measured copy is made.</summary>
public sealed class SourceTree
{
    private const int BufferBytes = 64 << 10;

    private SourceTree(string root, IReadOnlyList<SourceEntry> entries)
    {
        Root = root;
        Entries = entries;
    }

    /// <summary>Where it lies; absolute.</summary>
    public string Root { get; }

    /// <summary>All that is in it, each directory before what it holds, names in the order of their bytes.</summary>
    public IReadOnlyList<SourceEntry> Entries { get; }

    /// <summary>Writes a generated tree to a directory. What its files must hold is taken from the generator, not read back.</summary>
    /// <param name="root">An absolute path that is free.</param>
    /// <param name="project">What to write.</param>
    /// <param name="files">The calls to write it with.</param>
    public static SourceTree Write(string root, GeneratedProject project, IBenchFileSystem files)
    {
        files.TryMakeDirectory(root);
        var entries = new List<SourceEntry>();
        foreach (var directory in project.Directories)
        {
            files.TryMakeDirectory($"{root}/{directory}");
            entries.Add(new SourceEntry(directory, BenchFileType.Directory, 0, 0x1ED, ""));
        }

        foreach (var (path, bytes) in project.Files)
        {
            var descriptor = files.Open($"{root}/{path}", BenchOpen.Create);
            try
            {
                files.Write(descriptor, bytes);
            }
            finally
            {
                files.Close(descriptor);
            }

            entries.Add(new SourceEntry(path, BenchFileType.File, bytes.Length, 0x1A4, Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }

        return new SourceTree(root, [.. entries.OrderBy(entry => entry.Path, StringComparer.Ordinal)]);
    }

    /// <summary>Reads an existing tree.</summary>
    /// <param name="root">Its path.</param>
    /// <param name="files">The calls to read it with.</param>
    /// <param name="cancellation">Ends the reading early.</param>
    /// <exception cref="BenchException">It is no directory, empty, can't be read, or holds a device, socket or fifo.</exception>
    public static SourceTree Survey(string root, IBenchFileSystem files, CancellationToken cancellation)
    {
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        if (!Directory.Exists(root))
        {
            throw new BenchException($"{root} is not a directory; name a source tree with --tree.");
        }

        var entries = new List<SourceEntry>();
        var buffer = new byte[BufferBytes];
        Walk("");
        return entries.Exists(entry => entry.Type == BenchFileType.File)
            ? new SourceTree(root, entries)
            : throw new BenchException($"{root} holds no files to copy; name a source tree with --tree.");

        void Walk(string prefix)
        {
            foreach (var name in files.List($"{root}/{prefix}"))
            {
                cancellation.ThrowIfCancellationRequested();
                var path = prefix + name;
                var full = $"{root}/{path}";
                var status = files.Stat(full);
                var proof = status.Type switch
                {
                    BenchFileType.Directory => "",
                    BenchFileType.File => ProofOf(full, files, buffer, false, out _),
                    BenchFileType.SymbolicLink => ProofOfLink(files.ReadLink(full)),
                    _ => throw new BenchException($"{full} is neither file, directory nor symbolic link; use a tree without it."),
                };
                entries.Add(new SourceEntry(path, status.Type, status.Size, status.Mode, proof));
                if (status.Type == BenchFileType.Directory)
                {
                    Walk(path + "/");
                }
            }
        }
    }

    /// <summary>Reads a file to its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="files">The calls to read it with.</param>
    /// <param name="buffer">Scratch; its size is that of the reads.</param>
    /// <param name="dropCache">Whether the kernel's cache of it is dropped first.</param>
    /// <param name="size">Bytes read.</param>
    /// <returns>Its SHA-256 in hexadecimal.</returns>
    public static string ProofOf(string path, IBenchFileSystem files, byte[] buffer, bool dropCache, out long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        size = 0;
        var descriptor = files.Open(path, BenchOpen.Read);
        try
        {
            if (dropCache)
            {
                files.DropCache(descriptor);
            }

            int count;
            while ((count = files.Read(descriptor, buffer)) > 0)
            {
                hash.AppendData(buffer.AsSpan(0, count));
                size += count;
            }
        }
        finally
        {
            files.Close(descriptor);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What proves a symbolic link: its target.</summary>
    public static string ProofOfLink(string target) => Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(target));
}

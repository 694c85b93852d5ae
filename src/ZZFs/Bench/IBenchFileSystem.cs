namespace ZZFs.Bench;

/// <summary>How a benchmark opens a file.</summary>
public enum BenchOpen
{
    /// <summary>An existing file, for reading.</summary>
    Read,

    /// <summary>A file to be written from its start: created, or cut to nothing.</summary>
    Create,

    /// <summary>An existing file, each write going to its end.</summary>
    Append,
}

/// <summary>What kind of thing a name names.</summary>
public enum BenchFileType
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link.</summary>
    SymbolicLink,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>What a stat call tells.</summary>
/// <param name="Type">What it is.</param>
/// <param name="Size">Size, in bytes.</param>
/// <param name="Mode">Permission bits, <c>07777</c>.</param>
public readonly record struct BenchFileStatus(BenchFileType Type, long Size, int Mode);

/// <summary>
/// The file system calls that the benchmarks make, one member for one call. They go through this seam so that a test
/// can plant a wrong byte between a benchmark and its disk. Paths are absolute; every failure is a <see cref="BenchException"/>.
/// </summary>
public interface IBenchFileSystem
{
    /// <summary>Makes a directory with mode 0755.</summary>
    /// <returns>False if the name is taken.</returns>
    bool TryMakeDirectory(string path);

    /// <summary>Removes an empty directory.</summary>
    void RemoveDirectory(string path);

    /// <summary>Opens a file.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="open">What for.</param>
    /// <param name="mode">Permission bits of a file that is created.</param>
    /// <returns>A descriptor, to be given to <see cref="Close"/>.</returns>
    int Open(string path, BenchOpen open, int mode = 0x1A4);

    /// <summary>Reads at the descriptor's position in one call.</summary>
    /// <returns>Bytes read; 0 at the end of the file.</returns>
    int Read(int descriptor, Span<byte> buffer);

    /// <summary>Writes all of the buffer at the descriptor's position.</summary>
    void Write(int descriptor, ReadOnlySpan<byte> buffer);

    /// <summary>Drops what the kernel caches of the file, so that the next read asks the file system.</summary>
    void DropCache(int descriptor);

    /// <summary>Closes a descriptor; an error that the file system kept until now is thrown.</summary>
    void Close(int descriptor);

    /// <summary>Removes a name of a file.</summary>
    void Unlink(string path);

    /// <summary>Looks at a name without following a symbolic link.</summary>
    BenchFileStatus Stat(string path);

    /// <summary>The names in a directory, without <c>.</c> and <c>..</c>, in the order of their bytes.</summary>
    IReadOnlyList<string> List(string path);

    /// <summary>Where a symbolic link points.</summary>
    string ReadLink(string path);

    /// <summary>Makes a symbolic link.</summary>
    void MakeSymbolicLink(string path, string target);
}

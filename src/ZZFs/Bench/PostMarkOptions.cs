namespace ZZFs.Bench;

/// <summary>What a PostMark run does; names and defaults as in PostMark 1.5, but for the number of transactions.</summary>
public sealed record PostMarkOptions
{
    /// <summary>A bias that locks its pair of operations out.</summary>
    public const int LockedOut = -1;

    /// <summary>A bias at which the first operation of its pair is always taken.</summary>
    public const int MaximumBias = 10;

    /// <summary>Files that are created before the transactions; the pool may grow to twice as many.</summary>
    public int Files { get; init; } = 500;

    /// <summary>Transactions, each one of (read, append) and one of (create, delete).</summary>
    public int Transactions { get; init; } = 2000;

    /// <summary>Smallest size of a new file, in bytes.</summary>
    public int MinimumBytes { get; init; } = 500;

    /// <summary>Bound on a file's size, in bytes: new files stay below it, appends reach it at most.</summary>
    public int MaximumBytes { get; init; } = 10000;

    /// <summary>Seed of the choices and of the contents.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Directories that the files are spread over; 0 or 1 for none.</summary>
    public int Subdirectories { get; init; }

    /// <summary>How many of ten first operations read a file rather than append to one; -1 for neither.</summary>
    public int ReadBias { get; init; } = 5;

    /// <summary>How many of ten second operations create a file rather than delete one; -1 for neither.</summary>
    public int CreateBias { get; init; } = 5;

    /// <summary>What is wrong with these settings, in one sentence; null if nothing is.</summary>
    public string? Problem =>
        Files is < 1 or > 10_000_000 ? "--files must be between 1 and 10000000."
        : Transactions < 1 ? "--transactions must be at least 1."
        : MinimumBytes < 1 ? "--min must be at least 1 byte."
        : MaximumBytes < MinimumBytes ? "--max must not be smaller than --min."
        : Subdirectories is < 0 or > 1_000_000 ? "--subdirectories must be between 0 and 1000000."
        : ReadBias is < LockedOut or > MaximumBias ? "--read-bias must be between -1 and 10."
        : CreateBias is < LockedOut or > MaximumBias ? "--create-bias must be between -1 and 10."
        : null;
}

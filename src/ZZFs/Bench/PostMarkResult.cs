namespace ZZFs.Bench;

/// <summary>What a PostMark run did, counted as PostMark counts.</summary>
public sealed record PostMarkCounters
{
    /// <summary>Files created, in the pool and in transactions.</summary>
    public int Created { get; set; }

    /// <summary>Files created before the transactions.</summary>
    public int CreatedAlone { get; set; }

    /// <summary>Files created in transactions.</summary>
    public int CreatedMixed { get; set; }

    /// <summary>Files read whole, in transactions.</summary>
    public int Read { get; set; }

    /// <summary>Files appended to, in transactions.</summary>
    public int Appended { get; set; }

    /// <summary>Files deleted, in transactions and after them.</summary>
    public int Deleted { get; set; }

    /// <summary>Files deleted after the transactions.</summary>
    public int DeletedAlone { get; set; }

    /// <summary>Files deleted in transactions.</summary>
    public int DeletedMixed { get; set; }

    /// <summary>Bytes read in transactions.</summary>
    public long BytesRead { get; set; }

    /// <summary>Bytes written.</summary>
    public long BytesWritten { get; set; }
}

/// <summary>Rates of a PostMark run, each over the phase or phases that PostMark divides by; per second.</summary>
public sealed record PostMarkRates
{
    /// <summary>Transactions, over their phase.</summary>
    public double Transactions { get; init; }

    /// <summary>Files created, over all phases.</summary>
    public double Created { get; init; }

    /// <summary>Files created before the transactions, over that phase.</summary>
    public double CreatedAlone { get; init; }

    /// <summary>Files created in transactions, over their phase.</summary>
    public double CreatedMixed { get; init; }

    /// <summary>Files read, over the transactions.</summary>
    public double Read { get; init; }

    /// <summary>Files appended to, over the transactions.</summary>
    public double Appended { get; init; }

    /// <summary>Files deleted, over all phases.</summary>
    public double Deleted { get; init; }

    /// <summary>Files deleted after the transactions, over that phase.</summary>
    public double DeletedAlone { get; init; }

    /// <summary>Files deleted in transactions, over their phase.</summary>
    public double DeletedMixed { get; init; }

    /// <summary>Bytes read, over all phases.</summary>
    public double BytesRead { get; init; }

    /// <summary>Bytes written, over all phases.</summary>
    public double BytesWritten { get; init; }
}

/// <summary>How long the phases of a PostMark run took, in seconds.</summary>
/// <param name="Create">Creating the pool.</param>
/// <param name="Transactions">The transactions.</param>
/// <param name="Delete">Deleting what was left.</param>
public sealed record PostMarkPhases(double Create, double Transactions, double Delete);

/// <summary>The outcome of a PostMark run.</summary>
public sealed record PostMarkResult
{
    /// <summary>Always <c>postmark</c>.</summary>
    public string Benchmark { get; init; } = "postmark";

    /// <summary>The directory that the user named.</summary>
    public required string Directory { get; init; }

    /// <summary>The settings.</summary>
    public required PostMarkOptions Parameters { get; init; }

    /// <summary>The three phases together, as PostMark counts: without subdirectories and without verification.</summary>
    public required double Seconds { get; init; }

    /// <summary>Each phase.</summary>
    public required PostMarkPhases Phases { get; init; }

    /// <summary>Reading and comparing all files that the transactions left; not in <see cref="Seconds"/>.</summary>
    public required double VerificationSeconds { get; init; }

    /// <summary>Whether every byte that was read, and every remaining file and name, was right.</summary>
    public required bool Verified { get; init; }

    /// <summary>How many reads and names were wrong.</summary>
    public required long Mismatches { get; init; }

    /// <summary>The first of them in words.</summary>
    public string? FirstMismatch { get; init; }

    /// <summary>Bytes compared, in transactions and afterwards.</summary>
    public required long ComparedBytes { get; init; }

    /// <summary>What was done.</summary>
    public required PostMarkCounters Counters { get; init; }

    /// <summary>How fast.</summary>
    public required PostMarkRates PerSecond { get; init; }
}

namespace ZZFs.Bench;

/// <summary>What an Andrew run does.</summary>
public sealed record AndrewOptions
{
    /// <summary>A source tree to copy and build; null for a generated one.</summary>
    public string? Tree { get; init; }

    /// <summary>Seed of the generated tree.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Whether a missing C compiler is an error rather than a phase left out.</summary>
    public bool RequireCompiler { get; init; }
}

/// <summary>How long the five phases took, in seconds.</summary>
/// <param name="MakeDir">Making the directories of the copy.</param>
/// <param name="Copy">Copying every file.</param>
/// <param name="ScanDir">Listing every directory and looking at the status of everything.</param>
/// <param name="ReadAll">Reading every byte once.</param>
/// <param name="Make">Compiling and linking; null when there is no C compiler.</param>
public sealed record AndrewPhases(double MakeDir, double Copy, double ScanDir, double ReadAll, double? Make);

/// <summary>What was copied.</summary>
/// <param name="Directories">Directories, without the root.</param>
/// <param name="Files">Files.</param>
/// <param name="Links">Symbolic links.</param>
/// <param name="Bytes">Bytes of all files.</param>
public sealed record AndrewCounters(int Directories, int Files, int Links, long Bytes);

/// <summary>The outcome of an Andrew run.</summary>
public sealed record AndrewResult
{
    /// <summary>Always <c>andrew</c>.</summary>
    public string Benchmark { get; init; } = "andrew";

    /// <summary>The directory that the user named.</summary>
    public required string Directory { get; init; }

    /// <summary>The settings.</summary>
    public required AndrewOptions Parameters { get; init; }

    /// <summary>The phases together that were run; without verification.</summary>
    public required double Seconds { get; init; }

    /// <summary>Each phase.</summary>
    public required AndrewPhases Phases { get; init; }

    /// <summary>Reading and comparing the copy once more past the kernel's cache; not in <see cref="Seconds"/>.</summary>
    public required double VerificationSeconds { get; init; }

    /// <summary>Whether names, sizes and bytes of the copy were right and the built program printed what it must.</summary>
    public required bool Verified { get; init; }

    /// <summary>How many things were wrong.</summary>
    public required long Mismatches { get; init; }

    /// <summary>The first of them in words.</summary>
    public string? FirstMismatch { get; init; }

    /// <summary>Bytes compared.</summary>
    public required long ComparedBytes { get; init; }

    /// <summary>What was copied.</summary>
    public required AndrewCounters Counters { get; init; }
}

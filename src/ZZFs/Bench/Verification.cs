namespace ZZFs.Bench;

/// <summary>What checking found: how much was compared and what was wrong.</summary>
public sealed class Verification
{
    /// <summary>Bytes of file content that were compared.</summary>
    public long ComparedBytes { get; private set; }

    /// <summary>Findings: wrong bytes (one per read), wrong lengths, names missing or left over.</summary>
    public long Mismatches { get; private set; }

    /// <summary>The first finding, in words; null if there is none.</summary>
    public string? FirstMismatch { get; private set; }

    /// <summary>True if something was compared and nothing was wrong: a check that never looked passes nothing.</summary>
    public bool Passed => Mismatches == 0 && ComparedBytes > 0;

    /// <summary>Counts bytes that were compared.</summary>
    public void Compared(long bytes) => ComparedBytes += bytes;

    /// <summary>Counts a finding and keeps the first one's description.</summary>
    public void Wrong(string description)
    {
        Mismatches++;
        FirstMismatch ??= description;
    }
}

namespace ZZFs.Cli;

/// <summary>What the program returns to its caller; the same for all commands.</summary>
public static class ExitCode
{
    /// <summary>It worked.</summary>
    public const int Success = 0;

    /// <summary>The machine was in the way: a disk, an address, a missing program or right.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A cluster directory, a cluster file or a key file is wrong.</summary>
    public const int Configuration = 3;

    /// <summary>The cluster, or too much of it, does not answer.</summary>
    public const int NotUp = 4;

    /// <summary>The file system could not be mounted or unmounted.</summary>
    public const int Mount = 5;

    /// <summary>A benchmark read something wrong.</summary>
    public const int WrongBytes = 6;

    /// <summary>A replica's store is not what its digests say.</summary>
    public const int Damaged = 7;

    /// <summary>A signal ended it; what it had made was removed.</summary>
    public const int Interrupted = 130;

    /// <summary>A bug of ours (EX_SOFTWARE of sysexits.h).</summary>
    public const int Internal = 70;
}

namespace ZZFs.Client.FileSystem;

/// <summary>How much the mount may remember, and for how long.</summary>
/// <remarks>
/// The default is close-to-open consistency, as NFS users know it: whoever opens a file after another closed it sees
/// what the other wrote; in between, attributes and names may be as old as the bounds say.
/// </remarks>
public sealed record CacheOptions
{
    /// <summary>No caching at all: every operation asks the cluster, reads and writes bypass the page cache.</summary>
    public bool Strict { get; init; }

    /// <summary>Greatest age of attributes, in milliseconds (acregmin of nfs(5) is 3 s as well).</summary>
    public long AttributeMilliseconds { get; init; } = 3000;

    /// <summary>Greatest age of names, in milliseconds, those that lead nowhere included.</summary>
    public long NameMilliseconds { get; init; } = 3000;

    /// <summary>Written data leaves for the cluster after this time at the latest, in milliseconds.</summary>
    public long WriteBackMilliseconds { get; init; } = 1000;

    /// <summary>Most bytes written but not yet executed, of all files; writers wait beyond it.</summary>
    public long DirtyBytes { get; init; } = 16 << 20;

    /// <summary>Files up to this size are fetched when they are opened and kept whole, in bytes.</summary>
    public int WholeFileBytes { get; init; } = 128 << 10;

    /// <summary>Most bytes of whole files that are kept.</summary>
    public long ContentBytes { get; init; } = 32 << 20;

    /// <summary>Most objects whose attributes are remembered.</summary>
    public int AttributeEntries { get; init; } = 65_536;

    /// <summary>Most names that are remembered, of all directories.</summary>
    public int NameEntries { get; init; } = 131_072;

    /// <summary>Most reads ahead of a sequential reader in flight.</summary>
    public int ReadAheadOperations { get; init; } = 4;

    /// <summary>Turns every cache off.</summary>
    public static CacheOptions NoCaching { get; } = new() { Strict = true, AttributeMilliseconds = 0, NameMilliseconds = 0 };
}

using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <summary>How and where to mount.</summary>
public sealed record MountOptions
{
    /// <summary>The directory to mount on.</summary>
    public required string MountPoint { get; init; }

    /// <summary>What mount(8) and df(1) show as the source.</summary>
    public string Source { get; init; } = "zzfs";

    /// <summary>No changes through this mount.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Other users than the one who mounts may use it. Root always allows them.</summary>
    public bool AllowOther { get; init; }

    /// <summary>Set-user-ID and set-group-ID bits count. Only root can ask for that.</summary>
    public bool AllowSetUserId { get; init; }

    /// <summary>Device nodes can be opened. Only root can ask for that.</summary>
    public bool AllowDevices { get; init; }

    /// <summary>Mount over a directory that has entries, which are hidden then.</summary>
    public bool AllowNonEmpty { get; init; }

    /// <summary>The device; another path than the usual serves containers.</summary>
    public string Device { get; init; } = "/dev/fuse";

    /// <summary>How much to remember.</summary>
    public CacheOptions Caches { get; init; } = new();

    /// <summary>Takes lines for the log.</summary>
    public Action<string> Warn { get; init; } = static _ => { };
}

/// <summary>Mounting or unmounting failed. The message is one sentence for the user, with the remedy where there is one.</summary>
public sealed class MountException(string message) : Exception(message);

namespace Mounted;

/// <summary>What this machine lets us test.</summary>
internal static class Machine
{
    // What the tests call, and the package that has it.
    private static readonly Dictionary<string, string> Packages = new(StringComparer.Ordinal)
    {
        ["git"] = "git",
        ["make"] = "make",
        ["rsync"] = "rsync",
        ["tar"] = "tar",
        ["sqlite3"] = "sqlite3",
        ["postmark"] = "postmark",
        ["cc"] = "gcc",
        ["fusermount3"] = "fuse3",
        ["mkfs.btrfs"] = "btrfs-progs",
        ["zfs"] = "zfs-fuse",
        ["setfattr"] = "attr",
        ["setfacl"] = "acl",
        ["flock"] = "util-linux",
        ["unshare"] = "util-linux",
        ["losetup"] = "util-linux",
        ["mkfs.ext4"] = "e2fsprogs",
        ["setpriv"] = "util-linux",
    };

    /// <summary>A directory to run on in place of a mounted cluster, named by ZZFS_TEST_DIRECTORY; null for a cluster.</summary>
    public static string? PlainDirectory =>
        Environment.GetEnvironmentVariable("ZZFS_TEST_DIRECTORY") is { Length: > 0 } directory ? directory : null;

    /// <summary>In continuous integration what can't be tested fails; elsewhere it is skipped.</summary>
    public static bool MustTest => Environment.GetEnvironmentVariable("CI") == "true";

    public static bool IsRoot => Environment.IsPrivilegedProcess;

    /// <summary>The sentence for the first tool that is missing; null if none is.</summary>
    public static string? MissingTool(IEnumerable<string> tools) =>
        tools.Where(tool => !Has(tool))
            .Select(tool => $"{tool} is missing; install the package {Packages.GetValueOrDefault(tool, tool)}.")
            .FirstOrDefault();

    /// <summary>The same for the tools that a shell script calls.</summary>
    public static string? MissingToolOf(string script)
    {
        var words = script.Split([' ', '\n', ';', '(', ')', '|', '\'', '"'], StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);
        return MissingTool(Packages.Keys.Where(words.Contains));
    }

    /// <summary>Why no file system can be mounted here; null if it can.</summary>
    public static string? WhyNoMount =>
        !File.Exists("/dev/fuse") ? "There is no /dev/fuse; load the kernel's fuse module."
        : !IsRoot && !Has("fusermount3") ? "Mounting needs root or fusermount3; install the package fuse3 or run as root."
        : null;

    private static bool Has(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin")
            .Any(folder => File.Exists(Path.Combine(folder, tool)));
}

/// <summary>A test on the mount, or on the directory that ZZFS_TEST_DIRECTORY names, that uses the tools it lists.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MountedFactAttribute : FactAttribute
{
    public MountedFactAttribute(params string[] tools)
    {
        var reason = Machine.MissingTool(tools) ?? (Machine.PlainDirectory is null ? Machine.WhyNoMount : null);
        if (reason is not null && !Machine.MustTest)
        {
            Skip = reason;
        }
    }
}

/// <summary>A test that needs a cluster of its own or its processes, and uses the tools it lists.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ClusterFactAttribute : FactAttribute
{
    public ClusterFactAttribute(params string[] tools)
    {
        var reason = Machine.MissingTool(tools) ?? Machine.WhyNoMount;
        if (Machine.PlainDirectory is not null)
        {
            Skip = "ZZFS_TEST_DIRECTORY names a directory, which has no replicas.";
        }
        else if (reason is not null && !Machine.MustTest)
        {
            Skip = reason;
        }
    }
}

/// <summary>A cluster test that only root can run: it changes users, or hides devices in a mount namespace.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RootClusterFactAttribute : FactAttribute
{
    public RootClusterFactAttribute(params string[] tools)
    {
        var reason = Machine.IsRoot ? Machine.MissingTool(tools) ?? Machine.WhyNoMount : "It needs root.";
        if (Machine.PlainDirectory is not null)
        {
            Skip = "ZZFS_TEST_DIRECTORY names a directory, which has no replicas.";
        }
        else if (reason is not null && !Machine.MustTest)
        {
            Skip = reason;
        }
    }
}

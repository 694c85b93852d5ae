using System.Text.Json;

namespace ZZFs.Bench;

/// <summary>
/// A demo's cluster made with this program's own commands, each in a process of its own, exactly as a user gives them:
/// <c>init</c>, <c>up</c>, <c>mount</c>, <c>status</c>, <c>umount</c>, <c>down</c>.
/// </summary>
/// <param name="parent">Directory in which a temporary folder for the cluster is made.</param>
/// <param name="command">Makes the command line that runs this program with some arguments.</param>
public sealed class ProgramCluster(string parent, Func<string[], string[]> command) : IDemoCluster
{
    private string? _folder;

    private string ClusterDirectory => Path.Combine(Folder, "cluster");

    private string MountPoint => Path.Combine(Folder, "mount");

    private string Folder => _folder ?? throw new InvalidOperationException("The cluster was not made.");

    /// <inheritdoc/>
    public void Init()
    {
        var files = new LinuxFileSystem();
        for (var attempt = 0; _folder is null; attempt++)
        {
            var folder = Path.Combine(Path.GetFullPath(parent), $"zzfs-demo-{Environment.ProcessId}-{attempt}");
            _folder = files.TryMakeDirectory(folder) ? folder : null;
        }

        files.TryMakeDirectory(MountPoint);
        Zzfs("init", ClusterDirectory);
    }

    /// <inheritdoc/>
    public void Up() => Zzfs("up", ClusterDirectory);

    /// <inheritdoc/>
    public string Mount()
    {
        Zzfs("mount", ClusterDirectory, MountPoint);
        return IsMounted ? MountPoint : throw new BenchException($"zzfs mount succeeded, but {MountPoint} is no mount point.");
    }

    /// <inheritdoc/>
    public IReadOnlyList<DemoReplica> Replicas()
    {
        var text = Zzfs("status", ClusterDirectory, "--json");
        try
        {
            return DemoStatus.Parse(text);
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BenchException($"zzfs status printed what the demo can't read: {failure.Message}", failure);
        }
    }

    /// <inheritdoc/>
    public void Unmount()
    {
        if (!IsMounted)
        {
            return;
        }

        try
        {
            Zzfs("umount", MountPoint);
        }
        catch (BenchException) when (ToolRunner.Find("umount") is { } umount)
        {
            // A broken mount must not stay in the way of removing the folder.
            ToolRunner.Run(umount, ["-l", MountPoint], "/", CancellationToken.None);
        }

        if (IsMounted)
        {
            throw new BenchException($"{MountPoint} is still mounted; unmount it with: umount -l {MountPoint}.");
        }
    }

    /// <inheritdoc/>
    public void Down()
    {
        if (Directory.Exists(ClusterDirectory))
        {
            Zzfs("down", ClusterDirectory);
        }
    }

    /// <inheritdoc/>
    public void Remove()
    {
        if (_folder is null || !Directory.Exists(_folder))
        {
            return;
        }

        if (IsMounted)
        {
            throw new BenchException($"{_folder} still holds a mount.");
        }

        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"Cannot remove {_folder}: {failure.Message}", failure);
        }
    }

    private bool IsMounted => File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ')[4] == MountPoint);

    // Not cancelled: a command that is killed half way would leave nodes that nobody knows of. Each ends by itself within a bound.
    private string Zzfs(params string[] arguments)
    {
        var words = command(arguments);
        var outcome = ToolRunner.Run(words[0], words[1..], "/", CancellationToken.None);
        if (outcome.ExitCode != 0)
        {
            var reason = outcome.LastLine.StartsWith("zzfs: ", StringComparison.Ordinal) ? outcome.LastLine[6..] : outcome.LastLine;
            throw new BenchException($"zzfs {arguments[0]} failed: {reason}");
        }

        return outcome.Output;
    }
}

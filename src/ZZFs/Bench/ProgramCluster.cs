using System.Diagnostics;
using System.Globalization;
using System.Text;
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
        // Its exit code only says whether the cluster serves; what it prints is true either way.
        var outcome = Run("status", ClusterDirectory, "--json");
        try
        {
            return outcome.Output.Length > 0 ? DemoStatus.Parse(outcome.Output) : throw Failure("status", outcome);
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
            try
            {
                Zzfs("down", ClusterDirectory);
            }
            finally
            {
                KillLeftovers();
            }
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

    // "Nothing is left behind" must be true even when stopping went wrong: every process of the cluster names its folder.
    private void KillLeftovers()
    {
        var killed = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => Path.GetFileName(path).All(char.IsAsciiDigit)))
        {
            try
            {
                if (Encoding.UTF8.GetString(File.ReadAllBytes($"{process}/cmdline")).Contains(ClusterDirectory + "/", StringComparison.Ordinal))
                {
                    using var leftover = Process.GetProcessById(int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture));
                    leftover.Kill();
                    killed.Add(Path.GetFileName(process));
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
            {
                // It ended while we looked, or is somebody else's.
            }
        }

        if (killed.Count > 0)
        {
            throw new BenchException($"zzfs down left processes {string.Join(", ", killed)} running, which were killed.");
        }
    }

    private bool IsMounted => File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ')[4] == MountPoint);

    private void Zzfs(params string[] arguments)
    {
        var outcome = Run(arguments);
        if (outcome.ExitCode != 0)
        {
            throw Failure(arguments[0], outcome);
        }
    }

    // Not cancelled: a command that is killed half way would leave nodes that nobody knows of. Each ends by itself within a bound.
    private ToolOutcome Run(params string[] arguments)
    {
        var words = command(arguments);
        return ToolRunner.Run(words[0], words[1..], "/", CancellationToken.None);
    }

    private static BenchException Failure(string name, ToolOutcome outcome) =>
        new($"zzfs {name} failed: {(outcome.LastLine.StartsWith("zzfs: ", StringComparison.Ordinal) ? outcome.LastLine[6..] : outcome.LastLine)}");
}

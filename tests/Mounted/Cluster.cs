using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Mounted;

/// <summary>
/// A cluster of real processes on this machine, driven through the <c>zzfs</c> program as a user would. Disposing
/// unmounts, stops and removes everything, also after a failure half way.
/// </summary>
internal sealed class Cluster : IDisposable
{
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(45);

    // The exit code of a cluster that does not serve.
    private const int NotUp = 4;

    private readonly List<string> _mounts = [];
    private readonly EventHandler _onExit;
    private LoopDisk? _disk;

    // What nodes are started with.
    private string _nodeProgram = Program;
    private bool _disposed;

    private Cluster()
    {
        // Mount points are in a folder that other users may pass through.
        Folder = Directory.CreateTempSubdirectory("zzfs-mounted-").FullName;
        File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        _onExit = (_, _) => Dispose();
        AppDomain.CurrentDomain.ProcessExit += _onExit;
    }

    /// <summary>The program under test: the script at the root of the sources, unless ZZFS_PROGRAM names another.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("ZZFS_PROGRAM") is { Length: > 0 } program
        ? Path.GetFullPath(program)
        : Path.Combine(FindRoot(), "zzfs");

    /// <summary>Everything of the test is in here.</summary>
    public string Folder { get; }

    /// <summary>The cluster directory.</summary>
    public string ClusterDirectory => Path.Combine(_disk?.MountPoint ?? Folder, "cluster");

    /// <summary>What mounts read: the cluster directory, or a client's own copy of its part if the cluster has its own disk.</summary>
    public string ClientDirectory => _disk is null ? ClusterDirectory : PathOf("client");

    /// <summary>Makes the files of a cluster that doesn't run yet, with options of <c>zzfs init</c>.</summary>
    public static Cluster Init(params string[] options)
    {
        var cluster = new Cluster();
        try
        {
            Zzfs(["init", cluster.ClusterDirectory, .. options]).Succeeded();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Makes a cluster and starts it.</summary>
    public static Cluster Started(params string[] options)
    {
        var cluster = Init(options);
        try
        {
            Zzfs("up", cluster.ClusterDirectory).Succeeded();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Makes a cluster on a disk of its own, which can lose power, and starts it.</summary>
    public static Cluster StartedOnDisk(int mebibytes, params string[] options) => StartedOnDisk(mebibytes, liar: null, options);

    /// <summary>
    /// The same with an agreement replica that claims that everything is on its disk, keeps nothing, and votes again when it
    /// starts again. The nodes run the program with which tests lie.
    /// </summary>
    public static Cluster StartedOnDisk(int mebibytes, string? liar, string[] options)
    {
        var cluster = new Cluster();
        try
        {
            cluster._disk = LoopDisk.Create(cluster.Folder, mebibytes);
            Zzfs(["init", cluster.ClusterDirectory, .. options]).Succeeded();
            if (liar is not null)
            {
                File.WriteAllText(Path.Combine(cluster.ClusterDirectory, liar, "forgetful"), "");
                cluster._nodeProgram = cluster.MakeLyingProgram();
            }

            Tool.Shell("mkdir \"$2\"; cp -a \"$1\"/cluster.json \"$1\"/c[0-9]* \"$2\"; sync -f \"$1\"", arguments: [cluster.ClusterDirectory, cluster.ClientDirectory]).Succeeded();
            Tool.Run(cluster._nodeProgram, ["up", cluster.ClusterDirectory]).Succeeded();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Runs the program.</summary>
    public static Outcome Zzfs(params string[] arguments) => Tool.Run(Program, arguments);

    /// <summary>A path in the test's folder.</summary>
    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Mounts the cluster at a new directory and gives its path.</summary>
    public string Mount(string name, params string[] options)
    {
        var point = Directory.CreateDirectory(PathOf(name)).FullName;
        _mounts.Add(point);
        Zzfs(["mount", ClientDirectory, point, .. options]).Succeeded();
        Assert.True(IsMounted(point), $"zzfs mount succeeded, but {point} is no mount point");
        return point;
    }

    public void Unmount(string point)
    {
        Zzfs("umount", point).Succeeded();
        Assert.False(IsMounted(point), $"zzfs umount succeeded, but {point} is still mounted");
        _mounts.Remove(point);
    }

    public ClusterStatus Status()
    {
        // It fails, too, when the cluster can't serve at the moment, and still tells what it knows.
        var outcome = Zzfs("status", ClusterDirectory, "--json");
        using var json = JsonDocument.Parse(outcome.ExitCode == NotUp ? outcome.Output : outcome.Succeeded());
        return new ClusterStatus(json.RootElement.Clone());
    }

    /// <summary>The process of a node.</summary>
    public int ProcessOf(string id)
    {
        var process = ClusterProcesses.NodeOf(ClusterDirectory, id);
        Assert.True(process is not null, $"no process runs node {id}");
        return process.Value;
    }

    /// <summary>Every address that a node listens on.</summary>
    public IReadOnlyList<IPEndPoint> Addresses()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(ClusterDirectory, "cluster.json")));
        var addresses = new List<IPEndPoint>();
        foreach (var list in json.RootElement.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.Array))
        {
            foreach (var entry in list.Value.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.Object))
            {
                addresses.AddRange(entry.EnumerateObject()
                    .Where(field => field.Name is "address" or "control")
                    .Select(field => IPEndPoint.Parse(field.Value.GetString()!)));
            }
        }

        Assert.NotEmpty(addresses);
        return addresses;
    }

    public static bool IsMounted(string point) =>
        File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ')[4] == point);

    /// <summary>
    /// The whole site loses power and boots again, see <see cref="LoopDisk.LosePower"/>; mounts live on, and no node sleeps
    /// through it. No other process may be started meanwhile.
    /// </summary>
    /// <returns>
    /// How many bytes of the agreement replicas' logs were lost, and whether a file was that was not synced. The kernel may have
    /// written it back of its own accord.
    /// </returns>
    public async Task<(long LogBytes, bool UnsyncedFile)> LosePower(TimeSpan bound)
    {
        using var loss = _disk!.LosePower(ClusterDirectory, _nodeProgram, ClusterProcesses.NodesOf(ClusterDirectory));
        await Eventually.Holds(() => loss.HasExited, bound, "the site is up again after a loss of power");
        var words = loss.Wait().Succeeded().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return (long.Parse(words[0], CultureInfo.InvariantCulture), words[1] == "nothing");
    }

    /// <summary>Kills what serves the mounts: calls that wait for them fail, so that the caller can clean up.</summary>
    public void KillMounts()
    {
        foreach (var (processId, _) in ClusterProcesses.Of(Folder).Where(process => process.Arguments.Contains("mount")))
        {
            ClusterProcesses.Kill(processId);
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        AppDomain.CurrentDomain.ProcessExit -= _onExit;
        foreach (var point in _mounts.Where(IsMounted))
        {
            Tool.TryRun(Program, ["umount", point], StopBound);
        }

        if (File.Exists(Path.Combine(ClusterDirectory, "cluster.json")))
        {
            Tool.TryRun(Program, ["down", ClusterDirectory], StopBound);
        }

        // What is left after that is what a test is about to complain of; it must not outlive it.
        ClusterProcesses.KillAll(Folder);
        foreach (var point in _mounts.Where(IsMounted))
        {
            Tool.TryRun("umount", ["-l", point], StopBound);
        }

        _disk?.Dispose();
        Tool.Run("rm", ["-rf", "--one-file-system", Folder]).Succeeded();
    }

    private string MakeLyingProgram()
    {
        var script = PathOf("lying");
        File.WriteAllText(script, $"#!/bin/sh\nZZFS_TEST_REAL=yes exec '{Path.Combine(AppContext.BaseDirectory, "zzfs-test")}' \"$@\"\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return script;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "ZZFs.sln")))
        {
            folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("The tests don't run inside the source tree; name the program with ZZFS_PROGRAM.");
        }

        return folder;
    }
}

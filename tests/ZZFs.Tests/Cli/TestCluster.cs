using System.Diagnostics;
using Agreement.Configuration;
using Agreement.Messages;

namespace ZZFs.Tests.Cli;

/// <summary>
/// A cluster directory and the test program, whose replicas only tell their status. Whatever a test leaves mounted or
/// running is ended with it.
/// </summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-test-").FullName;

    public TestCluster() => Layout = new ClusterLayout(Path.Combine(folder, "cluster"));

    public ClusterLayout Layout { get; }

    public static async Task<TestCluster> CreateAsync(params string[] options)
    {
        var cluster = new TestCluster();
        Assert.Equal(0, (await cluster.RunAsync(null, ["init", cluster.Layout.Directory, .. options])).ExitCode);
        return cluster;
    }

    public string NewFolder(string name) => Directory.CreateDirectory(Path.Combine(folder, name)).FullName;

    /// <summary>Runs the test program to its end; <paramref name="failing"/> names a node that shall fail at its start.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync(string? failing, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "zzfs-test"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (failing is not null)
            start.Environment["ZZFS_TEST_FAIL"] = failing;
        using Process process = Process.Start(start)!;
        using var bound = new CancellationTokenSource(Bound);
        Task<string> output = process.StandardOutput.ReadToEndAsync(bound.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(bound.Token);
        await process.WaitForExitAsync(bound.Token);
        return (process.ExitCode, await output, await error);
    }

    public Task<(int ExitCode, string Output, string Error)> RunAsync(string command, string first) => RunAsync(null, command, first);

    public int ProcessOf(PartyId party) =>
        int.Parse(File.ReadAllText(Layout.PidFile(party)), System.Globalization.CultureInfo.InvariantCulture);

    public static async Task UntilAsync(Func<bool> condition, TimeSpan? within = null)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var bound = new CancellationTokenSource(within ?? Bound);
        while (!condition())
            await timer.WaitForNextTickAsync(bound.Token);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string line in File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(folder, StringComparison.Ordinal)))
            await RunAsync(null, "umount", line.Split(' ')[4]);
        if (File.Exists(Layout.ClusterFile))
            await RunAsync("down", Layout.Directory);
        Directory.Delete(folder, recursive: true);
    }
}

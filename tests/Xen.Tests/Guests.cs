using Agreement.Control;
using Xen.Freezing;

namespace Xen.Tests;

/// <summary>Guests for tests, with a folder of their own; whatever a test leaves running is killed at its end.</summary>
internal sealed class Guests : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-test-").FullName;
    private readonly List<ProcessHypervisor> hypervisors = [];
    private readonly string prefix = $"zzfs-test-{Guid.NewGuid():N}";

    public static string[] Idle => ["sleep", "1000"];

    public static string[] Busy => ["sh", "-c", "while :; do :; done"];

    /// <summary>Names of the freezers that this machine has.</summary>
    public static TheoryData<string> FreezerNames()
    {
        var names = new TheoryData<string> { "SIGSTOP" };
        foreach ((string place, bool isVersion2) in Freezers.CgroupFolders("zzfs-test-probe"))
        {
            if (CgroupFreezer.IsUsable(place, isVersion2))
                names.Add(isVersion2 ? "cgroup2" : "cgroup1");
        }

        return names;
    }

    public GuestProgram Program(string name, params string[] command) =>
        new($"{prefix}-{name}", command, Path.Combine(folder, name + ".log"), Path.Combine(folder, name + ".guest"));

    public ProcessHypervisor Host(GuestProgram program) => Keep(new ProcessHypervisor(program));

    public ProcessHypervisor Host(GuestProgram program, string freezer) => Keep(new ProcessHypervisor(program, Freezer(program.Name, freezer)));

    public static double CpuSeconds(ProcessHypervisor hypervisor) => ProcessUsage.Of(hypervisor.ProcessId!.Value)!.CpuSeconds;

    /// <summary>Whether the first thread of a process is stopped by a signal.</summary>
    public static bool IsStopped(int process) => new StopSignalFreezer().IsFrozen(process);

    public static async Task UntilAsync(Func<bool> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        using var bound = new CancellationTokenSource(Bound);
        while (!condition())
            await timer.WaitForNextTickAsync(bound.Token);
    }

    public async ValueTask DisposeAsync()
    {
        // The last first: a later one may hold a guest in the place of an earlier one.
        foreach (ProcessHypervisor hypervisor in Enumerable.Reverse(hypervisors))
            await hypervisor.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private ProcessHypervisor Keep(ProcessHypervisor hypervisor)
    {
        hypervisors.Add(hypervisor);
        return hypervisor;
    }

    private static IFreezer Freezer(string guest, string name)
    {
        if (name == "SIGSTOP")
            return new StopSignalFreezer();
        (string place, bool isVersion2) = Freezers.CgroupFolders(guest).First(found => found.IsVersion2 == (name == "cgroup2"));
        return new CgroupFreezer(place, isVersion2);
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Mounted;

/// <summary>The processes of one cluster, found by their command lines, which name its directory.</summary>
internal static partial class ClusterProcesses
{
    public const int SigKill = 9;

    /// <summary>All processes whose command line has an argument in a directory.</summary>
    public static IReadOnlyList<(int ProcessId, string[] Arguments)> Of(string directory) =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(Path.GetFileName)
            .Where(name => name!.All(char.IsAsciiDigit))
            .Select(name => (ProcessId: int.Parse(name!, CultureInfo.InvariantCulture), Arguments: ArgumentsOf(name!)))
            .Where(process => process.ProcessId != Environment.ProcessId && Array.Exists(process.Arguments, argument => IsIn(argument, directory))),
    ];

    /// <summary>The process that runs a node: <c>… node KIND … DIRECTORY/ID/…</c>; null if there is none.</summary>
    public static int? NodeOf(string directory, string id)
    {
        var nodes = Of(directory).Where(process =>
            process.Arguments.Contains("node") && Array.Exists(process.Arguments, argument => IsIn(argument, Path.Combine(directory, id)))).ToList();
        return nodes.Count == 0 ? null : nodes[^1].ProcessId;
    }

    /// <summary>CPU time of a process in clock ticks, user and system.</summary>
    public static ulong CpuTicks(int processId)
    {
        var text = File.ReadAllText($"/proc/{processId}/stat");
        // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15, counted from 1.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return ulong.Parse(fields[11], CultureInfo.InvariantCulture) + ulong.Parse(fields[12], CultureInfo.InvariantCulture);
    }

    public static void Kill(int processId)
    {
        Assert.True(KillCall(processId, SigKill) == 0, $"process {processId} could not be killed");
    }

    public static void Signal(int processId, int signal)
    {
        Assert.True(KillCall(processId, signal) == 0, $"process {processId} could not be sent signal {signal}");
    }

    /// <summary>The processes of all nodes of a cluster, controllers first lest they start others again; no mount of it.</summary>
    public static IReadOnlyList<int> NodesOf(string directory) =>
    [
        .. ((string[])["hypervisor", "agreement", "execution"]).SelectMany(kind => Of(directory)
            .Where(process => process.Arguments.Contains("node") && process.Arguments.Contains(kind))
            .Select(process => process.ProcessId)),
    ];

    /// <summary>Kills every node of a cluster, but no mount of it.</summary>
    public static void KillNodes(string directory)
    {
        foreach (var processId in NodesOf(directory))
        {
            _ = KillCall(processId, SigKill);
        }
    }

    /// <summary>Kills what still runs in a directory; for cleaning up.</summary>
    public static void KillAll(string directory)
    {
        foreach (var (processId, _) in Of(directory))
        {
            // It may have ended in between.
            _ = KillCall(processId, SigKill);
        }
    }

    private static bool IsIn(string argument, string directory) =>
        argument == directory || argument.StartsWith(directory + "/", StringComparison.Ordinal) || argument.EndsWith("=" + directory, StringComparison.Ordinal)
        || argument.Contains("=" + directory + "/", StringComparison.Ordinal);

    private static string[] ArgumentsOf(string process)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{process}/cmdline")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It ended while we looked.
            return [];
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillCall(int processId, int signal);
}

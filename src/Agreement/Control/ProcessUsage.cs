using System.Globalization;

namespace Agreement.Control;

/// <summary>What a process uses, as the kernel counts it.</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="MemoryBytes">Resident memory.</param>
/// <param name="CpuSeconds">Processor time in user and kernel mode since it started; the kernel counts in 10 ms.</param>
public sealed record ProcessUsage(int ProcessId, ulong MemoryBytes, double CpuSeconds)
{
    // sysconf(_SC_CLK_TCK), which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Of this process.</summary>
    public static ProcessUsage OfThisProcess() => Of(Environment.ProcessId)
        ?? throw new IOException("/proc/self/stat can't be read");

    /// <summary>Of the process <paramref name="processId"/>, or null when there is none.</summary>
    public static ProcessUsage? Of(int processId)
    {
        string[]? fields = ReadStat(processId);
        if (fields is null)
            return null;
        ulong ticks = Number(fields[11]) + Number(fields[12]);
        return new ProcessUsage(processId, Number(fields[21]) * (ulong)Environment.SystemPageSize, ticks / TicksPerSecond);
    }

    /// <summary>
    /// When the process started, in ticks since boot: together with the id it names a process for good. Null when there is
    /// no such process or only its zombie is left.
    /// </summary>
    public static ulong? StartTicks(int processId) =>
        ReadStat(processId) is { } fields && fields[0] is not ("Z" or "X") ? Number(fields[19]) : null;

    private static ulong Number(string text) => ulong.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>Fields of proc(5) stat from the third, the state, on.</summary>
    private static string[]? ReadStat(int processId)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            // The second field is the command's name in parentheses, which may hold anything, so the fields count from its end.
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

using System.Globalization;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Fuse;

/// <summary>
/// The users behind requests. FUSE names user and group, but not the supplementary groups; those stand in
/// /proc/PID/status, which is read once for each process and remembered for a few seconds.
/// </summary>
/// <param name="clock">Monotonic milliseconds.</param>
/// <param name="readStatus">The lines of a process's status; throws <see cref="IOException"/> or its like when it is gone.</param>
internal sealed class CallerTable(Func<long> clock, Func<uint, IEnumerable<string>> readStatus) : ICallerSource
{
    private const int MaximumEntries = 1024;
    private const long MaximumAgeMilliseconds = 5000;
    private const ulong KillBit = 1UL << (9 - 1);

    private readonly Dictionary<(uint Pid, uint Uid, uint Gid), (Credentials Credentials, long AsOf)> known = [];

    /// <summary>Reads the real /proc.</summary>
    public static IEnumerable<string> ReadProcStatus(uint processId) =>
        File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/status"));

    /// <inheritdoc/>
    public Credentials Find(uint uid, uint gid, uint processId)
    {
        // The superuser may do everything without groups; squashed, it is nobody's member.
        if (uid == 0)
            return gid == 0 ? Credentials.Superuser : new Credentials(uid, gid, []);
        long now = clock();
        if (known.TryGetValue((processId, uid, gid), out (Credentials Credentials, long AsOf) entry)
            && now - entry.AsOf < MaximumAgeMilliseconds)
            return entry.Credentials;
        if (known.Count >= MaximumEntries)
            known.Clear();
        Credentials credentials = new(uid, gid, ReadGroups(processId));
        known[(processId, uid, gid)] = (credentials, now);
        return credentials;
    }

    /// <inheritdoc/>
    public bool IsDying(uint processId)
    {
        if (processId == 0)
            return true;
        try
        {
            // A fatal signal, whichever it is, leaves SIGKILL pending in every thread (complete_signal in kernel/signal.c).
            return readStatus(processId).Any(static line =>
                (line.StartsWith("SigPnd:", StringComparison.Ordinal) || line.StartsWith("ShdPnd:", StringComparison.Ordinal))
                && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong signals)
                && (signals & KillBit) != 0);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private uint[] ReadGroups(uint processId)
    {
        if (processId == 0)
            return [];
        try
        {
            string? line = readStatus(processId).FirstOrDefault(static line => line.StartsWith("Groups:", StringComparison.Ordinal));
            return line is null ? [] : Parse(line["Groups:".Length..]);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The process is gone, or hidden from us: it is judged by its user and group alone.
            return [];
        }
    }

    private static uint[] Parse(string groups) =>
    [
        .. groups.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)
            .Select(static text => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint group) ? group : (uint?)null)
            .OfType<uint>()
            .Take(Specification.MaximumGroups),
    ];
}

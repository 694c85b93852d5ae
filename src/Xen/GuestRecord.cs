using System.Globalization;
using Agreement.Control;

namespace Xen;

/// <summary>
/// Names a guest's process for good: the id alone is used again, but never with the same start time in the same boot. Kept
/// in a file, so that a controller that was killed finds its guest again.
/// </summary>
/// <param name="ProcessId">The process.</param>
/// <param name="StartTicks">When it started, in ticks since boot.</param>
/// <param name="Boot">Which boot.</param>
internal sealed record GuestRecord(int ProcessId, ulong StartTicks, string Boot)
{
    /// <summary>Whether this very process is still there.</summary>
    public bool IsAlive => Boot == CurrentBoot() && ProcessUsage.StartTicks(ProcessId) == StartTicks;

    /// <summary>For a process that runs now; null when it has ended already.</summary>
    public static GuestRecord? Of(int process) =>
        ProcessUsage.StartTicks(process) is { } start ? new GuestRecord(process, start, CurrentBoot()) : null;

    /// <summary>What was saved, or null when there is nothing of use.</summary>
    public static GuestRecord? Load(string path)
    {
        if (!File.Exists(path))
            return null;
        // A torn or foreign file names no process; the control group then finds the guest.
        string[] parts = File.ReadAllText(path).Split(' ', StringSplitOptions.TrimEntries);
        return parts.Length == 3
            && int.TryParse(parts[0], CultureInfo.InvariantCulture, out int process)
            && process > 1
            && ulong.TryParse(parts[1], CultureInfo.InvariantCulture, out ulong start)
            ? new GuestRecord(process, start, parts[2])
            : null;
    }

    /// <summary>Writes the file.</summary>
    public void Save(string path) =>
        File.WriteAllText(path, string.Create(CultureInfo.InvariantCulture, $"{ProcessId} {StartTicks} {Boot}\n"));

    private static string CurrentBoot() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}

using System.Globalization;

namespace Xen.Machines;

/// <summary>Reads what <c>xl list</c> prints: a header, then for each domain its name, number, memory, processors, state and time.</summary>
internal static class XlDomainList
{
    private const string StateLetters = "rbpscd";

    /// <summary>The six flags of a domain (xl(1), "STATES"), or null when the domain is not in the list.</summary>
    /// <exception cref="HypervisorException">It is no such list.</exception>
    public static string? Find(string output, string name)
    {
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || !lines[0].StartsWith("Name ", StringComparison.Ordinal) || !lines[0].Contains("State", StringComparison.Ordinal))
            throw new HypervisorException("xl list printed no list of domains");
        foreach (string line in lines.Skip(1))
        {
            // Names may hold spaces and push the columns aside, so the columns count from the end.
            string[] fields = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 6 || !IsState(fields[^2]) || !int.TryParse(fields[^5], NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw new HypervisorException($"xl list printed a line that is no domain: {line.Trim()}");
            if (string.Join(' ', fields[..^5]) == name)
                return fields[^2];
        }

        return null;
    }

    /// <summary>What the flags say of a domain.</summary>
    public static MachineState Read(string flags)
    {
        // One that shut down, crashed or is dying does not come back; it may stay in the list until it is destroyed.
        if (flags[3] != '-' || flags[4] != '-' || flags[5] != '-')
            return new MachineState(GuestState.Absent, IsLeft: true);
        // Without any flag it waits for a processor.
        return new MachineState(flags[2] != '-' ? GuestState.Paused : GuestState.Running);
    }

    private static bool IsState(string text)
    {
        if (text.Length != StateLetters.Length)
            return false;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '-' && text[i] != StateLetters[i])
                return false;
        }

        return true;
    }
}

using Agreement.Configuration;

namespace ZZFs.Cli;

/// <summary>The choice of hypervisors on the command line.</summary>
internal static class HypervisorArguments
{
    /// <summary>Reads one.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static HypervisorChoice Parse(string option, string text) => HypervisorChoice.TryParse(text, out HypervisorChoice? choice)
        ? choice
        : throw new CommandException(ExitCode.Usage, $"{option} must be {HypervisorChoice.Forms}, not {text}");

    /// <summary>Reads those of single replicas, as <c>e2=HYPERVISOR</c>.</summary>
    /// <exception cref="CommandException">One is none, or a replica is named twice.</exception>
    public static SortedDictionary<int, HypervisorChoice> ParseEach(string option, IEnumerable<string> texts) =>
        ReplicaArguments.ParseEach(option, "e2=xl:/etc/xen/e2.cfg", texts, Parse);
}

using Agreement.Configuration;
using ZZFs.Stores;

namespace ZZFs.Cli;

/// <summary>The choice of backing stores on the command line.</summary>
internal static class StoreArguments
{
    private const string Btrfs = "btrfs:";

    /// <summary>Reads one store. A path may be relative to the working directory.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static StoreChoice Parse(string option, string text)
    {
        string full = text.StartsWith(Btrfs, StringComparison.Ordinal) && text.Length > Btrfs.Length
            ? Btrfs + Path.TrimEndingDirectorySeparator(Path.GetFullPath(text[Btrfs.Length..]))
            : text;
        return StoreChoice.TryParse(full, out StoreChoice? choice)
            ? choice
            : throw new CommandException(ExitCode.Usage, $"{option} must be {StoreChoice.Forms}, not {text}");
    }

    /// <summary>Reads stores of single replicas, as <c>e1=STORE</c>.</summary>
    /// <exception cref="CommandException">One is none, or a replica is named twice.</exception>
    public static SortedDictionary<int, StoreChoice> ParseEach(string option, IEnumerable<string> texts) =>
        ReplicaArguments.ParseEach(option, "e1=btrfs:/PATH", texts, Parse);

    /// <summary>Throws when a replica of this machine is to have a store that the machine has no place for.</summary>
    /// <exception cref="StoreException">So it is.</exception>
    public static void Check(ClusterPlan plan)
    {
        for (int i = 0; i < (2 * plan.F) + 1; i++)
        {
            if (plan.Hosts.Count > 0 && PortFinder.IsLocal(plan.Hosts[i % plan.Hosts.Count].Address))
                ReplicaStore.Check(plan.StoreOf.GetValueOrDefault(i, plan.Store));
        }
    }
}

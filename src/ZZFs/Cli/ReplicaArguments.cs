using System.Globalization;

namespace ZZFs.Cli;

/// <summary>Options that say something of single execution replicas, as <c>e1=VALUE</c>.</summary>
internal static class ReplicaArguments
{
    /// <summary>Reads all that were given.</summary>
    /// <param name="option">The option.</param>
    /// <param name="example">How it may look, for the error.</param>
    /// <param name="texts">What was given.</param>
    /// <param name="parse">Reads a value; its first argument is the option.</param>
    /// <exception cref="CommandException">One is none, or a replica is named twice.</exception>
    public static SortedDictionary<int, T> ParseEach<T>(string option, string example, IEnumerable<string> texts, Func<string, string, T> parse)
    {
        var choices = new SortedDictionary<int, T>();
        foreach (string text in texts)
        {
            string[] parts = text.Split('=', 2);
            if (parts.Length != 2
                || !parts[0].StartsWith('e')
                || !int.TryParse(parts[0][1..], NumberStyles.None, CultureInfo.InvariantCulture, out int replica))
                throw new CommandException(ExitCode.Usage, $"{option} must be like {example}, not {text}");
            if (!choices.TryAdd(replica, parse(option, parts[1])))
                throw new CommandException(ExitCode.Usage, $"{option} names {parts[0]} twice");
        }

        return choices;
    }
}

using Agreement.Messages;

namespace ZZFs.Cli.Mounting;

/// <summary>What follows <c>-o</c>: comma-separated words, from the command line or fstab(5).</summary>
/// <param name="Options">What the mount has to know, in order.</param>
/// <param name="Client">From <c>as=</c>, or null.</param>
internal sealed record MountOptionList(IReadOnlyList<string> Options, PartyId? Client)
{
    // Words of fstab(5) for mount(8) itself and for service managers; they say nothing to a file system.
    private static readonly string[] NotForUs =
        ["defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "_netdev", "nofail", "rw"];

    /// <summary>Parses all arguments of <c>-o</c>.</summary>
    /// <exception cref="CommandException">A client is named wrongly.</exception>
    public static MountOptionList Parse(IEnumerable<string> arguments)
    {
        var options = new List<string>();
        PartyId? client = null;
        foreach (string option in arguments.SelectMany(argument => argument.Split(',', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (option.StartsWith("as=", StringComparison.Ordinal))
                client = CommonArguments.Party(option[3..], PartyRole.Client, "-o as=");
            else if (!NotForUs.Contains(option) && !option.StartsWith("x-", StringComparison.Ordinal) && !option.StartsWith("comment=", StringComparison.Ordinal))
                options.Add(option);
        }

        return new MountOptionList(options, client);
    }
}

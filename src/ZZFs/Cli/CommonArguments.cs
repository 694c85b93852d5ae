using System.CommandLine;
using Agreement.Configuration;
using Agreement.Messages;

namespace ZZFs.Cli;

/// <summary>Arguments and options that several commands have.</summary>
internal static class CommonArguments
{
    /// <summary>The cluster directory.</summary>
    public static Argument<string> Directory() => new("DIR") { Description = "The cluster directory." };

    /// <summary>Asks for JSON.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print JSON." };

    /// <summary>A party given on the command line.</summary>
    /// <exception cref="CommandException">It is none of that role.</exception>
    public static PartyId Party(string text, PartyRole role, string option) =>
        PartyId.TryParse(text, out PartyId party) && party.Role == role
            ? party
            : throw new CommandException(ExitCode.Usage, $"{option} must name a party like {new PartyId(role, 1)}, not {text}");

    /// <summary>Loads a key file and checks that it is the key of <paramref name="party"/>.</summary>
    /// <exception cref="ConfigurationException">It can't be read, or is not.</exception>
    public static KeyFile LoadKey(ClusterFile cluster, PartyId party, string path)
    {
        PartyEntry entry = cluster.Find(party) ?? throw new ConfigurationException($"{path}: the cluster file knows no {party}");
        KeyFile key = KeyFile.Load(path);
        if (!key.RequireIdentity(path).PublicKeys.SigningKey.Span.SequenceEqual(entry.Keys.SigningKey.Span)
            || !key.RequireIdentity(path).PublicKeys.LinkKey.Span.SequenceEqual(entry.Keys.LinkKey.Span)
            || !KeyFile.Fingerprint(key.Certificate).AsSpan().SequenceEqual(entry.Certificate.Span))
        {
            key.Dispose();
            throw new ConfigurationException($"{path}: not the key that the cluster file gives {party}");
        }

        return key;
    }
}

using System.Diagnostics.CodeAnalysis;

namespace Agreement.Configuration;

/// <summary>What holds an execution replica.</summary>
public enum HypervisorKind
{
    /// <summary>Nothing but the kernel: the replica is a process of its controller.</summary>
    Process,

    /// <summary>Xen, through its toolstack <c>xl</c>.</summary>
    Xl,

    /// <summary>Whatever libvirt manages, through <c>virsh</c>.</summary>
    Libvirt,
}

/// <summary>How an execution replica sleeps.</summary>
public enum SleepMode
{
    /// <summary>It keeps its memory and gets no processor: wakes fastest.</summary>
    Paused,

    /// <summary>It uses neither: a machine's memory is on disk, a process has ended.</summary>
    Hibernated,
}

/// <summary>
/// What holds an execution replica, written <c>process</c>, <c>xl:/PATH</c> (a domain's configuration file),
/// <c>libvirt:URI#DOMAIN</c> (a domain that is defined) or <c>libvirt:URI#/PATH</c> (a domain's XML file).
/// </summary>
/// <param name="Kind">What it is.</param>
/// <param name="Connection">libvirt's connection URI; empty for the others.</param>
/// <param name="Domain">Name or file of the domain; empty for a process.</param>
public sealed record HypervisorChoice(HypervisorKind Kind, string Connection, string Domain)
{
    /// <summary>How a choice is written, for messages.</summary>
    public const string Forms = "process, xl:/PATH, libvirt:URI#DOMAIN or libvirt:URI#/PATH";

    private const string Xl = "xl:";
    private const string Libvirt = "libvirt:";
    private const int MaximumLength = 400;

    /// <summary>The default.</summary>
    public static HypervisorChoice Process { get; } = new(HypervisorKind.Process, "", "");

    /// <summary>Reads the written form; false when it is none. Whether there is such a domain is not looked at.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out HypervisorChoice? choice)
    {
        choice = null;
        if (text.Length > MaximumLength || text.Any(char.IsControl))
            return false;
        if (text == "process")
            choice = Process;
        else if (text.StartsWith(Xl, StringComparison.Ordinal) && IsPath(text[Xl.Length..]))
            choice = new HypervisorChoice(HypervisorKind.Xl, "", text[Xl.Length..]);
        else if (text.StartsWith(Libvirt, StringComparison.Ordinal))
            choice = ParseLibvirt(text[Libvirt.Length..]);
        return choice is not null;
    }

    /// <summary>The written form.</summary>
    public override string ToString() => Kind switch
    {
        HypervisorKind.Xl => Xl + Domain,
        HypervisorKind.Libvirt => $"{Libvirt}{Connection}#{Domain}",
        _ => "process",
    };

    // A URI that begins with a dash, or such a name, would be an option to virsh.
    private static HypervisorChoice? ParseLibvirt(string text)
    {
        int mark = text.IndexOf('#', StringComparison.Ordinal);
        if (mark < 0)
            return null;
        string connection = text[..mark];
        string domain = text[(mark + 1)..];
        bool fits = connection.Contains(':', StringComparison.Ordinal)
            && char.IsAsciiLetter(connection[0])
            && domain.Length > 0
            && (domain[0] == '/' ? IsPath(domain) : domain[0] != '-' && !domain.Contains('/', StringComparison.Ordinal));
        return fits ? new HypervisorChoice(HypervisorKind.Libvirt, connection, domain) : null;
    }

    private static bool IsPath(string place) => place.StartsWith('/') && Path.GetFullPath(place) == place;
}

using System.Globalization;
using System.Text;
using Xen.Machines;

namespace Xen.Tests;

/// <summary>
/// Xen with one domain, as far as xl shows it: counts pauses, saves into a file, and prints as xl 4.17 does. Commands that the
/// real one would refuse fail in its words.
/// </summary>
internal sealed class FakeXl(string name, string configuration) : IToolRunner
{
    private const string Header = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";
    private int domainId;
    private int pauses;
    private string? ending;

    /// <summary>What was called, without list.</summary>
    public List<string> Commands { get; } = [];

    /// <summary>Commands that fail when they come next.</summary>
    public HashSet<string> Broken { get; } = [];

    /// <summary>Whether a domain that is asked to shut down does not.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>How often the domain is paused: what another administrator may add to.</summary>
    public int Pauses
    {
        get => pauses;
        set => pauses = value;
    }

    /// <summary>Whether there is a domain.</summary>
    public bool IsThere { get; private set; }

    /// <summary>Flags that the domain keeps when it has ended by itself, like <c>----c-</c>.</summary>
    public void End(string? flags)
    {
        ending = flags;
        IsThere = flags is not null;
    }

    public Task<ToolResult> RunAsync(params IReadOnlyList<string> arguments)
    {
        if (arguments[0] == "list")
            return Task.FromResult(new ToolResult(0, List(), ""));
        Commands.Add(string.Join(' ', arguments));
        return Task.FromResult(Broken.Remove(arguments[0]) ? Fail("libxl: error: broken") : Run([.. arguments]));
    }

    private static ToolResult Fail(string error) => new(1, "", error + "\n");

    private string List()
    {
        var text = new StringBuilder(Header);
        text.Append(CultureInfo.InvariantCulture, $"{"Domain-0",-40} {0,5} {512,5} {1,5}     {"r-----"}  {11794.3,8:F1}\n");
        if (IsThere)
            text.Append(CultureInfo.InvariantCulture, $"{name,-40} {domainId,5} {64,5} {1,5}     {ending ?? (pauses > 0 ? "--p---" : "-b----")}  {0.3,8:F1}\n");
        return text.ToString();
    }

    private ToolResult Run(string[] arguments)
    {
        switch (arguments)
        {
            case ["create", "-p", var file] when file == configuration:
                return Begin(pauses: 1);
            case ["create", var file] when file == configuration:
                return Begin(pauses: 0);
            case ["restore", "-p", var file]:
                return File.Exists(file) && File.ReadAllText(file) == "whole" ? Begin(pauses: 1) : Fail("libxl: error: no image");
            case [_, var domain, ..] when domain != name && arguments is not ["shutdown", "-F", _]:
                return Fail($"{domain} is an invalid domain identifier (rc=-6)");
        }

        if (!IsThere)
            return Fail($"{name} is an invalid domain identifier (rc=-6)");
        switch (arguments)
        {
            case ["pause", _]:
                pauses++;
                break;
            case ["unpause", _]:
                pauses = Math.Max(0, pauses - 1);
                break;
            case ["save", _, var file]:
                File.WriteAllText(file, "whole");
                IsThere = false;
                break;
            case ["shutdown", "-F", var domain] when domain == name:
                IsThere = IsDeaf || pauses > 0;
                break;
            case ["destroy", _]:
                IsThere = false;
                break;
            default:
                return Fail($"unknown command {string.Join(' ', arguments)}");
        }

        return new ToolResult(0, "", "");
    }

    private ToolResult Begin(int pauses)
    {
        if (IsThere)
            return Fail($"libxl: error: Domain with name \"{name}\" already exists");
        domainId++;
        (IsThere, ending, this.pauses) = (true, null, pauses);
        return new ToolResult(0, $"Parsing config from {configuration}\n", "");
    }
}

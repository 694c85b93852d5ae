using System.Xml;
using Xen.Machines;

namespace Xen;

/// <summary>Drives a domain of libvirt by <c>virsh</c>: QEMU/KVM, Xen and whatever else the connection URI names.</summary>
public sealed class LibvirtHypervisor : MachineHypervisor
{
    private const string NoSuchDomain = "failed to get domain";

    private readonly IToolRunner virsh;
    private readonly string connection;
    private readonly string? definition;

    /// <summary>For one domain.</summary>
    /// <param name="virsh">Runs <c>virsh</c>.</param>
    /// <param name="connection">The connection URI.</param>
    /// <param name="domain">Name of a domain that is defined, or the absolute path of its XML, from which it is defined at each start.</param>
    /// <param name="timing">How patient to be.</param>
    /// <exception cref="HypervisorException">The XML can't be read or names no domain.</exception>
    public LibvirtHypervisor(IToolRunner virsh, string connection, string domain, MachineTiming timing)
        : base(domain.StartsWith('/') ? NameIn(domain) : domain, timing)
    {
        this.virsh = virsh;
        this.connection = connection;
        definition = domain.StartsWith('/') ? domain : null;
    }

    /// <inheritdoc/>
    public override string Description => $"the domain {Name} of {connection}, driven by virsh";

    /// <inheritdoc/>
    protected override async Task<MachineState> QueryAsync()
    {
        ToolResult result = await VirshAsync("domstate", Name);
        if (result.ExitCode != 0 && definition is not null && result.Errors.Contains(NoSuchDomain, StringComparison.Ordinal))
            return new MachineState(GuestState.Absent);
        Require(result, "can't be looked up");
        return result.Output.Trim() switch
        {
            // "no state" is what Xen says of one that waits for a processor; "pmsuspended" is one whose own system sleeps.
            "running" or "idle" or "no state" or "in shutdown" or "pmsuspended" => new MachineState(GuestState.Running),
            "paused" => new MachineState(GuestState.Paused),
            "crashed" => new MachineState(GuestState.Absent, IsLeft: true),
            "shut off" => new MachineState(await IsSavedAsync() ? GuestState.Hibernated : GuestState.Absent),
            string other => throw new HypervisorException($"{Name} is in a state that is not known: {other}"),
        };
    }

    /// <inheritdoc/>
    protected override async Task StartAsync(bool paused)
    {
        if (definition is not null)
            Require(await VirshAsync("define", definition), "can't be defined");
        string[] arguments = paused ? ["start", Name, "--paused"] : ["start", Name];
        Require(await VirshAsync(arguments), "can't be started");
    }

    /// <inheritdoc/>
    protected override async Task SuspendAsync() => Require(await VirshAsync("suspend", Name), "can't be held");

    /// <inheritdoc/>
    protected override async Task UnsuspendAsync() => Require(await VirshAsync("resume", Name), "can't be let go");

    /// <inheritdoc/>
    protected override async Task SaveAsync() => Require(await VirshAsync("managedsave", Name), "can't be saved");

    /// <inheritdoc/>
    protected override async Task RestoreAsync()
    {
        // libvirt goes on from the image that it keeps, and removes it.
        ToolResult restored = await VirshAsync("start", Name);
        if (restored.ExitCode != 0)
            await ForgetAsync();
        Require(restored, "can't be restored, so its image was removed");
    }

    /// <inheritdoc/>
    protected override async Task ShutDownAsync() => Require(await VirshAsync("shutdown", Name), "can't be shut down");

    /// <inheritdoc/>
    protected override async Task KillAsync() => Require(await VirshAsync("destroy", Name), "can't be ended");

    /// <inheritdoc/>
    protected override async Task ForgetAsync()
    {
        if ((await QueryAsync()).State == GuestState.Hibernated)
            Require(await VirshAsync("managedsave-remove", Name), "has an image that can't be removed");
    }

    private static string NameIn(string definition)
    {
        try
        {
            using XmlReader reader = XmlReader.Create(definition, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
            reader.MoveToContent();
            if (reader.Name == "domain" && reader.ReadToDescendant("name") && reader.ReadElementContentAsString().Trim() is { Length: > 0 } name)
                return name;
            throw new HypervisorException($"{definition} names no domain");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or XmlException)
        {
            throw new HypervisorException($"{definition} can't be read ({error.Message.TrimEnd('.')})", error);
        }
    }

    private async Task<bool> IsSavedAsync()
    {
        ToolResult information = await VirshAsync("dominfo", Name);
        Require(information, "can't be looked up");
        foreach (string line in information.Output.Split('\n'))
        {
            string[] parts = line.Split(':', 2, StringSplitOptions.TrimEntries);
            if (parts is ["Managed save", string answer])
                return answer == "yes";
        }

        return false;
    }

    private Task<ToolResult> VirshAsync(params IReadOnlyList<string> arguments) => virsh.RunAsync(["-q", "-c", connection, .. arguments]);
}

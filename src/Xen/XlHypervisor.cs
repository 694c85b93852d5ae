using System.Text.RegularExpressions;
using Agreement.Node;
using Xen.Machines;

namespace Xen;

/// <summary>Drives a domain of Xen by its toolstack <c>xl</c>, from a domain configuration file.</summary>
/// <remarks>
/// Xen counts pauses: who pauses a domain twice has to unpause it twice. The domain that hibernated is an image in a file; it is
/// restored held, and let go once the image is gone, because a machine that goes on twice from one image would meet disks of a
/// later time.
/// </remarks>
public sealed partial class XlHypervisor : MachineHypervisor
{
    private readonly IToolRunner xl;
    private readonly string configuration;
    private readonly string image;

    /// <summary>For the domain of a configuration file.</summary>
    /// <param name="xl">Runs <c>xl</c>.</param>
    /// <param name="configuration">The file (xl.cfg(5)); its <c>name</c> names the domain.</param>
    /// <param name="image">Where its memory goes when it hibernates; the folder exists.</param>
    /// <param name="timing">How patient to be.</param>
    /// <exception cref="HypervisorException">The file can't be read or names no domain.</exception>
    public XlHypervisor(IToolRunner xl, string configuration, string image, MachineTiming timing)
        : base(NameIn(configuration), timing)
    {
        this.xl = xl;
        this.configuration = configuration;
        this.image = image;
    }

    /// <inheritdoc/>
    public override string Description => $"the Xen domain {Name}, driven by xl";

    private string Unfinished => image + ".new";

    /// <inheritdoc/>
    protected override async Task<MachineState> QueryAsync()
    {
        ToolResult list = await xl.RunAsync("list");
        Require(list, "can't be looked up");
        if (XlDomainList.Find(list.Output, Name) is { } flags)
        {
            // A controller that was killed while it restored left the image; it is of the past as soon as there is a domain.
            Remove(image);
            return XlDomainList.Read(flags);
        }

        return new MachineState(File.Exists(image) ? GuestState.Hibernated : GuestState.Absent);
    }

    /// <inheritdoc/>
    protected override async Task StartAsync(bool paused)
    {
        string[] arguments = paused ? ["create", "-p", configuration] : ["create", configuration];
        Require(await xl.RunAsync(arguments), "can't be started");
    }

    /// <inheritdoc/>
    protected override async Task SuspendAsync() => Require(await xl.RunAsync("pause", Name), "can't be held");

    /// <inheritdoc/>
    protected override async Task UnsuspendAsync() => Require(await xl.RunAsync("unpause", Name), "can't be let go");

    /// <inheritdoc/>
    protected override async Task SaveAsync()
    {
        try
        {
            // Under its name only when it is whole: an image that is there is gone on from.
            Require(await xl.RunAsync("save", Name, Unfinished), "can't be saved");
            DurableFile.Rename(Unfinished, image);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HypervisorException($"{Name} can't be saved ({error.Message.TrimEnd('.')})", error);
        }
    }

    /// <inheritdoc/>
    protected override async Task RestoreAsync()
    {
        ToolResult restored = await xl.RunAsync("restore", "-p", image);
        // An image that can't be gone on from is worth nothing: the machine starts anew, from its disks.
        await ForgetAsync();
        Require(restored, "can't be restored, so its image was removed");
    }

    /// <inheritdoc/>
    protected override async Task ShutDownAsync() => Require(await xl.RunAsync("shutdown", "-F", Name), "can't be shut down");

    /// <inheritdoc/>
    protected override async Task KillAsync() => Require(await xl.RunAsync("destroy", Name), "can't be ended");

    /// <inheritdoc/>
    protected override Task ForgetAsync()
    {
        Remove(Unfinished);
        Remove(image);
        return Task.CompletedTask;
    }

    private void Remove(string path)
    {
        try
        {
            DurableFile.Remove(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HypervisorException($"the image of {Name} can't be removed ({error.Message.TrimEnd('.')})", error);
        }
    }

    private static string NameIn(string configuration)
    {
        try
        {
            Match match = NameLine().Match(File.ReadAllText(configuration));
            return match.Success ? match.Groups["name"].Value : throw new HypervisorException($"{configuration} has no line name = \"…\"");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HypervisorException($"{configuration} can't be read ({error.Message.TrimEnd('.')})", error);
        }
    }

    [GeneratedRegex("""^[ \t]*name[ \t]*=[ \t]*(?<quote>["'])(?<name>[^"'\n]+)\k<quote>""", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex NameLine();
}

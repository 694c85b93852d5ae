using Agreement.Tests.Configuration;
using Xen.Machines;

namespace Xen.Tests;

/// <summary>The driver with libvirt's own test driver, which has all states and no machines, and with recorded answers where that one stops.</summary>
public sealed class LibvirtHypervisorTests : IDisposable
{
    private const string Connection = "test:///default";
    private static readonly MachineTiming Quick = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(100));
    private readonly TemporaryFolder folder = new();

    private string Definition => folder.File("e2.xml");

    public void Dispose() => folder.Dispose();

    [VirshFact]
    public async Task A_domain_goes_through_all_states()
    {
        await using VirshShell virsh = await VirshShell.StartAsync();
        var hypervisor = new LibvirtHypervisor(virsh, Connection, "test", Quick);
        // libvirt's test domain runs from the start.
        await hypervisor.AttachAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.PauseAsync();
        await hypervisor.PauseAsync();
        Assert.Equal(GuestState.Paused, hypervisor.State);
        await hypervisor.ResumeAsync();
        await hypervisor.ResumeAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        Assert.Equal(GuestState.Hibernated, hypervisor.State);
        await hypervisor.ResumeAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.DestroyAsync(TimeSpan.Zero);
        Assert.Equal(GuestState.Absent, hypervisor.State);
        await hypervisor.WaitForEndAsync(CancellationToken.None).WaitAsync(Guests.Bound);
        await hypervisor.CreateAsync(paused: false);
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.PauseAsync();
        await hypervisor.DestroyAsync(Guests.Bound);
        Assert.Equal(GuestState.Absent, hypervisor.State);
        Assert.Equal(
            [
                "suspend test", "resume test", "managedsave test", "start test", "destroy test", "start test", "suspend test", "resume test",
                "shutdown test",
            ],
            virsh.Commands);
    }

    [VirshFact]
    public async Task A_domain_is_defined_from_its_file()
    {
        await File.WriteAllTextAsync(
            Definition, "<domain type='test'>\n  <name>zzfs-e2</name>\n  <memory>8192</memory>\n  <os><type>hvm</type></os>\n</domain>\n");
        await using VirshShell virsh = await VirshShell.StartAsync();
        var hypervisor = new LibvirtHypervisor(virsh, Connection, Definition, Quick);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
        await hypervisor.RemoveLeftoversAsync();
        await hypervisor.CreateAsync(paused: false);
        Assert.Equal(GuestState.Running, hypervisor.State);
        Assert.Equal([$"define {Definition}", "start zzfs-e2"], virsh.Commands);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        await hypervisor.RemoveLeftoversAsync();
        Assert.Equal("managedsave-remove zzfs-e2", virsh.Commands[^1]);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
    }

    [VirshFact]
    public async Task A_domain_that_is_not_defined_is_named()
    {
        await using VirshShell virsh = await VirshShell.StartAsync();
        var hypervisor = new LibvirtHypervisor(virsh, Connection, "nosuch", Quick);
        var error = await Assert.ThrowsAsync<HypervisorException>(hypervisor.CheckAsync);
        Assert.Equal("nosuch can't be looked up (error: failed to get domain 'nosuch')", error.Message);
    }

    [VirshFact]
    public async Task What_libvirt_refuses_is_said_in_its_words()
    {
        await using VirshShell virsh = await VirshShell.StartAsync();
        var hypervisor = new LibvirtHypervisor(virsh, Connection, "test", Quick);
        await hypervisor.DestroyAsync(TimeSpan.Zero);
        // The test driver can't start a domain paused; QEMU's and Xen's can.
        var error = await Assert.ThrowsAsync<HypervisorException>(() => hypervisor.CreateAsync(paused: true));
        Assert.StartsWith("test can't be started (error: Failed to start domain 'test'; error: unsupported flags", error.Message, StringComparison.Ordinal);
        Assert.Equal("start test --paused", virsh.Commands[^1]);
    }

    [VirshFact]
    public async Task The_real_runner_gives_exit_code_output_and_errors_apart()
    {
        var runner = new ToolRunner("virsh", Guests.Bound);
        ToolResult state = await runner.RunAsync("-q", "-c", Connection, "domstate", "test");
        Assert.Equal((0, "running"), (state.ExitCode, state.Output.Trim()));
        ToolResult none = await runner.RunAsync("-q", "-c", Connection, "domstate", "nosuch");
        Assert.Equal(1, none.ExitCode);
        Assert.Equal("error: failed to get domain 'nosuch'", none.Errors.Trim());
    }

    [Theory]
    [InlineData("running\n\n", GuestState.Running)]
    [InlineData("idle\n\n", GuestState.Running)]
    [InlineData("no state\n\n", GuestState.Running)]
    [InlineData("in shutdown\n\n", GuestState.Running)]
    [InlineData("pmsuspended\n\n", GuestState.Running)]
    [InlineData("paused\n\n", GuestState.Paused)]
    [InlineData("crashed\n\n", GuestState.Absent)]
    public async Task Every_state_of_a_domain_is_known(string answer, GuestState state)
    {
        var hypervisor = new LibvirtHypervisor(new Recorded(_ => new ToolResult(0, answer, "")), Connection, "test", Quick);
        Assert.Equal(state, await hypervisor.CheckAsync());
    }

    [Fact]
    public async Task A_state_that_is_not_known_is_an_error() => await Assert.ThrowsAsync<HypervisorException>(
        new LibvirtHypervisor(new Recorded(_ => new ToolResult(0, "levitating\n", "")), Connection, "test", Quick).CheckAsync);

    [Fact]
    public async Task An_image_that_can_not_be_gone_on_from_is_removed()
    {
        bool saved = true;
        var virsh = new Recorded(command => command switch
        {
            "domstate test" => new ToolResult(0, "shut off\n\n", ""),
            "dominfo test" => new ToolResult(0, $"Id:             -\nName:           test\nState:          shut off\nManaged save:   {(saved ? "yes" : "no")}\n\n", ""),
            "managedsave-remove test" => new ToolResult((saved = !saved) ? 1 : 0, "", ""),
            _ => new ToolResult(1, "", "error: Failed to start domain 'test'\nerror: cannot read image\n"),
        });
        var hypervisor = new LibvirtHypervisor(virsh, Connection, "test", Quick);
        Assert.Equal(GuestState.Hibernated, await hypervisor.CheckAsync());
        var error = await Assert.ThrowsAsync<HypervisorException>(hypervisor.ResumeAsync);
        Assert.Equal("test can't be restored, so its image was removed (error: Failed to start domain 'test'; error: cannot read image)", error.Message);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
    }

    [Theory]
    [InlineData("<network><name>x</name></network>")]
    [InlineData("<domain><memory>1</memory></domain>")]
    [InlineData("<domain><name></name></domain>")]
    [InlineData("no xml")]
    [InlineData("<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><domain><name>&e;</name></domain>")]
    public void A_file_that_names_no_domain_is_refused(string text)
    {
        File.WriteAllText(Definition, text);
        Assert.Throws<HypervisorException>(() => new LibvirtHypervisor(new Recorded(_ => throw new NotSupportedException()), Connection, Definition, Quick));
    }

    /// <summary>Answers by the command behind the options.</summary>
    private sealed class Recorded(Func<string, ToolResult> answer) : IToolRunner
    {
        public Task<ToolResult> RunAsync(params IReadOnlyList<string> arguments) => Task.FromResult(answer(string.Join(' ', arguments.Skip(3))));
    }
}

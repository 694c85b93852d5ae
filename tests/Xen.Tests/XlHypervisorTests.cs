using Agreement.Tests.Configuration;
using Xen.Machines;

namespace Xen.Tests;

public sealed class XlHypervisorTests : IDisposable
{
    private static readonly MachineTiming Quick = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(50));
    private readonly TemporaryFolder folder = new();
    private readonly FakeXl xen;
    private readonly XlHypervisor hypervisor;

    public XlHypervisorTests()
    {
        File.WriteAllText(folder.File("e2.cfg"), "# the replica\nkernel = '/boot/guest'\nname = \"zzfs-e2\"\nmemory = 64\n");
        xen = new FakeXl("zzfs-e2", folder.File("e2.cfg"));
        hypervisor = NewHypervisor();
    }

    private string Image => folder.File("memory");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_domain_goes_through_all_states()
    {
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
        await hypervisor.CreateAsync(paused: false);
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.PauseAsync();
        Assert.Equal(GuestState.Paused, hypervisor.State);
        await hypervisor.ResumeAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        Assert.Equal(GuestState.Hibernated, hypervisor.State);
        await hypervisor.ResumeAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        await hypervisor.DestroyAsync(TimeSpan.Zero);
        Assert.Equal(GuestState.Absent, hypervisor.State);
        string configuration = folder.File("e2.cfg");
        Assert.Equal(
            [
                $"create {configuration}", "pause zzfs-e2", "unpause zzfs-e2", $"save zzfs-e2 {Image}.new", $"restore -p {Image}",
                "unpause zzfs-e2", "destroy zzfs-e2",
            ],
            xen.Commands);
    }

    [Fact]
    public async Task Created_paused_it_is_held_from_the_start()
    {
        await hypervisor.CreateAsync(paused: true);
        Assert.Equal(GuestState.Paused, hypervisor.State);
        Assert.Equal([$"create -p {folder.File("e2.cfg")}"], xen.Commands);
    }

    [Fact]
    public async Task A_held_one_is_not_held_twice_because_Xen_counts()
    {
        await hypervisor.CreateAsync(paused: true);
        await hypervisor.PauseAsync();
        Assert.Equal(1, xen.Pauses);
    }

    [Fact]
    public async Task Waking_undoes_every_pause_whoever_made_it()
    {
        await hypervisor.CreateAsync(paused: true);
        xen.Pauses = 3;
        await hypervisor.ResumeAsync();
        Assert.Equal(GuestState.Running, hypervisor.State);
        Assert.Equal(0, xen.Pauses);
    }

    [Fact]
    public async Task A_running_one_is_not_unpaused()
    {
        await hypervisor.CreateAsync(paused: false);
        await hypervisor.ResumeAsync();
        Assert.Single(xen.Commands);
    }

    [Fact]
    public async Task One_that_another_resumed_is_noticed()
    {
        await hypervisor.CreateAsync(paused: true);
        xen.Pauses = 0;
        Assert.Equal(GuestState.Running, await hypervisor.CheckAsync());
    }

    [Fact]
    public async Task A_later_controller_finds_it_as_it_is()
    {
        await hypervisor.CreateAsync(paused: true);
        XlHypervisor later = NewHypervisor();
        await later.AttachAsync();
        Assert.Equal(GuestState.Paused, later.State);
        await later.HibernateAsync(TimeSpan.Zero);
        later = NewHypervisor();
        await later.AttachAsync();
        Assert.Equal(GuestState.Hibernated, later.State);
        await later.RemoveLeftoversAsync();
        Assert.Equal(GuestState.Absent, await later.CheckAsync());
        Assert.False(File.Exists(Image));
    }

    [Fact]
    public async Task The_image_is_gone_before_the_machine_goes_on()
    {
        await hypervisor.CreateAsync(paused: false);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        Assert.True(File.Exists(Image));
        xen.Broken.Add("unpause");
        await Assert.ThrowsAsync<HypervisorException>(hypervisor.ResumeAsync);
        Assert.False(File.Exists(Image));
        Assert.Equal(GuestState.Paused, await hypervisor.CheckAsync());
    }

    [Fact]
    public async Task An_image_that_a_killed_controller_left_while_it_restored_is_not_gone_on_from_again()
    {
        await hypervisor.CreateAsync(paused: false);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        await xen.RunAsync("restore", "-p", Image);
        XlHypervisor later = NewHypervisor();
        await later.AttachAsync();
        await later.ResumeAsync();
        xen.End(null);
        Assert.Equal(GuestState.Absent, await later.CheckAsync());
    }

    [Fact]
    public async Task A_save_that_breaks_off_leaves_no_image_to_go_on_from()
    {
        await hypervisor.CreateAsync(paused: false);
        await File.WriteAllTextAsync(Image + ".new", "half");
        xen.Broken.Add("save");
        await Assert.ThrowsAsync<HypervisorException>(() => hypervisor.HibernateAsync(TimeSpan.Zero));
        Assert.Equal(GuestState.Running, await hypervisor.CheckAsync());
        xen.End(null);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
    }

    [Fact]
    public async Task An_image_that_can_not_be_gone_on_from_gives_way_to_a_new_start()
    {
        await hypervisor.CreateAsync(paused: false);
        await hypervisor.HibernateAsync(TimeSpan.Zero);
        await File.WriteAllTextAsync(Image, "rotten");
        var error = await Assert.ThrowsAsync<HypervisorException>(hypervisor.ResumeAsync);
        Assert.Equal("zzfs-e2 can't be restored, so its image was removed (libxl: error: no image)", error.Message);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
        await hypervisor.CreateAsync(paused: false);
    }

    [Theory]
    [InlineData("---s--")]
    [InlineData("----c-")]
    [InlineData("-----d")]
    public async Task What_is_left_of_one_that_ended_is_removed_before_it_is_started(string flags)
    {
        await hypervisor.CreateAsync(paused: false);
        Task end = hypervisor.WaitForEndAsync(CancellationToken.None);
        xen.End(flags);
        await end.WaitAsync(Guests.Bound);
        Assert.Equal(GuestState.Absent, await hypervisor.CheckAsync());
        await hypervisor.CreateAsync(paused: false);
        Assert.Equal(["create", "destroy", "create"], xen.Commands.Select(command => command.Split(' ')[0]));
    }

    [Fact]
    public async Task Ending_a_paused_one_lets_it_shut_down()
    {
        await hypervisor.CreateAsync(paused: true);
        await hypervisor.DestroyAsync(Guests.Bound);
        Assert.Equal(["create", "unpause", "shutdown"], xen.Commands.Select(command => command.Split(' ')[0]));
    }

    [Fact]
    public async Task One_that_does_not_shut_down_is_destroyed()
    {
        await hypervisor.CreateAsync(paused: false);
        xen.IsDeaf = true;
        await hypervisor.DestroyAsync(TimeSpan.FromMilliseconds(20));
        Assert.Equal("destroy zzfs-e2", xen.Commands[^1]);
        Assert.Equal(GuestState.Absent, hypervisor.State);
    }

    [Fact]
    public async Task What_is_not_there_can_not_be_held()
    {
        Assert.Equal("zzfs-e2 does not run", (await Assert.ThrowsAsync<HypervisorException>(hypervisor.PauseAsync)).Message);
        Assert.Equal("zzfs-e2 does not run", (await Assert.ThrowsAsync<HypervisorException>(hypervisor.ResumeAsync)).Message);
        await Assert.ThrowsAsync<HypervisorException>(() => hypervisor.HibernateAsync(TimeSpan.Zero));
    }

    [Fact]
    public void A_configuration_without_a_name_is_refused()
    {
        File.WriteAllText(folder.File("e2.cfg"), "memory = 64\nhostname = \"x\"\n");
        Assert.Throws<HypervisorException>(NewHypervisor);
        File.Delete(folder.File("e2.cfg"));
        Assert.Throws<HypervisorException>(NewHypervisor);
    }

    [Fact]
    public async Task A_tool_that_is_not_installed_is_named()
    {
        var runner = new ToolRunner("zzfs-no-such-tool", Guests.Bound);
        var error = await Assert.ThrowsAsync<HypervisorException>(() => runner.RunAsync("list"));
        Assert.StartsWith("zzfs-no-such-tool can't be run, so install it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tool_that_hangs_is_killed()
    {
        var runner = new ToolRunner("sleep", TimeSpan.FromMilliseconds(100));
        var error = await Assert.ThrowsAsync<HypervisorException>(() => runner.RunAsync("1000"));
        Assert.Equal("sleep 1000 did not end within 0.1 s", error.Message);
    }

    private XlHypervisor NewHypervisor() => new(xen, folder.File("e2.cfg"), Image, Quick);
}

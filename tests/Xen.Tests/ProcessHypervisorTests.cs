using Agreement.Control;

namespace Xen.Tests;

public sealed class ProcessHypervisorTests : IAsyncLifetime
{
    private readonly Guests guests = new();

    public static TheoryData<string> FreezerNames() => Guests.FreezerNames();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await guests.DisposeAsync();

    [Theory]
    [MemberData(nameof(FreezerNames))]
    public async Task A_paused_guest_uses_no_processor(string freezer)
    {
        ProcessHypervisor held = guests.Host(guests.Program("held", Guests.Busy), freezer);
        await held.CreateAsync(paused: false);
        Assert.Equal(GuestState.Running, held.State);
        await Guests.UntilAsync(() => Guests.CpuSeconds(held) > 0.1);
        await held.PauseAsync();
        Assert.Equal(GuestState.Paused, held.State);
        double before = Guests.CpuSeconds(held);

        // A twin that is not held shows that time passes and that the measure moves.
        ProcessHypervisor free = guests.Host(guests.Program("free", Guests.Busy), freezer);
        await free.CreateAsync(paused: false);
        await Guests.UntilAsync(() => Guests.CpuSeconds(free) > 0.5);
        Assert.Equal(before, Guests.CpuSeconds(held));

        await held.ResumeAsync();
        Assert.Equal(GuestState.Running, held.State);
        await Guests.UntilAsync(() => Guests.CpuSeconds(held) > before);
    }

    [Theory]
    [MemberData(nameof(FreezerNames))]
    public async Task A_guest_created_paused_has_not_begun(string freezer)
    {
        GuestProgram program = guests.Program("early", "sh", "-c", "echo begun; exec sleep 1000");
        ProcessHypervisor hypervisor = guests.Host(program, freezer);
        await hypervisor.CreateAsync(paused: true);
        Assert.Equal(GuestState.Paused, hypervisor.State);
        Assert.Equal("", await File.ReadAllTextAsync(program.LogFile));
        await hypervisor.ResumeAsync();
        await Guests.UntilAsync(() => File.ReadAllText(program.LogFile) == "begun\n");
    }

    [Theory]
    [MemberData(nameof(FreezerNames))]
    public async Task A_paused_guest_can_be_ended(string freezer)
    {
        GuestProgram program = guests.Program("polite", "sh", "-c", "trap 'echo bye; exit' TERM; echo up; while :; do :; done");
        ProcessHypervisor hypervisor = guests.Host(program, freezer);
        await hypervisor.CreateAsync(paused: false);
        await Guests.UntilAsync(() => File.ReadAllText(program.LogFile) == "up\n");
        await hypervisor.PauseAsync();
        await hypervisor.DestroyAsync(Guests.Bound);
        Assert.Equal(GuestState.Absent, hypervisor.State);
        Assert.Equal("up\nbye\n", await File.ReadAllTextAsync(program.LogFile));
        Assert.False(File.Exists(program.RecordFile));
    }

    [Theory]
    [MemberData(nameof(FreezerNames))]
    public async Task A_guest_that_ignores_the_request_is_killed(string freezer)
    {
        GuestProgram program = guests.Program("rude", "sh", "-c", "trap '' TERM; echo up; while :; do :; done");
        ProcessHypervisor hypervisor = guests.Host(program, freezer);
        await hypervisor.CreateAsync(paused: false);
        await Guests.UntilAsync(() => File.ReadAllText(program.LogFile) == "up\n");
        await hypervisor.DestroyAsync(TimeSpan.FromMilliseconds(50));
        Assert.Equal(GuestState.Absent, hypervisor.State);
    }

    [Theory]
    [MemberData(nameof(FreezerNames))]
    public async Task What_an_earlier_controller_left_frozen_is_ended(string freezer)
    {
        GuestProgram program = guests.Program("left", Guests.Idle);
        ProcessHypervisor earlier = guests.Host(program, freezer);
        await earlier.CreateAsync(paused: false);
        await earlier.PauseAsync();
        int process = earlier.ProcessId!.Value;

        ProcessHypervisor later = guests.Host(program, freezer);
        await later.RemoveLeftoversAsync();
        Assert.Null(ProcessUsage.StartTicks(process));
        Assert.False(File.Exists(program.RecordFile));
        await later.CreateAsync(paused: false);
        Assert.Equal(GuestState.Running, later.State);
    }

    [Fact]
    public async Task A_record_of_another_process_harms_nobody()
    {
        GuestProgram program = guests.Program("stale", Guests.Idle);
        ProcessHypervisor bystander = guests.Host(guests.Program("bystander", Guests.Idle), "SIGSTOP");
        await bystander.CreateAsync(paused: false);
        // The id was used again: the same number, another start time.
        GuestRecord other = GuestRecord.Of(bystander.ProcessId!.Value)!;
        (other with { StartTicks = other.StartTicks - 1 }).Save(program.RecordFile);
        await guests.Host(program, "SIGSTOP").RemoveLeftoversAsync();
        Assert.Equal(GuestState.Running, bystander.State);
        Assert.False(File.Exists(program.RecordFile));

        await File.WriteAllTextAsync(program.RecordFile, "torn 1");
        await guests.Host(program, "SIGSTOP").RemoveLeftoversAsync();
        Assert.False(File.Exists(program.RecordFile));
    }

    [Fact]
    public async Task Where_no_controller_ever_came_far_enough_to_make_its_folder_there_is_nothing_to_end()
    {
        GuestProgram program = guests.Program("never", Guests.Idle);
        string folder = Path.Combine(Path.GetDirectoryName(program.RecordFile)!, "missing");
        await guests.Host(program with { RecordFile = Path.Combine(folder, "guest") }).RemoveLeftoversAsync();
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task A_guest_that_ends_by_itself_is_noticed()
    {
        ProcessHypervisor hypervisor = guests.Host(guests.Program("brief", "true"), "SIGSTOP");
        await hypervisor.CreateAsync(paused: false);
        using var bound = new CancellationTokenSource(Guests.Bound);
        await hypervisor.WaitForEndAsync(bound.Token);
        Assert.Equal(GuestState.Absent, hypervisor.State);
        await Assert.ThrowsAsync<HypervisorException>(hypervisor.PauseAsync);
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_is_named()
    {
        GuestProgram program = guests.Program("nowhere", Guests.Idle) with { LogFile = "/nonexistent/log" };
        var error = await Assert.ThrowsAsync<HypervisorException>(() => guests.Host(program, "SIGSTOP").CreateAsync(paused: false));
        Assert.Contains("/nonexistent/log", error.Message, StringComparison.Ordinal);
    }
}

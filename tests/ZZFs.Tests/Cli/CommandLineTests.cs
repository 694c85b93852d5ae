using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli;

namespace ZZFs.Tests.Cli;

/// <summary>Errors of the command line, in this process.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("", ExitCode.Usage, "zzfs: Required command was not provided (see zzfs --help)")]
    [InlineData("bogus", ExitCode.Usage, "zzfs: unknown command or argument bogus (see zzfs --help)")]
    [InlineData("init", ExitCode.Usage, "zzfs: Required argument missing for command: 'init' (see zzfs init --help)")]
    [InlineData("node agreement", ExitCode.Usage, "zzfs: Option '--config' is required (see zzfs node agreement --help)")]
    [InlineData("init /nonexistent/d --f 9", ExitCode.Configuration, "zzfs: f must be from 1 to 3")]
    [InlineData("init /nonexistent/d --clients 0", ExitCode.Configuration, "zzfs: the number of clients must be from 1 to 4096")]
    [InlineData("init /nonexistent/d --durability never", ExitCode.Usage, "zzfs: --durability must be fsync or always, not never")]
    [InlineData("init /nonexistent/d --store tape", ExitCode.Usage, "zzfs: --store must be embedded, btrfs:/PATH or zfs:POOL[/DATASET], not tape")]
    [InlineData("init /nonexistent/d --store btrfs:", ExitCode.Usage, "zzfs: --store must be embedded, btrfs:/PATH or zfs:POOL[/DATASET], not btrfs:")]
    [InlineData("init /nonexistent/d --store zfs:tank@now", ExitCode.Usage, "zzfs: --store must be embedded, btrfs:/PATH or zfs:POOL[/DATASET], not zfs:tank@now")]
    [InlineData("init /nonexistent/d --store-of embedded", ExitCode.Usage, "zzfs: --store-of must be like e1=btrfs:/PATH, not embedded")]
    [InlineData("init /nonexistent/d --store-of e1=tape", ExitCode.Usage, "zzfs: --store-of must be embedded, btrfs:/PATH or zfs:POOL[/DATASET], not tape")]
    [InlineData("init /nonexistent/d --store-of e1=embedded --store-of e1=embedded", ExitCode.Usage, "zzfs: --store-of names e1 twice")]
    [InlineData("init /nonexistent/d --store-of e3=embedded", ExitCode.Configuration, "zzfs: there is no execution replica e3 to give a store, only e0 to e2")]
    [InlineData("init /nonexistent/d --hypervisor kvm", ExitCode.Usage, "zzfs: --hypervisor must be process, xl:/PATH, libvirt:URI#DOMAIN or libvirt:URI#/PATH, not kvm")]
    [InlineData("init /nonexistent/d --hypervisor-of process", ExitCode.Usage, "zzfs: --hypervisor-of must be like e2=xl:/etc/xen/e2.cfg, not process")]
    [InlineData("init /nonexistent/d --hypervisor-of e3=process", ExitCode.Configuration, "zzfs: there is no execution replica e3 to give a hypervisor, only e0 to e2")]
    [InlineData("init /nonexistent/d --sleep deeply", ExitCode.Usage, "zzfs: --sleep must be paused or hibernated, not deeply")]
    [InlineData("init /nonexistent/d --store btrfs:/nonexistent", ExitCode.Failed, "zzfs: there is no directory /nonexistent")]
    [InlineData("init /nonexistent/d --store-of e2=btrfs:/proc", ExitCode.Failed, "zzfs: /proc is not on a btrfs file system")]
    [InlineData("init /nonexistent/d --address a:b:c", ExitCode.Usage, "zzfs: --address must be HOST or HOST:PORT, not a:b:c")]
    [InlineData("up /nonexistent", ExitCode.Configuration, "zzfs: /nonexistent: not a cluster directory, so make one with zzfs init")]
    [InlineData("down /nonexistent", ExitCode.Configuration, "zzfs: /nonexistent: not a cluster directory, so make one with zzfs init")]
    [InlineData("status /nonexistent --json", ExitCode.Configuration, "zzfs: /nonexistent: not a cluster directory, so make one with zzfs init")]
    [InlineData("node execution --config /nonexistent", ExitCode.Configuration, "zzfs: /nonexistent: no such file")]
    [InlineData("umount /nonexistent", ExitCode.Mount, "zzfs: no zzfs is mounted at /nonexistent")]
    public void An_error_is_one_sentence_and_a_code(string arguments, int exitCode, string sentence) =>
        Assert.Equal((exitCode, "", sentence + "\n"), Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));

    [Theory]
    [InlineData("init")]
    [InlineData("up")]
    [InlineData("down")]
    [InlineData("status")]
    [InlineData("mount")]
    [InlineData("umount")]
    [InlineData("node")]
    [InlineData("version")]
    public void Help_shows_an_example(string command)
    {
        (int exitCode, string output, string error) = Run(command, "--help");
        Assert.Equal((ExitCode.Success, ""), (exitCode, error));
        Assert.Contains($"\n  zzfs {command} ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_with_the_key_of_another_is_refused()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        ClusterLayout layout = cluster.Layout;
        File.Copy(layout.KeyFile(PartyId.Agreement(1)), layout.KeyFile(PartyId.Agreement(0)), overwrite: true);
        (int exitCode, _, string error) = Run("node", "agreement", "--config", layout.NodeFile(PartyId.Agreement(0)));
        Assert.Equal(ExitCode.Configuration, exitCode);
        Assert.Equal($"zzfs: {layout.KeyFile(PartyId.Agreement(0))}: not the key that the cluster file gives a0\n", error);

        (exitCode, _, error) = Run("node", "execution", "--config", layout.NodeFile(PartyId.Agreement(1)));
        Assert.Equal(ExitCode.Configuration, exitCode);
        Assert.Equal($"zzfs: {layout.NodeFile(PartyId.Agreement(1))}: id a1 is no node of this kind\n", error);
    }

    private static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int exitCode = Program.Run(arguments, new ProgramParts(), output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}

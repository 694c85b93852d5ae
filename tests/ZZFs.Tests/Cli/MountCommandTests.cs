using Agreement.Messages;
using ZZFs.Cli;
using ZZFs.Cli.Mounting;

namespace ZZFs.Tests.Cli;

/// <summary>mount and umount with real mounts of the test program, which refuse every request.</summary>
public class MountCommandTests
{
    private static readonly string[] Commands = ["init", "mount", "status"];

    [Fact]
    public async Task A_mount_goes_to_the_background_with_a_client_of_its_own()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        string directory = cluster.Layout.Directory;
        string first = cluster.NewFolder("first");
        string second = cluster.NewFolder("second one");
        string third = cluster.NewFolder("third");
        Assert.Equal((0, "", ""), await cluster.RunAsync(null, "mount", directory, first));
        Assert.Equal(new MountEntry(first, "fuse.zzfs", directory), MountTable.Find(first));
        Assert.Equal(first, ClientLock.HeldBy(cluster.Layout, PartyId.Client(0)));

        Assert.Equal((0, "", ""), await cluster.RunAsync(null, directory, second, "-o", "rw,_netdev"));
        Assert.Equal(second, ClientLock.HeldBy(cluster.Layout, PartyId.Client(1)));

        (int exitCode, _, string error) = await cluster.RunAsync(null, "mount", directory, third, "--as", "c0");
        Assert.Equal(ExitCode.Mount, exitCode);
        Assert.StartsWith($"zzfs: c0 is in use by the mount at {first} (process ", error, StringComparison.Ordinal);
        (exitCode, _, error) = await cluster.RunAsync(null, "mount", directory, first);
        Assert.Equal((ExitCode.Mount, $"zzfs: {first} has a zzfs mounted already; zzfs umount {first} ends it\n"), (exitCode, error));

        foreach (string mountPoint in (string[])[first, second])
        {
            Assert.Equal((0, "", ""), await cluster.RunAsync("umount", mountPoint));
            Assert.Null(MountTable.Find(mountPoint));
        }

        Assert.Null(ClientLock.HeldBy(cluster.Layout, PartyId.Client(0)));
        Assert.Equal((ExitCode.Mount, "", $"zzfs: no zzfs is mounted at {first}\n"), await cluster.RunAsync("umount", first));
    }

    [Fact]
    public async Task What_goes_wrong_in_the_background_is_told_in_front()
    {
        await using TestCluster cluster = await TestCluster.CreateAsync();
        string mountPoint = cluster.NewFolder("mnt");
        (int ExitCode, string, string) result = await cluster.RunAsync(null, "mount", cluster.Layout.Directory, mountPoint, "-o", "fail");
        Assert.Equal((ExitCode.Mount, "", "zzfs: the cluster did not answer in time\n"), result);
        Assert.Equal(
            (ExitCode.Mount, "", $"zzfs: mount point {mountPoint}/none does not exist\n"),
            await cluster.RunAsync(null, "mount", cluster.Layout.Directory, mountPoint + "/none"));
        Assert.Equal(
            (ExitCode.Mount, "", $"zzfs: mount point {cluster.Layout.ClusterFile} is not a directory\n"),
            await cluster.RunAsync(null, "mount", cluster.Layout.Directory, cluster.Layout.ClusterFile));
        Assert.Equal(
            (ExitCode.Configuration, "", "zzfs: the cluster has no client c9\n"),
            await cluster.RunAsync(null, "mount", cluster.Layout.Directory, mountPoint, "--as", "c9"));
    }

    [Theory]
    [InlineData("mount.fuse.zzfs", "/d /m -n -v -o rw", "mount /d /m -o rw")]
    [InlineData("mount.zzfs", "/d /m -t fuse.zzfs -f", "mount /d /m --fake")]
    [InlineData("zzfs", "zzfs#/d /m -o rw", "mount zzfs#/d /m -o rw")]
    [InlineData("zzfs", "/tmp /m", "mount /tmp /m")]
    [InlineData("zzfs", "mount /d /m", "mount /d /m")]
    [InlineData("zzfs", "nonsense /m", "nonsense /m")]
    public void Calls_of_mount_8_are_understood(string invokedAs, string arguments, string expected) =>
        Assert.Equal(expected.Split(' '), MountHelperArguments.Rewrite(invokedAs, arguments.Split(' '), Commands));

    [Fact]
    public void Options_for_others_are_dropped()
    {
        MountOptionList list = MountOptionList.Parse(["defaults,ro,_netdev", "x-systemd.automount,as=c2,noatime"]);
        Assert.Equal(["ro", "noatime"], list.Options);
        Assert.Equal(PartyId.Client(2), list.Client);
        Assert.Throws<CommandException>(() => MountOptionList.Parse(["as=e1"]));
    }

    [Fact]
    public void The_mount_table_is_read_with_its_escapes()
    {
        string[] lines = ["1 0 8:1 / / rw - ext4 /dev/sda rw", @"2 1 0:9 / /mnt/a\040b rw,relatime shared:1 - fuse.zzfs /srv/c\134d rw", "torn"];
        Assert.Equal(new MountEntry("/mnt/a b", "fuse.zzfs", @"/srv/c\d"), MountTable.Find(lines, "/mnt/a b"));
        Assert.Null(MountTable.Find(lines, "/mnt"));
    }
}

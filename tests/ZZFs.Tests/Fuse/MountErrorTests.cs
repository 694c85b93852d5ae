using Microsoft.Win32.SafeHandles;
using ZZFs.Fuse;

namespace ZZFs.Tests.Fuse;

/// <summary>What users are told when mounting is not possible, and mounting by an ordinary user.</summary>
[Collection("mounts")]
public sealed class MountErrorTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("zzfs-errors-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void A_mount_point_that_does_not_exist() =>
        Assert.Equal($"{directory}/none does not exist; create the directory first.", Reason(new() { MountPoint = directory + "/none" }));

    [Fact]
    public void A_mount_point_that_is_a_file()
    {
        File.WriteAllText(directory + "/file", "");
        Assert.Equal($"{directory}/file is not a directory.", Reason(new() { MountPoint = directory + "/file" }));
    }

    [Fact]
    public void A_mount_point_that_has_entries()
    {
        File.WriteAllText(directory + "/file", "");
        Assert.Equal($"{directory} is not empty, and a mount would hide what is there.", Reason(new() { MountPoint = directory }));
    }

    [Fact]
    public void A_machine_without_the_device() => Assert.Equal(
        "/dev/none does not exist: this kernel, or this container, has no FUSE.",
        Reason(new() { MountPoint = directory, Device = "/dev/none" }));

    [Fact]
    public async Task A_mount_point_that_is_mounted()
    {
        await using MountedVolume volume = await MountedVolume.StartAsync();
        Assert.True(Mount.IsMounted(volume.Directory));
        Assert.Equal($"{volume.Directory} is mounted already.", Reason(new() { MountPoint = volume.Directory }));
    }

    [Fact]
    public async Task A_mount_that_is_in_use_stays_and_a_free_one_goes()
    {
        await using MountedVolume volume = await MountedVolume.StartAsync();
        await volume.ShellAsync("echo x > f");
        using (File.OpenRead(volume.PathOf("f")))
        {
            MountException reason = await Assert.ThrowsAsync<MountException>(() => volume.Mount.UnmountAsync());
            Assert.Equal($"{volume.Directory} is in use; close what is open there, or unmount it lazily.", reason.Message);
        }

        await volume.Mount.UnmountAsync();
        await volume.Mount.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(Mount.IsMounted(volume.Directory));
        MountException gone = await Assert.ThrowsAsync<MountException>(() => volume.Mount.UnmountAsync());
        Assert.Equal($"{volume.Directory} is not mounted.", gone.Message);
    }

    [Fact]
    public void Fusermount_mounts_passes_the_descriptor_and_unmounts()
    {
        using (SafeFileHandle device = Fusermount.Attach(new MountOptions { MountPoint = directory, Source = "a,b\\c" }, directory))
        {
            Assert.False(device.IsInvalid);
            Assert.True(Mount.IsMounted(directory));
            Assert.Contains(" fuse.zzfs a,b\\134c ", File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
        }

        Fusermount.Detach(directory, lazy: false);
        Assert.False(Mount.IsMounted(directory));
        MountException reason = Assert.Throws<MountException>(() => Fusermount.Detach(directory, lazy: false));
        Assert.StartsWith($"{directory} can't be unmounted: ", reason.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_mount_table_is_read_as_the_kernel_writes_it()
    {
        string[] table =
        [
            "22 1 8:1 / / rw,relatime - ext4 /dev/root rw",
            "40 22 0:38 / /mnt/with\\040space rw shared:1 master:2 - fuse.zzfs zzfs rw,user_id=0",
            "41 22 0:39 / /mnt/other rw - fuse.sshfs host: rw",
            "broken",
        ];
        Assert.True(Mount.IsMounted(table, "/mnt/with space"));
        Assert.False(Mount.IsMounted(table, "/mnt/other"));
        Assert.False(Mount.IsMounted(table, "/"));
    }

    [Fact]
    public void Supplementary_groups_come_from_the_process()
    {
        long now = 0;
        int reads = 0;
        CallerTable callers = new(() => now, _ =>
        {
            reads++;
            return ["Name:\tsh", "Groups:\t4 24 1000 "];
        });
        Assert.Equal([4u, 24u, 1000u], callers.Find(1000, 1000, 7).Groups);
        Assert.Equal([4u, 24u, 1000u], callers.Find(1000, 1000, 7).Groups);
        Assert.Equal(1, reads);
        now = 5000;
        callers.Find(1000, 1000, 7);
        Assert.Equal(2, reads);
        Assert.Empty(callers.Find(1000, 1000, 0).Groups);
        Assert.Empty(callers.Find(0, 0, 7).Groups);
        CallerTable gone = new(() => now, _ => throw new FileNotFoundException());
        Assert.Empty(gone.Find(1000, 1000, 7).Groups);
        Assert.Contains((uint)1000, new CallerTable(() => now, _ => ["Groups:\tx 1000"]).Find(1, 1, 1).Groups);
    }

    private static string Reason(MountOptions options) =>
        Assert.Throws<MountException>(() => Mount.Attach(options)).Message;
}

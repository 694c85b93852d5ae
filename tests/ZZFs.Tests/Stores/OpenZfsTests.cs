using System.Diagnostics;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>
/// The store of kind <c>zfs</c> with a command that answers as OpenZFS does, where snapshots show in <c>.zfs/snapshot</c>. It
/// stands in for a kernel module that few machines have.
/// </summary>
[Needs(Backing.Root)]
public sealed class OpenZfsTests : IDisposable
{
    private const string Pool = "tank";
    private readonly string folder = Directory.CreateTempSubdirectory("zzfs-openzfs-").FullName;

    public OpenZfsTests()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Stores", "openzfs.sh"), Path.Combine(folder, "zfs"));
        File.SetUnixFileMode(Path.Combine(folder, "zfs"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        ZfsCommand.Find(null, folder).Run("create", "-o", "atime=off", Pool);
    }

    private string Snapshots => Path.Combine(folder, "mount", Pool, "replica", ".zfs", "snapshot");

    public void Dispose()
    {
        Shell("cd \"$1\"; for at in mount/*/* mount/*; do umount -l $at 2>/dev/null; done; rm -rf --one-file-system \"$1\"");
    }

    [StoreFact]
    public void Versions_are_read_in_place_and_are_what_a_model_says()
    {
        using (var trial = new VersionTrial(Open, 1))
        {
            for (int version = 0; version < 4; version++)
            {
                for (int i = 0; i < 20; i++)
                    trial.Change((version + i) * 7 % 55, (uint)(i % VersionTrial.Files) + 1, (uint)(i / 3 % VersionTrial.Files) + 1, (ulong)(i % 9));
                trial.Commit(10);
            }

            trial.Check();
            trial.Drop(20);
            trial.Change(0, 1, 1, 0);
            trial.Rollback(30);
            trial.Check();
            trial.Change(0, 1, 1, 0);
            trial.Reopen();
            Assert.Equal([10, 30], trial.Store.Versions);
            Assert.Equal(12345678, trial.Store.DiskBytes);
            trial.Check();
        }

        Assert.DoesNotContain(Commands(), command => command.StartsWith("clone ", StringComparison.Ordinal));
        Assert.Equal(["checkpoint-10", "checkpoint-30"], Directory.GetDirectories(Snapshots).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
    }

    [StoreFact]
    public void A_snapshot_that_does_not_show_there_is_read_in_a_clone()
    {
        using IBackingStore store = Open();
        store.WriteMetadata("k"u8, "v"u8);
        store.Commit(1);
        store.Harden(1);

        // As where the kernel may not mount it: there is the directory, and nothing in it.
        Shell("mkdir \"$1/lost\" && cd \"$2\" && mv checkpoint-1 \"$1/lost\" && mkdir checkpoint-1", Snapshots);
        using (IStoreView view = store.OpenVersion(1))
        using (IStoreView second = store.OpenVersion(1))
        {
            Assert.Equal("v"u8.ToArray(), view.ReadMetadata("k"u8));
            Assert.Equal("v"u8.ToArray(), second.ReadMetadata("k"u8));
        }

        using (IStoreView again = store.OpenVersion(1))
            Assert.Equal("v"u8.ToArray(), again.ReadMetadata("k"u8));
        store.Rollback(0);
        const string clone = "clone -o readonly=on -o atime=off tank/replica@checkpoint-1 tank/replica-view-1";
        Assert.Equal([clone, clone], Commands().Where(command => command.StartsWith("clone ", StringComparison.Ordinal)));
        Assert.False(Directory.Exists(Path.Combine(folder, "mount", Pool, "replica-view-1")));
    }

    [StoreFact]
    public void A_snapshot_that_the_administrator_holds_stays()
    {
        using IBackingStore store = Open();
        store.Commit(1);
        store.Harden(1);
        using ZfsVolume volume = ZfsVolume.Open(Pool, "replica", ZfsCommand.Find(null, folder));
        File.WriteAllText(Path.Combine(folder, "held"), "");
        Assert.False(volume.TryDestroy(1));
        File.Delete(Path.Combine(folder, "held"));
        Assert.True(volume.TryDestroy(1));
    }

    private DeferredStore Open()
    {
        var heldLock = StoreLock.Hold(Path.Combine(folder, "lock"), "replica");
        return new DeferredStore(TreeStore.Open(ZfsVolume.Open(Pool, "replica", ZfsCommand.Find(heldLock, folder)), heldLock));
    }

    private string[] Commands() => File.ReadAllLines(Path.Combine(folder, "log"));

    private void Shell(string script, params string[] arguments)
    {
        using Process process = Process.Start("sh", ["-c", script, "sh", folder, .. arguments]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}

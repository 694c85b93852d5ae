using System.Diagnostics;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

public class StoreLockTests
{
    [Fact]
    public void A_command_that_outlives_its_process_keeps_the_lock()
    {
        using var folder = new TemporaryStore();
        string path = Path.Combine(folder.Folder, "lock");
        StoreLock first = StoreLock.Hold(path, "s");
        using Process command = first.StartSharing(new ProcessStartInfo("cat") { RedirectStandardInput = true, RedirectStandardOutput = true });
        using Process other = Process.Start(new ProcessStartInfo("cat") { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        first.Dispose();
        Assert.Equal("the store s is in use by another process", Assert.Throws<StoreException>(() => StoreLock.Hold(path, "s")).Message);
        command.StandardInput.Close();
        command.WaitForExit();

        // Other processes have no part in it.
        using (StoreLock.Hold(path, "s"))
            Assert.False(other.HasExited);
        other.StandardInput.Close();
        other.WaitForExit();
        Assert.Contains("can't be made", Assert.Throws<StoreException>(() => StoreLock.Hold("/proc/none/lock", "s")).Message, StringComparison.Ordinal);
    }
}

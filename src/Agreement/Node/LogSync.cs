using Microsoft.Win32.SafeHandles;

namespace Agreement.Node;

/// <summary>
/// Files whose content shall reach the disk, and the folder if its entries shall too. It keeps the files open, so it must be
/// carried out once.
/// </summary>
public sealed class LogSync
{
    private readonly IReadOnlyList<SafeFileHandle> files;
    private readonly string? folder;

    internal LogSync(IReadOnlyList<SafeFileHandle> files, string? folder)
    {
        this.files = files;
        this.folder = folder;
        bool added = false;
        foreach (SafeFileHandle file in files)
            file.DangerousAddRef(ref added);
    }

    /// <summary>Waits for the disk. May run on any thread.</summary>
    /// <exception cref="IOException">The disk refuses: what was promised can't be kept, so the node must stop.</exception>
    public void Sync()
    {
        foreach (SafeFileHandle file in files)
        {
            int result = Libc.SyncData((int)file.DangerousGetHandle());
            file.DangerousRelease();
            Check(result);
        }

        if (folder is null)
            return;
        using SafeFileHandle directory = Libc.OpenDirectory(folder);
        Check(Libc.SyncData((int)directory.DangerousGetHandle()));
    }

    private static void Check(int result)
    {
        if (result != 0)
            throw new IOException($"syncing the log failed with errno {System.Runtime.InteropServices.Marshal.GetLastPInvokeError()}");
    }
}

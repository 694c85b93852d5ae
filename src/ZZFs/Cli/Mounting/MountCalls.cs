using System.Runtime.InteropServices;

namespace ZZFs.Cli.Mounting;

/// <summary>The system calls of mounting in the background and of unmounting.</summary>
internal static partial class MountCalls
{
    /// <summary>errno EPERM.</summary>
    public const int NotPermitted = 1;

    /// <summary>errno EBUSY.</summary>
    public const int Busy = 16;

    private const int DetachFlag = 2; // MNT_DETACH
    private const int NoFollowFlag = 8; // UMOUNT_NOFOLLOW

    /// <summary>Unmounts; returns 0 or an errno.</summary>
    public static int Unmount(string mountPoint, bool lazy) =>
        Unmount(mountPoint, NoFollowFlag | (lazy ? DetachFlag : 0)) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Cuts input, output and errors off from whoever started this process, so that nobody waits for their end.</summary>
    public static void LeaveTerminal()
    {
        using FileStream nothing = new("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        for (int descriptor = 0; descriptor <= 2; descriptor++)
        {
            if (Duplicate((int)nothing.SafeFileHandle.DangerousGetHandle(), descriptor) < 0)
                throw new IOException($"dup2 failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int from, int to);
}

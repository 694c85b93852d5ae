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

    /// <summary>Lets input come from nowhere and output go to <paramref name="logFile"/>, or nowhere when that can't be written.</summary>
    public static void LeaveTerminal(string logFile)
    {
        using FileStream nothing = File.Open("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        Redirect(nothing, 0);
        try
        {
            using var log = new FileStream(logFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
            Redirect(log, 1);
            Redirect(log, 2);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Redirect(nothing, 1);
            Redirect(nothing, 2);
        }
    }

    private static void Redirect(FileStream file, int descriptor)
    {
        if (Duplicate((int)file.SafeFileHandle.DangerousGetHandle(), descriptor) < 0)
            throw new IOException($"dup2 failed with errno {Marshal.GetLastPInvokeError()}");
    }

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int from, int to);
}

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ZZFs.Fuse;

/// <summary>Attaches /dev/fuse to a directory and takes it away again: by mount(2) as root, through fusermount3 otherwise.</summary>
public static class Mount
{
    /// <summary>The file system type that mount(8) shows.</summary>
    public const string FileSystemType = "fuse.zzfs";

    private const string MountTable = "/proc/self/mountinfo";

    /// <summary>Mounts. The result is the non-blocking device descriptor of the mount; closing it ends the connection.</summary>
    /// <exception cref="MountException">It is not possible; the message says why.</exception>
    public static SafeFileHandle Attach(MountOptions options)
    {
        string target = CheckMountPoint(options);
        return NativeCalls.EffectiveUserId() == 0 ? AttachAsRoot(options, target) : Fusermount.Attach(options, target);
    }

    /// <summary>
    /// Unmounts. Must not run on the loop's thread: the kernel may ask for data to be written first.
    /// </summary>
    /// <param name="mountPoint">As it was mounted.</param>
    /// <param name="lazy">Take it out of sight at once, and end it when nobody uses it any more.</param>
    /// <exception cref="MountException">It is not possible; the message says why.</exception>
    public static void Detach(string mountPoint, bool lazy)
    {
        string target = Path.GetFullPath(mountPoint);
        if (NativeCalls.EffectiveUserId() != 0)
        {
            Fusermount.Detach(target, lazy);
            return;
        }

        if (NativeCalls.Unmount(target, lazy ? NativeCalls.DetachLazily : 0) == 0)
            return;
        int error = Marshal.GetLastPInvokeError();
        throw new MountException(error switch
        {
            NativeCalls.ErrorBusy => $"{target} is in use; close what is open there, or unmount it lazily.",
            NativeCalls.ErrorInvalid => $"{target} is not mounted.",
            _ => $"{target} can't be unmounted: {Marshal.GetPInvokeErrorMessage(error)}.",
        });
    }

    /// <summary>Whether something of ours is mounted exactly there, as the kernel's table says.</summary>
    public static bool IsMounted(string mountPoint) => IsMounted(File.ReadLines(MountTable), Path.GetFullPath(mountPoint));

    /// <summary>The same for a given table in the format of /proc/self/mountinfo (see proc(5)).</summary>
    public static bool IsMounted(IEnumerable<string> mountTable, string path)
    {
        foreach (string line in mountTable)
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (separator < 0 || separator + 1 >= fields.Length || fields.Length < 5)
                continue;
            if (fields[separator + 1] == FileSystemType && Unescape(fields[4]) == path)
                return true;
        }

        return false;
    }

    /// <summary>The options that the kernel takes; see mount.fuse3(8).</summary>
    internal static string KernelOptions(int descriptor, uint uid, uint gid, bool allowOther)
    {
        string options = string.Create(
            CultureInfo.InvariantCulture, $"fd={descriptor},rootmode=40000,user_id={uid},group_id={gid},default_permissions");
        return allowOther ? options + ",allow_other" : options;
    }

    private static string CheckMountPoint(MountOptions options)
    {
        string target = Path.GetFullPath(options.MountPoint);
        if (!OperatingSystem.IsLinux())
            throw new MountException("Mounting works on Linux only.");
        if (IsMounted(target))
        {
            throw new MountException(Directory.Exists(target)
                ? $"{target} is mounted already."
                : $"{target} is the mount of a process that is gone; unmount it first, for example with fusermount3 -u.");
        }

        if (File.Exists(target))
            throw new MountException($"{target} is not a directory.");
        if (!Directory.Exists(target))
            throw new MountException($"{target} does not exist; create the directory first.");
        if (!options.AllowNonEmpty && HasEntries(target))
            throw new MountException($"{target} is not empty, and a mount would hide what is there.");
        if (!File.Exists(options.Device))
            throw new MountException($"{options.Device} does not exist: this kernel, or this container, has no FUSE.");
        return target;
    }

    private static bool HasEntries(string directory)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(directory).Any();
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            throw new MountException($"{directory} can't be read: {failure.Message}");
        }
    }

    private static SafeFileHandle AttachAsRoot(MountOptions options, string target)
    {
        int descriptor = NativeCalls.Open(
            options.Device, NativeCalls.OpenReadWrite | NativeCalls.OpenNonBlocking | NativeCalls.OpenCloseOnExec);
        if (descriptor < 0)
            throw new MountException($"{options.Device} can't be opened: {LastError()}.");
        SafeFileHandle handle = new(descriptor, ownsHandle: true);
        string data = KernelOptions(descriptor, NativeCalls.EffectiveUserId(), NativeCalls.EffectiveGroupId(), allowOther: true);
        if (NativeCalls.Mount(options.Source, target, FileSystemType, FlagsOf(options), data) == 0)
            return handle;
        string reason = LastError();
        handle.Dispose();
        throw new MountException($"{target} can't be mounted on: {reason}.");
    }

    private static nuint FlagsOf(MountOptions options) =>
        (options.ReadOnly ? NativeCalls.MountReadOnly : 0)
        | (options.AllowSetUserId ? 0 : NativeCalls.MountNoSetUserId)
        | (options.AllowDevices ? 0 : NativeCalls.MountNoDevices);

    private static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    /// <summary>The table writes space, tab, newline and backslash as a backslash and three octal digits.</summary>
    private static string Unescape(string field) => field
        .Replace("\\040", " ", StringComparison.Ordinal)
        .Replace("\\011", "\t", StringComparison.Ordinal)
        .Replace("\\012", "\n", StringComparison.Ordinal)
        .Replace("\\134", "\\", StringComparison.Ordinal);
}

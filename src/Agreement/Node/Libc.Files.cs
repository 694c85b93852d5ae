using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Agreement.Node;

/// <summary>The system calls of the log.</summary>
internal static unsafe partial class Libc
{
    private const int OpenReadOnlyDirectory = 0x10000 | 0x80000;

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    public static partial int SyncData(int descriptor);

    /// <summary>Opens a directory, which .NET's own API does not.</summary>
    public static SafeFileHandle OpenDirectory(string path)
    {
        int descriptor = Open(path, OpenReadOnlyDirectory);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"{path} can't be opened (errno {Marshal.GetLastPInvokeError()})");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}

using System.Runtime.InteropServices;

namespace Mounted;

/// <summary>A file by its system calls: what they return, close's word included, is what a test of durability is about.</summary>
internal sealed partial class RawFile
{
    public const int IoError = 5;

    private const int WriteOnly = 0x1;
    private const int CreateNew = 0x40 | 0x80;
    private const int SyncEachWrite = 0x101000;
    private const int CloseOnExec = 0x80000;
    private const uint Mode = 0x1a4;

    private readonly int _descriptor;

    private RawFile(int descriptor) => _descriptor = descriptor;

    /// <summary>Makes a file.</summary>
    /// <param name="path">Where; it must not exist.</param>
    /// <param name="syncs">O_SYNC: each write is on disk when it returns.</param>
    /// <param name="file">The file, or null.</param>
    /// <returns>0, or the errno.</returns>
    public static int Create(string path, bool syncs, out RawFile? file)
    {
        var descriptor = OpenCall(path, WriteOnly | CreateNew | CloseOnExec | (syncs ? SyncEachWrite : 0), Mode);
        file = descriptor < 0 ? null : new RawFile(descriptor);
        return descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Appends all bytes; gives 0, or the errno.</summary>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var written = WriteCall(_descriptor, bytes, (nuint)bytes.Length);
            if (written < 0)
            {
                return Marshal.GetLastPInvokeError();
            }

            bytes = bytes[(int)written..];
        }

        return 0;
    }

    /// <summary>fsync; gives 0, or the errno.</summary>
    public int Sync() => SyncCall(_descriptor) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Gives 0, or the errno; it is closed in any case.</summary>
    public int Close() => CloseCall(_descriptor) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenCall(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteCall(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncCall(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseCall(int descriptor);
}

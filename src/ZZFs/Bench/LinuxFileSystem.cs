using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace ZZFs.Bench;

/// <summary>
/// The system's own calls. Not through <see cref="File"/>: the runtime adds an flock to each open and an ftruncate to
/// each create, which programs in C don't do and which would be measured along on a network file system.
/// </summary>
public sealed partial class LinuxFileSystem : IBenchFileSystem
{
    private const int ReadOnly = 0;
    private const int WriteOnly = 1;
    private const int CreateFlag = 0x40;
    private const int TruncateFlag = 0x200;
    private const int AppendFlag = 0x400;
    private const int CloseOnExec = 0x80000;
    private const int AtWorkingDirectory = -100;
    private const int AtSymbolicLinkNoFollow = 0x100;
    private const uint BasicStatistics = 0x7FF;
    private const int AdviceDontNeed = 4;
    private const int Interrupted = 4;
    private const int Exists = 17;
    private const int DirectoryMode = 0x1ED;

    /// <inheritdoc/>
    public bool TryMakeDirectory(string path)
    {
        if (MakeDirectory(path, DirectoryMode) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error == Exists ? false : throw Failure("make the directory", path, error);
    }

    /// <inheritdoc/>
    public void RemoveDirectory(string path) => Check(RemoveDirectoryCall(path), "remove the directory", path);

    /// <inheritdoc/>
    public int Open(string path, BenchOpen open, int mode)
    {
        var flags = open switch
        {
            BenchOpen.Read => ReadOnly,
            BenchOpen.Create => WriteOnly | CreateFlag | TruncateFlag,
            _ => WriteOnly | AppendFlag,
        };
        while (true)
        {
            var descriptor = OpenCall(path, flags | CloseOnExec, mode);
            if (descriptor >= 0)
            {
                return descriptor;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
            {
                throw Failure("open", path, error);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe int Read(int descriptor, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var count = ReadCall(descriptor, start, (nuint)buffer.Length);
                if (count >= 0)
                {
                    return (int)count;
                }

                ThrowUnlessInterrupted("read", descriptor);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Write(int descriptor, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var done = 0;
            while (done < buffer.Length)
            {
                var count = WriteCall(descriptor, start + done, (nuint)(buffer.Length - done));
                if (count >= 0)
                {
                    done += (int)count;
                }
                else
                {
                    ThrowUnlessInterrupted("write", descriptor);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void DropCache(int descriptor)
    {
        // Advice only: a file system without a cache to drop has nothing to hide.
        _ = AdviseCall(descriptor, 0, 0, AdviceDontNeed);
    }

    /// <inheritdoc/>
    public void Close(int descriptor)
    {
        // Linux has freed the descriptor even when it reports an error or an interruption: closing again could hit another file.
        if (CloseCall(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error and not Interrupted)
        {
            throw Failure("close", "a file", error);
        }
    }

    /// <inheritdoc/>
    public void Unlink(string path) => Check(UnlinkCall(path), "remove", path);

    /// <inheritdoc/>
    public unsafe BenchFileStatus Stat(string path)
    {
        // struct statx has the same layout on every architecture: stx_mode at 28, stx_size at 40.
        var buffer = stackalloc byte[256];
        Check(StatCall(AtWorkingDirectory, path, AtSymbolicLinkNoFollow, BasicStatistics, buffer), "stat", path);
        var bytes = new ReadOnlySpan<byte>(buffer, 256);
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]);
        var type = (mode & 0xF000) switch
        {
            0x8000 => BenchFileType.File,
            0x4000 => BenchFileType.Directory,
            0xA000 => BenchFileType.SymbolicLink,
            _ => BenchFileType.Other,
        };
        return new BenchFileStatus(type, BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]), mode & 0xFFF);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string path)
    {
        try
        {
            var names = Directory.GetFileSystemEntries(path).Select(entry => Path.GetFileName(entry)).ToList();
            names.Sort(StringComparer.Ordinal);
            return names;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"Cannot list {path}: {failure.Message}", failure);
        }
    }

    /// <inheritdoc/>
    public unsafe string ReadLink(string path)
    {
        var buffer = stackalloc byte[4096];
        var count = ReadLinkCall(path, buffer, 4096);
        return count >= 0
            ? Encoding.UTF8.GetString(buffer, (int)count)
            : throw Failure("read the link", path, Marshal.GetLastPInvokeError());
    }

    /// <inheritdoc/>
    public void MakeSymbolicLink(string path, string target) => Check(SymbolicLinkCall(target, path), "make the link", path);

    private static void Check(int result, string action, string path)
    {
        if (result != 0)
        {
            throw Failure(action, path, Marshal.GetLastPInvokeError());
        }
    }

    private static void ThrowUnlessInterrupted(string action, int descriptor)
    {
        var error = Marshal.GetLastPInvokeError();
        if (error != Interrupted)
        {
            var path = File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", false)?.FullName ?? "a file";
            throw Failure(action, path, error);
        }
    }

    private static BenchException Failure(string action, string path, int error) =>
        new($"Cannot {action} {path}: {Marshal.GetPInvokeErrorMessage(error)}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenCall(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint ReadCall(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteCall(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseCall(int descriptor);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int AdviseCall(int descriptor, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectory(string path, int mode);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RemoveDirectoryCall(string path);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkCall(string path);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatCall(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint ReadLinkCall(string path, byte* buffer, nuint size);

    [LibraryImport("libc", EntryPoint = "symlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SymbolicLinkCall(string target, string path);
}

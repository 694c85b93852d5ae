using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ZZFs.Stores;

/// <summary>
/// The system calls of tree stores, Linux on x86-64. Names are bytes that end with a zero byte. Failure is -1 with the errno
/// in the last P/Invoke error.
/// </summary>
internal static unsafe partial class TreeCalls
{
    public const int WorkingDirectory = -100;
    public const int NoFollow = 0x100;
    public const int RemoveDirectory = 0x200;
    public const int EmptyPath = 0x1000;

    public const int OpenReadOnly = 0;
    public const int OpenReadWrite = 2;
    public const int OpenCreate = 0x40;
    public const int OpenExclusive = 0x80;
    public const int OpenNonBlocking = 0x800;
    public const int OpenDirectory = 0x10000;
    public const int OpenNoFollow = 0x20000;
    public const int OpenNoAccessTime = 0x40000;
    public const int OpenCloseOnExec = 0x80000;

    public const uint WriteOut = 2;

    public const int KeepSize = 1;
    public const int PunchHole = 2;

    public const int ErrorAgain = 11;
    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;
    public const int SetDescriptorFlags = 2;
    public const int CloseOnExec = 1;

    public const uint BasicStatistics = 0x7ff;

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial int OpenAt(int directory, byte* name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    public static partial nint ReadAt(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    public static partial nint WriteAt(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int Truncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    public static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Synchronize(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    public static partial int StartWriteOut(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    public static partial int MakeDirectoryAt(SafeFileHandle directory, byte* name, uint mode);

    [LibraryImport("libc", EntryPoint = "mknodat", SetLastError = true)]
    public static partial int MakeNodeAt(SafeFileHandle directory, byte* name, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    public static partial int MakeSymlinkAt(byte* target, SafeFileHandle directory, byte* name);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    public static partial int LinkAt(SafeFileHandle source, byte* name, SafeFileHandle target, byte* newName, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    public static partial int UnlinkAt(SafeFileHandle directory, byte* name, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    public static partial int RenameAt(SafeFileHandle source, byte* name, SafeFileHandle target, byte* newName);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    public static partial int SetOwnerAt(SafeFileHandle directory, byte* name, uint uid, uint gid, int flags);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    public static partial int SetMode(SafeFileHandle file, uint mode);

    [LibraryImport("libc", EntryPoint = "fchmodat", SetLastError = true)]
    public static partial int SetModeAt(SafeFileHandle directory, byte* name, uint mode, int flags);

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    public static partial int SetTimes(SafeFileHandle file, TimeSpecification* times);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    public static partial int SetTimesAt(SafeFileHandle directory, byte* name, TimeSpecification* times, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    public static partial int StatisticsAt(SafeFileHandle directory, byte* name, int flags, uint mask, Statistics* result);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    public static partial int FileSystemStatistics(SafeFileHandle file, FileSystem* result);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Control(SafeFileHandle file, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int ControlDescriptor(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    /// <summary>struct timespec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct statx, as far as it is used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct Statistics
    {
        [FieldOffset(16)]
        public uint LinkCount;
        [FieldOffset(20)]
        public uint Uid;
        [FieldOffset(24)]
        public uint Gid;
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(40)]
        public ulong SizeBytes;
        [FieldOffset(64)]
        public TimeSpecification AccessTime;
        [FieldOffset(112)]
        public TimeSpecification ModifyTime;
        [FieldOffset(136)]
        public uint DeviceMajor;
        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    /// <summary>struct statfs, as far as it is used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct FileSystem
    {
        [FieldOffset(0)]
        public long Type;
        [FieldOffset(8)]
        public long BlockBytes;
        [FieldOffset(16)]
        public ulong Blocks;
        [FieldOffset(24)]
        public ulong FreeBlocks;
    }
}

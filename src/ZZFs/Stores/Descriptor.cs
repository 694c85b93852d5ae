using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ZZFs.Stores;

/// <summary>
/// An open file or directory of a backing file system, which stays the same object whatever its name becomes. What the file
/// system can't do becomes a <see cref="StoreException"/>; what isn't as it was left, a <see cref="StoreDamagedException"/>.
/// </summary>
/// <remarks>
/// Whatever is opened below a directory is opened one component at a time, follows no symlink, and lies on the same file
/// system: whoever plants links or mounts in a tree can't lead the store out of it.
/// </remarks>
internal sealed unsafe partial class Descriptor : IDisposable
{
    private const int ErrorInterrupted = 4;
    private const int ErrorNoEntry = 2;
    private const int ErrorNoMemory = 12;
    private const int ErrorNoSpace = 28;
    private const int ErrorQuota = 122;
    private const int ErrorTooManyLinks = 40;
    private const int ErrorNoDirectory = 20;
    private const int ErrorIsDirectory = 21;

    private const ulong SmallestStep = 1UL << 30;

    private const int FileTypeMask = 0xf000;
    private const int FileTypeDirectory = 0x4000;
    private const int FileTypeRegular = 0x8000;

    private readonly string store;
    private readonly SafeFileHandle handle;
    private readonly ulong device;

    private Descriptor(string store, SafeFileHandle handle, ulong? device)
    {
        this.store = store;
        this.handle = handle;
        this.device = device ?? DeviceOf(Status());
    }

    /// <summary>Opens a directory by the operator's path, of which symlinks are followed.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="store">What messages call the store.</param>
    /// <param name="isOwn">Whether it is the store's: only its owner may look into a directory without a trace in its access time.</param>
    /// <exception cref="StoreException">It can't be opened.</exception>
    public static Descriptor OpenRoot(string path, string store, bool isOwn = true)
    {
        int flags = Flags(TreeCalls.OpenReadOnly | TreeCalls.OpenDirectory) & (isOwn ? -1 : ~TreeCalls.OpenNoAccessTime);
        fixed (byte* terminated = Encoding.UTF8.GetBytes(path + "\0"))
        {
            int descriptor = TreeCalls.OpenAt(TreeCalls.WorkingDirectory, terminated, flags, 0);
            return descriptor >= 0
                ? new Descriptor(store, new SafeFileHandle(descriptor, ownsHandle: true), null)
                : throw new StoreException($"the store {store} can't be opened: {Reason(Marshal.GetLastPInvokeError())}");
        }
    }

    /// <summary>Opens a directory in this one.</summary>
    public Descriptor OpenDirectory(ReadOnlySpan<byte> name) =>
        Open(name, Flags(TreeCalls.OpenReadOnly | TreeCalls.OpenDirectory | TreeCalls.OpenNoFollow), FileTypeDirectory);

    /// <summary>Opens a subvolume in this directory, which is a file system of its own.</summary>
    public Descriptor OpenSubvolume(ReadOnlySpan<byte> name) =>
        Open(name, Flags(TreeCalls.OpenReadOnly | TreeCalls.OpenDirectory | TreeCalls.OpenNoFollow), FileTypeDirectory, ownDevice: true);

    /// <summary>Opens a regular file in this directory, to read and write.</summary>
    public Descriptor OpenFile(ReadOnlySpan<byte> name) =>
        Open(name, Flags(TreeCalls.OpenReadWrite | TreeCalls.OpenNoFollow), FileTypeRegular);

    /// <summary>Opens a regular file in this directory, to read.</summary>
    public Descriptor OpenFileToRead(ReadOnlySpan<byte> name) =>
        Open(name, Flags(TreeCalls.OpenReadOnly | TreeCalls.OpenNoFollow), FileTypeRegular);

    /// <summary>Makes and opens a regular file that only its owner may use.</summary>
    public Descriptor CreateFile(ReadOnlySpan<byte> name) =>
        Open(name, Flags(TreeCalls.OpenReadWrite | TreeCalls.OpenNoFollow | TreeCalls.OpenCreate | TreeCalls.OpenExclusive), FileTypeRegular);

    /// <summary>Fills <paramref name="destination"/>; what lies past the end of the file is zero.</summary>
    public void Read(ulong offset, Span<byte> destination)
    {
        fixed (byte* start = destination)
        {
            int done = 0;
            while (done < destination.Length)
            {
                nint count = TreeCalls.ReadAt(handle, start + done, (nuint)(destination.Length - done), (long)offset + done);
                if (count == 0)
                    break;
                if (count > 0)
                    done += (int)count;
                else
                    ThrowUnlessInterrupted("a read");
            }

            destination[done..].Clear();
        }
    }

    /// <summary>Writes all of <paramref name="content"/>.</summary>
    public void Write(ulong offset, ReadOnlySpan<byte> content)
    {
        fixed (byte* start = content)
        {
            int done = 0;
            while (done < content.Length)
            {
                nint count = TreeCalls.WriteAt(handle, start + done, (nuint)(content.Length - done), (long)offset + done);
                if (count >= 0)
                    done += (int)count;
                else
                    ThrowUnlessInterrupted("a write");
            }
        }
    }

    /// <summary>Cuts or lengthens the file; what is new is a hole.</summary>
    public void SetLength(ulong length)
    {
        while (TreeCalls.Truncate(handle, (long)length) != 0)
        {
            // zfs-fuse can't free some terabytes at once, even of holes, but can in steps.
            ulong present = Marshal.GetLastPInvokeError() == ErrorNoMemory ? Status().SizeBytes : 0;
            if (present > length + SmallestStep)
                SetLength(length + ((present - length) / 2));
            else
                ThrowUnlessInterrupted("a truncation");
        }
    }

    /// <summary>Makes a hole within the file. False when the file system has no such call.</summary>
    public bool TryPunchHole(ulong offset, ulong length)
    {
        const int notSupported = 95;
        const int notImplemented = 38;
        while (TreeCalls.Allocate(handle, TreeCalls.PunchHole | TreeCalls.KeepSize, (long)offset, (long)length) != 0)
        {
            if (Marshal.GetLastPInvokeError() is notSupported or notImplemented)
                return false;
            ThrowUnlessInterrupted("making a hole");
        }

        return true;
    }

    /// <summary>Its attributes.</summary>
    public TreeCalls.Statistics Status()
    {
        TreeCalls.Statistics status;
        byte empty = 0;
        while (TreeCalls.StatisticsAt(handle, &empty, TreeCalls.EmptyPath, TreeCalls.BasicStatistics, &status) != 0)
            ThrowUnlessInterrupted("reading attributes");
        return status;
    }

    /// <summary>The type of the file system that it is on, as statfs(2) numbers it.</summary>
    public long FileSystemType() => FileSystem().Type;

    /// <summary>Bytes in use on the file system that it is on.</summary>
    public long BytesInUse()
    {
        TreeCalls.FileSystem status = FileSystem();
        return (long)(status.Blocks - status.FreeBlocks) * status.BlockBytes;
    }

    /// <summary>Lets the kernel begin to write out what is dirty of a file, so that less is left for a snapshot to wait for. Any thread.</summary>
    public void StartWriteOut()
    {
        // A hint: a file system that can't just has it all to do later, and says then what is wrong with its disk.
        try
        {
            _ = TreeCalls.StartWriteOut(handle, 0, 0, TreeCalls.WriteOut);
        }
        catch (ObjectDisposedException)
        {
            // It was closed meanwhile.
        }
    }

    /// <summary>Waits until it is on disk.</summary>
    public void Synchronize()
    {
        while (TreeCalls.Synchronize(handle) != 0)
            ThrowUnlessInterrupted("a sync");
    }

    /// <summary>Calls ioctl(2).</summary>
    /// <returns>0, or the errno.</returns>
    public int Control(nuint request, byte* argument) =>
        TreeCalls.Control(handle, request, argument) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The descriptor's number, for the argument of an ioctl on another one.</summary>
    public int Number => (int)handle.DangerousGetHandle();

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    /// <summary>An errno in words.</summary>
    public static string Reason(int error) =>
        string.Create(CultureInfo.InvariantCulture, $"{new Win32Exception(error).Message.TrimEnd('.')} (errno {error})");

    /// <summary>The exception for a call that failed.</summary>
    /// <param name="what">The call as a noun.</param>
    /// <param name="error">Its errno.</param>
    public StoreException Failure(string what, int error) => error switch
    {
        ErrorNoSpace or ErrorQuota => new StoreException($"the disk of the store {store} is full"),
        ErrorNoEntry or ErrorTooManyLinks or ErrorNoDirectory or ErrorIsDirectory =>
            new StoreDamagedException($"the store {store} is damaged: {what} found something else than was left there: {Reason(error)}"),
        _ => new StoreException($"the store {store} failed: {what} gave {Reason(error)}"),
    };

    // Non-blocking, so that a fifo in place of a file can't hold the store up.
    private static int Flags(int flags) =>
        flags | TreeCalls.OpenCloseOnExec | TreeCalls.OpenNonBlocking | TreeCalls.OpenNoAccessTime;

    private static ulong DeviceOf(in TreeCalls.Statistics status) => (ulong)status.DeviceMajor << 32 | status.DeviceMinor;

    private Descriptor Open(ReadOnlySpan<byte> name, int flags, int type, bool ownDevice = false)
    {
        int descriptor;
        fixed (byte* terminated = TreeName.Terminate(name, stackalloc byte[TreeName.Capacity]))
        {
            while ((descriptor = TreeCalls.OpenAt(Number, terminated, flags, 0x180)) < 0)
                ThrowUnlessInterrupted("opening a file");
        }

        var opened = new Descriptor(store, new SafeFileHandle(descriptor, ownsHandle: true), ownDevice ? null : device);
        try
        {
            TreeCalls.Statistics status = opened.Status();
            if ((status.Mode & FileTypeMask) != type || DeviceOf(status) != opened.device)
                throw new StoreDamagedException($"the store {store} is damaged: something else was put in a file's place");
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private TreeCalls.FileSystem FileSystem()
    {
        TreeCalls.FileSystem result;
        while (TreeCalls.FileSystemStatistics(handle, &result) != 0)
            ThrowUnlessInterrupted("reading the state of the file system");
        return result;
    }

    private void ThrowUnlessInterrupted(string what)
    {
        int error = Marshal.GetLastPInvokeError();
        if (error != ErrorInterrupted)
            throw Failure(what, error);
    }
}

using System.Runtime.InteropServices;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

// What is done in a directory by name, and attributes.
internal sealed unsafe partial class Descriptor
{
    private const int ErrorNotPermitted = 1;
    private const int ErrorInvalid = 22;
    private const int ErrorNameTooLong = 36;
    private const int ErrorOverflow = 75;
    private const int ErrorNotSupported = 95;
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Makes a directory that only its owner may use.</summary>
    public void MakeDirectory(ReadOnlySpan<byte> name)
    {
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.MakeDirectoryAt(handle, terminated, 0x1c0) != 0)
                ThrowUnlessInterrupted("making a directory");
        }
    }

    /// <summary>Makes a symlink. False when the file system can't hold such a target.</summary>
    public bool TryMakeSymlink(ReadOnlySpan<byte> target, ReadOnlySpan<byte> name)
    {
        fixed (byte* content = (byte[])[.. target, 0])
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.MakeSymlinkAt(content, handle, terminated) != 0)
            {
                if (Marshal.GetLastPInvokeError() is ErrorNotPermitted or ErrorNameTooLong or ErrorInvalid or ErrorNotSupported)
                    return false;
                ThrowUnlessInterrupted("making a symlink");
            }
        }

        return true;
    }

    /// <summary>Makes a fifo, socket or device node. False when we may not, or the file system has none.</summary>
    public bool TryMakeNode(ReadOnlySpan<byte> name, ObjectType type, uint rawDevice)
    {
        uint format = type switch
        {
            ObjectType.Fifo => 0x1000,
            ObjectType.Socket => 0xc000,
            ObjectType.CharacterDevice => 0x2000,
            _ => 0x6000,
        };
        Invariant.That(type is ObjectType.Fifo or ObjectType.Socket or ObjectType.CharacterDevice or ObjectType.BlockDevice);
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.MakeNodeAt(handle, terminated, format | 0x180, rawDevice) != 0)
            {
                if (Marshal.GetLastPInvokeError() is ErrorNotPermitted or ErrorInvalid or ErrorNotSupported)
                    return false;
                ThrowUnlessInterrupted("making a node");
            }
        }

        return true;
    }

    /// <summary>Gives what has a name in this directory a second name.</summary>
    public void Link(ReadOnlySpan<byte> name, Descriptor target, ReadOnlySpan<byte> newName)
    {
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        fixed (byte* newTerminated = Terminated(newName, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.LinkAt(handle, terminated, target.handle, newTerminated, 0) != 0)
                ThrowUnlessInterrupted("making a link");
        }
    }

    /// <summary>Moves a name of this directory.</summary>
    public void Rename(ReadOnlySpan<byte> name, Descriptor target, ReadOnlySpan<byte> newName)
    {
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        fixed (byte* newTerminated = Terminated(newName, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.RenameAt(handle, terminated, target.handle, newTerminated) != 0)
                ThrowUnlessInterrupted("a renaming");
        }
    }

    /// <summary>Removes the name of anything; a directory is empty.</summary>
    public void Remove(ReadOnlySpan<byte> name)
    {
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            int flags = 0;
            while (TreeCalls.UnlinkAt(handle, terminated, flags) != 0)
            {
                if (flags == 0 && Marshal.GetLastPInvokeError() == ErrorIsDirectory)
                    flags = TreeCalls.RemoveDirectory;
                else
                    ThrowUnlessInterrupted("a removal");
            }
        }
    }

    /// <summary>Whether there is such a name.</summary>
    public bool Has(ReadOnlySpan<byte> name)
    {
        TreeCalls.Statistics status;
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            while (TreeCalls.StatisticsAt(handle, terminated, TreeCalls.NoFollow, TreeCalls.BasicStatistics, &status) != 0)
            {
                if (Marshal.GetLastPInvokeError() == ErrorNoEntry)
                    return false;
                ThrowUnlessInterrupted("looking up a name");
            }
        }

        return true;
    }

    /// <summary>Sets length (of a file), owner, mode and times of the open file as far as they differ and we may.</summary>
    public void SetAttributes(ObjectRecord record, bool privileged)
    {
        TreeCalls.Statistics status = Status();
        if (record.IsFile && status.SizeBytes != record.SizeBytes)
            SetLength(record.SizeBytes);
        byte empty = 0;
        if (privileged && (status.Uid != record.Uid || status.Gid != record.Gid))
            SetOwner(&empty, record, TreeCalls.EmptyPath);
        uint mode = ModeOf(record, privileged);

        // A change of owner takes privileges of a program away.
        if ((status.Mode & 0xfffu) != mode || (mode & 0xc00) != 0)
            Allowed(TreeCalls.SetMode(handle, mode), "setting a mode");
        SetTimes(null, record);
    }

    /// <summary>As the other, for what can't be opened: a symlink, fifo, socket or device node of this directory.</summary>
    public void SetAttributes(ReadOnlySpan<byte> name, ObjectRecord record, bool privileged)
    {
        fixed (byte* terminated = Terminated(name, stackalloc byte[TreeName.Capacity]))
        {
            if (privileged)
                SetOwner(terminated, record, TreeCalls.NoFollow);
            if (record.Type != ObjectType.Symlink)
                Allowed(TreeCalls.SetModeAt(handle, terminated, ModeOf(record, privileged), TreeCalls.NoFollow), "setting a mode");
            SetTimes(terminated, record);
        }
    }

    private void SetOwner(byte* name, ObjectRecord record, int flags)
    {
        int result = TreeCalls.SetOwnerAt(handle, name, record.Uid, record.Gid, flags);

        // zfs-fuse has no users above 2³¹, and a user namespace has only those that were mapped into it.
        if (result == 0 || Marshal.GetLastPInvokeError() != ErrorInvalid)
            Allowed(result, "setting an owner");
    }

    private void SetTimes(byte* name, ObjectRecord record)
    {
        TreeCalls.TimeSpecification* times = stackalloc TreeCalls.TimeSpecification[2] { Time(record.AccessTime), Time(record.ModifyTime) };
        int result = Set();
        if (result != 0 && Marshal.GetLastPInvokeError() == ErrorOverflow)
        {
            // zfs-fuse has no times after 2038; the last one comes nearest.
            times[0].Seconds = Math.Min(times[0].Seconds, int.MaxValue);
            times[1].Seconds = Math.Min(times[1].Seconds, int.MaxValue);
            result = Set();
        }

        Allowed(result, "setting times");

        int Set() => name is null ? TreeCalls.SetTimes(handle, times) : TreeCalls.SetTimesAt(handle, name, times, TreeCalls.NoFollow);
    }

    // Without privileges the store must still get at its own files, and makes no program that runs as its user.
    private static uint ModeOf(ObjectRecord record, bool privileged) =>
        privileged ? record.Mode : (record.Mode & 0x3ffu) | (record.IsDirectory ? 0x1c0u : 0x180u);

    private static TreeCalls.TimeSpecification Time(Timestamp time) => new()
    {
        Seconds = time.Nanoseconds / NanosecondsPerSecond,
        Nanoseconds = time.Nanoseconds % NanosecondsPerSecond,
    };

    private static ReadOnlySpan<byte> Terminated(ReadOnlySpan<byte> name, Span<byte> buffer) => TreeName.Terminate(name, buffer);

    // The tree shows attributes to people; the store's own are in the records. So what we may not set is left out.
    private void Allowed(int result, string what)
    {
        if (result != 0 && Marshal.GetLastPInvokeError() is not (ErrorNotPermitted or ErrorNotSupported))
            throw Failure(what, Marshal.GetLastPInvokeError());
    }
}

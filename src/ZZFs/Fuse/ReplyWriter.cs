using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <summary>What goes into the reply to INIT.</summary>
public readonly record struct InitReply(
    uint MinorVersion,
    uint MaximumReadAheadBytes,
    InitFlags Flags,
    ushort MaximumBackground,
    ushort CongestionThreshold,
    uint MaximumWriteBytes,
    ushort MaximumPages);

/// <summary>Writes the bodies of replies. Each method states the layout, with lengths in bytes.</summary>
public static class ReplyWriter
{
    private const uint FileTypeShift = 12;
    private const uint StatisticsBlockBytes = 4096;

    /// <summary>
    /// fuse_init_out: major 4, minor 4, max_readahead 4, flags 4, max_background 2, congestion_threshold 2, max_write 4,
    /// time_gran 4, max_pages 2, map_alignment 2, flags2 4, and 28 reserved.
    /// </summary>
    public static void WriteInit(this MessageWriter writer, in InitReply init)
    {
        writer.WriteUInt32(FuseAbi.MajorVersion);
        writer.WriteUInt32(init.MinorVersion);
        writer.WriteUInt32(init.MaximumReadAheadBytes);
        writer.WriteUInt32((uint)init.Flags);
        writer.WriteUInt16(init.MaximumBackground);
        writer.WriteUInt16(init.CongestionThreshold);
        writer.WriteUInt32(init.MaximumWriteBytes);
        writer.WriteUInt32(1);
        writer.WriteUInt16(init.MaximumPages);
        writer.WriteUInt16(0);
        writer.WriteUInt32((uint)((ulong)init.Flags >> 32));
        writer.Reserve(28).Clear();
    }

    /// <summary>
    /// fuse_entry_out: node 8, generation 8, entry_valid 8, attr_valid 8, entry_valid_nsec 4, attr_valid_nsec 4, attributes 88.
    /// </summary>
    public static void WriteEntry(this MessageWriter writer, in NodeEntry entry)
    {
        writer.WriteUInt64(entry.NodeId);
        writer.WriteUInt64(entry.Generation);
        writer.WriteInt64(Seconds(entry.NameValidMilliseconds));
        writer.WriteInt64(Seconds(entry.Attributes.ValidMilliseconds));
        writer.WriteUInt32(Nanoseconds(entry.NameValidMilliseconds));
        writer.WriteUInt32(Nanoseconds(entry.Attributes.ValidMilliseconds));
        if (entry.NodeId == 0)
            writer.Reserve(FuseAbi.AttributesBytes).Clear();
        else
            writer.WriteStat(entry.Attributes);
    }

    /// <summary>fuse_attr_out: attr_valid 8, attr_valid_nsec 4, padding 4, attributes 88.</summary>
    public static void WriteAttributes(this MessageWriter writer, in NodeAttributes attributes)
    {
        writer.WriteInt64(Seconds(attributes.ValidMilliseconds));
        writer.WriteUInt32(Nanoseconds(attributes.ValidMilliseconds));
        writer.WriteUInt32(0);
        writer.WriteStat(attributes);
    }

    /// <summary>fuse_open_out: handle 8, flags 4, padding 4.</summary>
    public static void WriteOpen(this MessageWriter writer, ulong handle, OpenReplyFlags flags)
    {
        writer.WriteUInt64(handle);
        writer.WriteUInt32((uint)flags);
        writer.WriteUInt32(0);
    }

    /// <summary>fuse_write_out, and fuse_getxattr_out for a size: count 4, padding 4.</summary>
    public static void WriteCount(this MessageWriter writer, uint count)
    {
        writer.WriteUInt32(count);
        writer.WriteUInt32(0);
    }

    /// <summary>
    /// fuse_statfs_out: blocks 8, free 8, available 8, files 8, files free 8, bsize 4, namelen 4, frsize 4, 28 reserved.
    /// </summary>
    public static void WriteStatistics(this MessageWriter writer, VolumeStatistics statistics)
    {
        ulong freeBlocks = Free(statistics.TotalBytes, statistics.UsedBytes) / StatisticsBlockBytes;
        writer.WriteUInt64(statistics.TotalBytes / StatisticsBlockBytes);
        writer.WriteUInt64(freeBlocks);
        writer.WriteUInt64(freeBlocks);
        writer.WriteUInt64(statistics.TotalObjects);
        writer.WriteUInt64(Free(statistics.TotalObjects, statistics.UsedObjects));
        writer.WriteUInt32(StatisticsBlockBytes);
        writer.WriteUInt32(Specification.MaximumNameBytes);
        writer.WriteUInt32(StatisticsBlockBytes);
        writer.Reserve(28).Clear();
    }

    /// <summary>fuse_lk_out: start 8, end 8, type 4, pid 4; type F_UNLCK when nothing stands in the way.</summary>
    public static void WriteLock(this MessageWriter writer, LockConflict? conflict)
    {
        writer.WriteUInt64(conflict?.Start ?? 0);
        writer.WriteUInt64(conflict?.End ?? 0);
        writer.WriteUInt32((uint)(conflict?.Kind ?? LockKind.Unlock));
        writer.WriteUInt32(conflict?.ProcessId ?? 0);
    }

    /// <summary>
    /// fuse_dirent: inode 8, offset of the next entry 8, name length 4, type 4, name, zeros up to a multiple of 8.
    /// </summary>
    public static void WriteDirectoryEntry(
        this MessageWriter writer, ulong inode, ulong nextOffset, ObjectType type, ReadOnlySpan<byte> name)
    {
        writer.WriteUInt64(inode);
        writer.WriteUInt64(nextOffset);
        writer.WriteUInt32((uint)name.Length);
        writer.WriteUInt32(FileType(type));
        writer.WriteRaw(name);
        writer.Reserve(Padding(name.Length)).Clear();
    }

    /// <summary>Length of a directory entry with a name of <paramref name="nameBytes"/>, in bytes.</summary>
    public static int DirectoryEntryBytes(int nameBytes, bool withAttributes) =>
        FuseAbi.DirectoryEntryHeaderBytes + nameBytes + Padding(nameBytes) + (withAttributes ? FuseAbi.EntryBytes : 0);

    /// <summary>Body of <see cref="Notification.InvalidateNode"/>: node 8, offset 8, length 8.</summary>
    public static void WriteInvalidateNode(this MessageWriter writer, ulong node, long offset, long length)
    {
        writer.WriteUInt64(node);
        writer.WriteInt64(offset);
        writer.WriteInt64(length);
    }

    /// <summary>
    /// fuse_attr: inode 8, size 8, blocks 8, atime 8, mtime 8, ctime 8, their nanoseconds 4 each, mode 4, nlink 4, uid 4,
    /// gid 4, rdev 4, blksize 4, flags 4.
    /// </summary>
    private static void WriteStat(this MessageWriter writer, in NodeAttributes node)
    {
        Attributes attributes = node.Attributes;
        writer.WriteUInt64(node.Inode);
        writer.WriteUInt64(attributes.SizeBytes);
        writer.WriteUInt64(attributes.AllocatedBytes / 512);
        writer.WriteInt64(attributes.AccessTime.Nanoseconds / NanosecondsPerSecond);
        writer.WriteInt64(attributes.ModifyTime.Nanoseconds / NanosecondsPerSecond);
        writer.WriteInt64(attributes.ChangeTime.Nanoseconds / NanosecondsPerSecond);
        writer.WriteUInt32((uint)(attributes.AccessTime.Nanoseconds % NanosecondsPerSecond));
        writer.WriteUInt32((uint)(attributes.ModifyTime.Nanoseconds % NanosecondsPerSecond));
        writer.WriteUInt32((uint)(attributes.ChangeTime.Nanoseconds % NanosecondsPerSecond));
        writer.WriteUInt32((FileType(attributes.Type) << (int)FileTypeShift) | (attributes.Mode & 0xFFFu));
        writer.WriteUInt32(attributes.LinkCount);
        writer.WriteUInt32(attributes.Uid);
        writer.WriteUInt32(attributes.Gid);
        writer.WriteUInt32(attributes.RawDevice);
        writer.WriteUInt32(Specification.BlockBytes);
        writer.WriteUInt32(0);
    }

    private const long NanosecondsPerSecond = 1_000_000_000;

    private static long Seconds(long milliseconds) => Math.Max(0, milliseconds) / 1000;

    private static uint Nanoseconds(long milliseconds) => (uint)(Math.Max(0, milliseconds) % 1000) * 1_000_000;

    private static ulong Free(ulong total, ulong used) => total > used ? total - used : 0;

    private static int Padding(int nameBytes) => -nameBytes & 7;

    /// <summary>S_IFMT's four bits, which are also d_type.</summary>
    private static uint FileType(ObjectType type) => type switch
    {
        ObjectType.Fifo => 1,
        ObjectType.CharacterDevice => 2,
        ObjectType.Directory => 4,
        ObjectType.BlockDevice => 6,
        ObjectType.File => 8,
        ObjectType.Symlink => 10,
        ObjectType.Socket => 12,
        _ => 0,
    };
}

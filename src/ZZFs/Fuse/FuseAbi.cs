namespace ZZFs.Fuse;

/// <summary>
/// The constants of the kernel's FUSE interface, version 7, as linux/fuse.h documents them. All integers on the
/// device are in host order, which is little-endian wherever we run.
/// </summary>
/// <remarks>
/// Every request is a 40-byte header (length 4, opcode 4, unique 8, node 8, uid 4, gid 4, pid 4, padding 4) and the
/// operation's body; every reply is a 16-byte header (length 4, negated errno 4, unique 8) and a body. Layouts of the
/// bodies stand with the code that reads (<see cref="RequestReader"/>) and writes them (<see cref="ReplyWriter"/>).
/// </remarks>
public static class FuseAbi
{
    /// <summary>The only major version.</summary>
    public const uint MajorVersion = 7;

    /// <summary>The newest minor version whose layouts we know.</summary>
    public const uint NewestMinorVersion = 41;

    /// <summary>The oldest minor version that we speak (Linux 4.11): the first with today's layouts of all that we use.</summary>
    public const uint OldestMinorVersion = 26;

    /// <summary>Length of a request's header, in bytes.</summary>
    public const int RequestHeaderBytes = 40;

    /// <summary>Length of a reply's header, in bytes.</summary>
    public const int ReplyHeaderBytes = 16;

    /// <summary>Length of the fixed part of a WRITE request's body, in bytes.</summary>
    public const int WriteBodyBytes = 40;

    /// <summary>The node number of the root directory.</summary>
    public const ulong RootNode = 1;

    /// <summary>Length of fuse_attr, in bytes.</summary>
    public const int AttributesBytes = 88;

    /// <summary>Length of fuse_entry_out, in bytes.</summary>
    public const int EntryBytes = 128;

    /// <summary>Length of fuse_dirent before the name, in bytes.</summary>
    public const int DirectoryEntryHeaderBytes = 24;
}

/// <summary>What both sides of the device can do; negotiated by INIT. The low 32 bits travel in flags, the rest in flags2.</summary>
[Flags]
public enum InitFlags : ulong
{
#pragma warning disable CS1591 // The names are the kernel's (FUSE_ in front); linux/fuse.h documents them.
    None = 0,
    AsyncRead = 1UL << 0,
    PosixLocks = 1UL << 1,
    AtomicTruncate = 1UL << 3,
    BigWrites = 1UL << 5,
    FlockLocks = 1UL << 10,
    ReaddirPlus = 1UL << 13,
    ReaddirPlusAuto = 1UL << 14,
    AsyncDirectIo = 1UL << 15,
    ParallelDirectoryOperations = 1UL << 18,
    MaxPages = 1UL << 22,
    CacheSymlinks = 1UL << 23,
    HandleKillPrivilegesV2 = 1UL << 28,
    InitExtended = 1UL << 30,
    DirectIoAllowMmap = 1UL << 36,
#pragma warning restore CS1591
}

/// <summary>What the reply to OPEN tells the kernel about its page cache (FOPEN_ in linux/fuse.h).</summary>
[Flags]
public enum OpenReplyFlags : uint
{
    /// <summary>Cached pages are dropped at this open.</summary>
    None = 0,

    /// <summary>No page cache: every read and write reaches us.</summary>
    DirectIo = 1,

    /// <summary>Pages cached before this open are still right.</summary>
    KeepCache = 2,
}

/// <summary>Which fields of a SETATTR request count (FATTR_ in linux/fuse.h).</summary>
[Flags]
public enum SetAttributesFields : uint
{
#pragma warning disable CS1591 // Each names the field.
    None = 0,
    Mode = 1 << 0,
    Uid = 1 << 1,
    Gid = 1 << 2,
    Size = 1 << 3,
    AccessTime = 1 << 4,
    ModifyTime = 1 << 5,
    Handle = 1 << 6,
    AccessTimeNow = 1 << 7,
    ModifyTimeNow = 1 << 8,
#pragma warning restore CS1591
}

/// <summary>Codes of messages that we send unasked, in the errno field of a reply header whose unique is 0.</summary>
public enum Notification
{
    /// <summary>
    /// Body: node 8, offset 8, length 8. Attributes are forgotten; with offset ≥ 0 pages too (length 0: to the end),
    /// and then the write to the device waits for pages under way.
    /// </summary>
    InvalidateNode = 2,
}

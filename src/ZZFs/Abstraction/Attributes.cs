using Agreement.Messages;

namespace ZZFs.Abstraction;

/// <summary>What kind of object it is.</summary>
public enum ObjectType : byte
{
    /// <summary>A free place of the object array.</summary>
    Null = 0,

    /// <summary>A regular file.</summary>
    File = 1,

    /// <summary>A directory.</summary>
    Directory = 2,

    /// <summary>A symbolic link.</summary>
    Symlink = 3,

    /// <summary>A named pipe.</summary>
    Fifo = 4,

    /// <summary>A socket's name.</summary>
    Socket = 5,

    /// <summary>A character device node.</summary>
    CharacterDevice = 6,

    /// <summary>A block device node.</summary>
    BlockDevice = 7,
}

/// <summary>The abstract attributes of an object, a function of the abstract state alone.</summary>
/// <param name="Type">Kind of object.</param>
/// <param name="Mode">Permission bits with set-user-ID, set-group-ID and sticky: the low 12 bits of st_mode.</param>
/// <param name="Uid">Owner.</param>
/// <param name="Gid">Group.</param>
/// <param name="LinkCount">Names of this object (for a directory 2 plus its subdirectories). 0 for an orphan.</param>
/// <param name="SizeBytes">File length; target length of a symlink; for a directory its number of entries times 32.</param>
/// <param name="AllocatedBytes">Block size times the number of content blocks that are not all zero: what st_blocks shows.</param>
/// <param name="AccessTime">Set at creation and by SetAttributes only: reads leave the state alone (as with noatime).</param>
/// <param name="ModifyTime">Last change of content.</param>
/// <param name="ChangeTime">Last change of content or attributes.</param>
/// <param name="RawDevice">Linux's encoding of major and minor number, for device nodes.</param>
/// <param name="Change">Counts up at every change of content or attributes; a cache with an equal number is current.</param>
public sealed record Attributes(
    ObjectType Type,
    ushort Mode,
    uint Uid,
    uint Gid,
    uint LinkCount,
    ulong SizeBytes,
    ulong AllocatedBytes,
    Timestamp AccessTime,
    Timestamp ModifyTime,
    Timestamp ChangeTime,
    uint RawDevice,
    ulong Change);

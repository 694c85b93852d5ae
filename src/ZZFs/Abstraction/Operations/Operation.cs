using Agreement.Messages;

namespace ZZFs.Abstraction.Operations;

/// <summary>On whose behalf an operation runs, as the client's kernel named it; the export list may map it.</summary>
/// <param name="Uid">User.</param>
/// <param name="Gid">Primary group.</param>
/// <param name="Groups">Supplementary groups, at most <see cref="Specification.MaximumGroups"/>.</param>
public sealed record Credentials(uint Uid, uint Gid, IReadOnlyList<uint> Groups)
{
    /// <summary>The superuser.</summary>
    public static Credentials Superuser { get; } = new(0, 0, []);
}

/// <summary>One file operation. Names and data are byte strings; every field is checked when it is executed.</summary>
public abstract record Operation;

/// <summary>Finds <paramref name="Name"/> in a directory. Result: Object, Attributes; on ENOENT too the Directory's state.</summary>
public sealed record Lookup(ObjectId Directory, ReadOnlyMemory<byte> Name) : Operation;

/// <summary>Result: Attributes.</summary>
public sealed record GetAttributes(ObjectId Object) : Operation;

/// <summary>Which attributes <see cref="SetAttributes"/> sets.</summary>
[Flags]
public enum AttributeMask : ushort
{
#pragma warning disable CS1591 // Each names the attribute that is set.
    None = 0,
    Mode = 1,
    Uid = 2,
    Gid = 4,
    Size = 8,
    AccessTime = 16,
    ModifyTime = 32,
    AccessTimeNow = 64,
    ModifyTimeNow = 128,
#pragma warning restore CS1591
}

/// <summary>
/// Sets the masked attributes, with the permission rules of chmod, chown, truncate and utimensat.
/// <paramref name="Authorized"/> says that the caller holds an open descriptor for writing, so that a size change
/// needs no permission bits (as ftruncate). Result: Attributes.
/// </summary>
public sealed record SetAttributes(
    ObjectId Object,
    AttributeMask Mask,
    ushort Mode,
    uint Uid,
    uint Gid,
    ulong SizeBytes,
    Timestamp AccessTime,
    Timestamp ModifyTime,
    bool Authorized) : Operation;

/// <summary>Checks permission as access(2); <paramref name="Permissions"/> has read = 4, write = 2, execute = 1. Result: Attributes.</summary>
public sealed record CheckAccess(ObjectId Object, byte Permissions) : Operation;

/// <summary>Result: Data, the target.</summary>
public sealed record ReadLink(ObjectId Object) : Operation;

/// <summary>
/// Reads up to <paramref name="Count"/> bytes. <paramref name="Authorized"/>: see <see cref="SetAttributes"/> (a
/// descriptor open for reading). Result: Data (short only at the end of the file), EndOfData, Attributes.
/// </summary>
public sealed record Read(ObjectId Object, ulong Offset, uint Count, bool Authorized) : Operation;

/// <summary>
/// Writes all of <paramref name="Data"/> or nothing; at the end of the file when <paramref name="Append"/> (Offset is
/// ignored then). Clears set-user-ID and set-group-ID as write(2) does. Result: Attributes, Number = the offset written at.
/// </summary>
public sealed record Write(ObjectId Object, ulong Offset, ReadOnlyMemory<byte> Data, bool Append, bool Authorized) : Operation;

/// <summary>
/// Creates a regular file, or, unless <paramref name="Exclusive"/>, returns the one that is there (EEXIST otherwise).
/// Result: Object, Attributes, Directory, Number = 1 if it was created now.
/// </summary>
public sealed record Create(ObjectId Directory, ReadOnlyMemory<byte> Name, ushort Mode, bool Exclusive) : Operation;

/// <summary>Creates a directory. Result: Object, Attributes, Directory.</summary>
public sealed record MakeDirectory(ObjectId Directory, ReadOnlyMemory<byte> Name, ushort Mode) : Operation;

/// <summary>Creates a symlink. Result: Object, Attributes, Directory.</summary>
public sealed record MakeSymlink(ObjectId Directory, ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Target) : Operation;

/// <summary>Creates a fifo, socket, device node or regular file. Result: Object, Attributes, Directory.</summary>
public sealed record MakeNode(ObjectId Directory, ReadOnlyMemory<byte> Name, ObjectType Type, ushort Mode, uint RawDevice) : Operation;

/// <summary>Gives <paramref name="Object"/> (not a directory) one more name. Result: Object, Attributes, Directory.</summary>
public sealed record Link(ObjectId Object, ObjectId Directory, ReadOnlyMemory<byte> Name) : Operation;

/// <summary>
/// Removes the name of a non-directory. When that was the last name and <paramref name="KeepOrphan"/> is set, the object
/// stays as an orphan of the calling session until <see cref="ReleaseOrphan"/> or the session's end.
/// Result: Object, Attributes (after), Directory.
/// </summary>
public sealed record Unlink(ObjectId Directory, ReadOnlyMemory<byte> Name, bool KeepOrphan) : Operation;

/// <summary>Removes an empty directory. Result: Object, Directory.</summary>
public sealed record RemoveDirectory(ObjectId Directory, ReadOnlyMemory<byte> Name) : Operation;

/// <summary>How <see cref="Rename"/> treats an existing target.</summary>
public enum RenameMode : byte
{
    /// <summary>Replace it, as rename(2).</summary>
    Replace = 0,

    /// <summary>EEXIST (RENAME_NOREPLACE).</summary>
    NoReplace = 1,

    /// <summary>Swap the two (RENAME_EXCHANGE).</summary>
    Exchange = 2,
}

/// <summary>
/// Renames. <paramref name="KeepOrphan"/> as in <see cref="Unlink"/>, for the replaced object.
/// Result: Object and Attributes of the moved one; Directory (source), SecondDirectory (target);
/// SecondObject = the replaced or exchanged object, if any.
/// </summary>
public sealed record Rename(
    ObjectId SourceDirectory,
    ReadOnlyMemory<byte> SourceName,
    ObjectId TargetDirectory,
    ReadOnlyMemory<byte> TargetName,
    RenameMode Mode,
    bool KeepOrphan) : Operation;

/// <summary>
/// Lists entries in byte order of their names, those after <paramref name="After"/> (empty: from the start; "." and ".."
/// are not stored). At most <paramref name="MaximumEntries"/> and about <paramref name="MaximumBytes"/> of encoded result.
/// Result: Entries (with attributes), EndOfData, Attributes (of the directory).
/// </summary>
public sealed record ReadDirectory(ObjectId Directory, ReadOnlyMemory<byte> After, uint MaximumEntries, uint MaximumBytes) : Operation;

/// <summary>Result: Statistics.</summary>
public sealed record GetStatistics : Operation;

/// <summary>Does nothing when executed; its reply is released once everything up to its number is durable. Result: none.</summary>
public sealed record Sync(ObjectId Object) : Operation;

/// <summary>Result: Data, the value; ENODATA when there is none.</summary>
public sealed record GetXattr(ObjectId Object, ReadOnlyMemory<byte> Name) : Operation;

/// <summary>Sets an extended attribute; <paramref name="Flags"/> 1 = must not exist (EEXIST), 2 = must exist (ENODATA). Result: Attributes.</summary>
public sealed record SetXattr(ObjectId Object, ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value, byte Flags) : Operation;

/// <summary>Result: Data, the names in byte order, each followed by NUL.</summary>
public sealed record ListXattrs(ObjectId Object) : Operation;

/// <summary>Result: Attributes.</summary>
public sealed record RemoveXattr(ObjectId Object, ReadOnlyMemory<byte> Name) : Operation;

/// <summary>Modes of <see cref="Allocate"/>, with fallocate(2)'s numbers.</summary>
[Flags]
public enum AllocateMode : uint
{
    /// <summary>Extend the file if the range ends past it.</summary>
    Default = 0,

    /// <summary>Leave the size alone.</summary>
    KeepSize = 1,

    /// <summary>Make a hole; with KeepSize.</summary>
    PunchHole = 2,

    /// <summary>Make the range read as zeros.</summary>
    ZeroRange = 16,
}

/// <summary>fallocate(2). Result: Attributes.</summary>
public sealed record Allocate(ObjectId Object, AllocateMode Mode, ulong Offset, ulong Length, bool Authorized) : Operation;

/// <summary>SEEK_DATA, or SEEK_HOLE when <paramref name="Hole"/>; ENXIO past the end. Result: Number, the offset.</summary>
public sealed record Seek(ObjectId Object, ulong Offset, bool Hole) : Operation;

/// <summary>copy_file_range(2). Result: Number, the bytes copied; Attributes of the target.</summary>
public sealed record CopyRange(ObjectId Source, ulong SourceOffset, ObjectId Target, ulong TargetOffset, ulong Length) : Operation;

/// <summary>Kinds of byte-range lock.</summary>
public enum LockKind : byte
{
    /// <summary>Shared.</summary>
    Read = 0,

    /// <summary>Exclusive.</summary>
    Write = 1,

    /// <summary>None.</summary>
    Unlock = 2,
}

/// <summary>
/// Takes, changes or releases a lock of the calling session on [Start, End] (End inclusive). <paramref name="WholeFile"/>
/// marks flock(2) locks, which don't conflict with record locks. EAGAIN when another owner (session, owner) conflicts:
/// the client asks again if its caller wants to wait. Result: none, or Conflict.
/// </summary>
public sealed record SetLock(ObjectId Object, ulong Owner, ulong Start, ulong End, LockKind Kind, uint ProcessId, bool WholeFile) : Operation;

/// <summary>Which lock would stand in the way. Result: Conflict, or nothing.</summary>
public sealed record TestLock(ObjectId Object, ulong Owner, ulong Start, ulong End, LockKind Kind) : Operation;

/// <summary>The last descriptor of an orphan was closed: frees it. Result: none.</summary>
public sealed record ReleaseOrphan(ObjectId Object) : Operation;

/// <summary>
/// Several operations executed as one entry of the order, stopping after the first that fails.
/// <see cref="ObjectId.Current"/> stands for the object that the previous one returned. No compound inside a compound.
/// Result: Parts, one for each operation executed; Error that of the last.
/// </summary>
public sealed record Compound(IReadOnlyList<Operation> Operations) : Operation;

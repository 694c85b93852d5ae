namespace ZZFs.Abstraction.Operations;

/// <summary>
/// A directory's change counter before an operation and its attributes after it. A client whose cached counter equals
/// <paramref name="ChangeBefore"/> knows that nobody else changed the directory in between (as NFSv3's wcc_data).
/// </summary>
public sealed record DirectoryState(ulong ChangeBefore, Attributes After);

/// <summary>One entry of a directory listing.</summary>
public sealed record DirectoryEntry(ReadOnlyMemory<byte> Name, ObjectId Object, Attributes Attributes);

/// <summary>A lock that stands in the way.</summary>
public sealed record LockConflict(ulong Start, ulong End, LockKind Kind, uint ProcessId);

/// <summary>Size and use of the volume, in abstract numbers.</summary>
public sealed record VolumeStatistics(ulong TotalBytes, ulong UsedBytes, ulong TotalObjects, ulong UsedObjects);

/// <summary>
/// What an operation returned. Which parts are set depends on the operation (see there); equal abstract state and equal
/// operation give equal bytes on every replica.
/// </summary>
public sealed record OperationResult
{
    /// <summary>None on success.</summary>
    public Errno Error { get; init; }

    /// <summary>The object concerned.</summary>
    public ObjectId? Object { get; init; }

    /// <summary>A second object, where an operation concerns two.</summary>
    public ObjectId? SecondObject { get; init; }

    /// <summary>Attributes after the operation.</summary>
    public Attributes? Attributes { get; init; }

    /// <summary>The directory concerned.</summary>
    public DirectoryState? Directory { get; init; }

    /// <summary>A second directory, for rename.</summary>
    public DirectoryState? SecondDirectory { get; init; }

    /// <summary>Bytes read: file content, link target, extended attribute.</summary>
    public ReadOnlyMemory<byte>? Data { get; init; }

    /// <summary>A count or an offset.</summary>
    public ulong? Number { get; init; }

    /// <summary>Whether the end of file or directory was reached.</summary>
    public bool EndOfData { get; init; }

    /// <summary>Directory entries.</summary>
    public IReadOnlyList<DirectoryEntry>? Entries { get; init; }

    /// <summary>Use of the volume.</summary>
    public VolumeStatistics? Statistics { get; init; }

    /// <summary>A lock in the way.</summary>
    public LockConflict? Conflict { get; init; }

    /// <summary>Results of a compound.</summary>
    public IReadOnlyList<OperationResult>? Parts { get; init; }

    /// <summary>A result that says only that it worked.</summary>
    public static OperationResult Success { get; } = new();

    /// <summary>A failure.</summary>
    public static OperationResult Failed(Errno error) => new() { Error = error };
}

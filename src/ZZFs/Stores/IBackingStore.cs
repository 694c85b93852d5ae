using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// What the conformance wrapper asks of a file system or database beneath it: to keep abstract objects, their content
/// blocks and directory entries, and a sorted map of the wrapper's own metadata, and to return to the last commit when
/// the process dies. It decides nothing: permissions, limits and errors are the wrapper's.
/// </summary>
/// <remarks>
/// <para>
/// A store with a real directory tree makes a file for a new object, gives it its names in <see cref="AddEntry"/>,
/// <see cref="MoveEntry"/> and <see cref="RemoveEntry"/>, and removes it in <see cref="DropObject"/>; it keeps object records
/// and metadata in a file of its own beside the tree, so that one snapshot holds both.
/// </para>
/// <para>
/// Retained versions, which come later: a tree store snapshots in constant time at <see cref="Commit"/>. A database keys its
/// rows by (object, block, birth), birth being the checkpoint after which the row was written, reads the newest birth
/// at or below the version asked for, and drops a row once no retained version lies between its birth and that of
/// its successor. The interface stays as it is; a read-only second instance serves the old version.
/// </para>
/// </remarks>
public interface IBackingStore : IStoreView
{
    /// <summary>
    /// Announces a new object at a free place, before its content and names. Type and device number are final;
    /// other attributes, and the record itself, may come as late as the commit.
    /// </summary>
    void MakeObject(ObjectRecord record);

    /// <summary>
    /// Announces that an object is gone, after its blocks and entries were removed. Its place may be given to a new object
    /// before the record of the old one is written.
    /// </summary>
    void DropObject(uint index);

    /// <summary>Writes a record. A record of type <see cref="ObjectType.Null"/> frees the place and keeps its generation.</summary>
    /// <remarks>The object's blocks and entries were removed before.</remarks>
    void WriteObject(ObjectRecord record);

    /// <summary>Stores a block in its canonical form: without the zeros at its end, and never empty.</summary>
    void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content);

    /// <summary>Makes holes of the blocks from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    /// <returns>How many were stored.</returns>
    ulong RemoveBlocks(uint index, ulong first, ulong last);

    /// <summary>Gives an object a name that is free.</summary>
    void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target);

    /// <summary>Frees a name. The object stays until its record is overwritten.</summary>
    void RemoveEntry(uint directory, ReadOnlySpan<byte> name);

    /// <summary>Renames to a name that is free.</summary>
    void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName);

    /// <summary>Swaps what two names stand for.</summary>
    void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName);

    /// <summary>Writes or replaces a metadata record.</summary>
    void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Removes the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/>.</summary>
    void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to);

    /// <summary>Makes everything since the last commit durable, all or nothing, before it returns.</summary>
    void Commit();

    /// <summary>Abandons everything since the last commit.</summary>
    void Rollback();
}

using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// What the conformance wrapper asks of a file system or database beneath it: to keep abstract objects, their content
/// blocks and directory entries, and a sorted map of the wrapper's own metadata, and versions of all that. It decides
/// nothing: permissions, limits and errors are the wrapper's.
/// </summary>
/// <remarks>
/// <para>
/// A store with a real directory tree makes a file for a new object, gives it its names in <see cref="AddEntry"/>,
/// <see cref="MoveEntry"/> and <see cref="RemoveEntry"/>, and removes it in <see cref="DropObject"/>; it keeps object records
/// and metadata in a file of its own beside the tree, so that one snapshot holds both.
/// </para>
/// <para>
/// Versions are retained states, which the caller numbers, chooses and drops: a store drops none by itself, except those that
/// were not whole and durable when it is opened. When the process dies, the store opens as it was at its newest version: the
/// last that was hardened, or a later one. Used from one thread, but for <see cref="Harden"/> and the views of versions.
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

    /// <summary>The numbers of the retained versions, in rising order; after an open only whole, durable ones.</summary>
    IReadOnlyList<ulong> Versions { get; }

    /// <summary>Bytes on disk that the store takes, all versions together.</summary>
    long DiskBytes { get; }

    /// <summary>
    /// Keeps the present state as a version, all or nothing; there for good once <see cref="Harden"/> returned. Execution stands
    /// still only as long as this call.
    /// </summary>
    /// <param name="number">Above those of all retained versions, and of 0.</param>
    void Commit(ulong number);

    /// <summary>
    /// Waits until a version is on disk. May be called from another thread, while the store's goes on reading, writing and
    /// committing.
    /// </summary>
    /// <exception cref="StoreException">The disk failed.</exception>
    void Harden(ulong number);

    /// <summary>
    /// Reads a version, which is not dropped meanwhile. The view is used from one thread at a time, which may be another than the
    /// store's, while the store goes on; it is closed before the store is.
    /// </summary>
    IStoreView OpenVersion(ulong number);

    /// <summary>Gives a version up. False when somebody reads it, or the backing system can't now: try again later.</summary>
    /// <remarks>It may be there again when the process dies soon after.</remarks>
    bool TryDrop(ulong number);

    /// <summary>
    /// Abandons everything after a version, later versions included, of which no view is open; 0 empties the store.
    /// </summary>
    void Rollback(ulong number);
}

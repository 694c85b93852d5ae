using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>Sees one directory entry; valid during the call only. Returns whether it wants the next.</summary>
public delegate bool EntryVisitor(ReadOnlySpan<byte> name, ObjectId target);

/// <summary>Sees one metadata record; valid during the call only. Returns whether it wants the next.</summary>
public delegate bool MetadataVisitor(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

/// <summary>
/// What can be read of a store: abstract objects, their content blocks and directory entries, and a sorted map of the
/// conformance wrapper's own metadata.
/// </summary>
/// <remarks>Used from one thread at a time. Visitors may read from the store, and must not change it.</remarks>
public interface IStoreView : IDisposable
{
    /// <summary>The record of a place of the object array; null when nothing was ever written there.</summary>
    /// <exception cref="StoreDamagedException">What is stored can't be a record.</exception>
    ObjectRecord? ReadObject(uint index);

    /// <summary>Reads a content block into the start of <paramref name="destination"/> (a full block) and zeroes the rest.</summary>
    /// <returns>False when the block is a hole; the destination is then all zero.</returns>
    bool ReadBlock(uint index, ulong block, Span<byte> destination);

    /// <summary>Whether the block is stored, that is, not a hole.</summary>
    bool HasBlock(uint index, ulong block);

    /// <summary>The first stored block from <paramref name="first"/> to <paramref name="last"/>; null when all are holes.</summary>
    ulong? NextBlock(uint index, ulong first, ulong last);

    /// <summary>What a name of a directory stands for; null when it is free.</summary>
    ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name);

    /// <summary>Visits entries in byte order of their names: those at (if <paramref name="inclusive"/>) or after <paramref name="from"/>.</summary>
    void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor);

    /// <summary>A metadata record; null when there is none.</summary>
    byte[]? ReadMetadata(ReadOnlySpan<byte> key);

    /// <summary>The greatest key with <paramref name="low"/> ≤ key ≤ <paramref name="high"/>; null when there is none.</summary>
    byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high);

    /// <summary>Visits the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/> in byte order of their keys.</summary>
    void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor);
}

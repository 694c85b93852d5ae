using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>What can be read of the digests of one version: a sorted map of small records.</summary>
/// <remarks>Used from one thread at a time. Visitors may read, and must not change anything.</remarks>
public interface IDigestView : IDisposable
{
    /// <summary>A record; null when there is none.</summary>
    byte[]? Read(ReadOnlySpan<byte> key);

    /// <summary>The greatest key with <paramref name="low"/> ≤ key ≤ <paramref name="high"/>; null when there is none.</summary>
    byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high);

    /// <summary>Visits the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/> in byte order of their keys.</summary>
    void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor);
}

/// <summary>The same, with records that are written: all that computing a digest needs.</summary>
public interface IDigestMap : IDigestView
{
    /// <summary>Writes or replaces a record.</summary>
    void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>Removes the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/>.</summary>
    void Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to);
}

/// <summary>
/// Keeps the inner nodes of all Merkle trees, a version for each checkpoint whose digests are finished. It lies beside the
/// backing store and not in it, since the digests of a snapshot are only known when the snapshot is long taken.
/// </summary>
/// <remarks>
/// Nothing here can't be computed again from the files. Whoever finds it damaged says <see cref="StoreDamagedException"/>, and
/// the keeper starts anew.
/// </remarks>
public interface IDigestStore : IDigestMap
{
    /// <summary>The versions there are, in rising order.</summary>
    IReadOnlyList<ulong> Versions { get; }

    /// <summary>The last version that was committed or gone back to; remembered also when the digests themselves are lost. 0 for none.</summary>
    ulong LastCommitted { get; }

    /// <summary>Makes what is here now a version, all or nothing; it is on disk when this returns.</summary>
    /// <param name="number">Above those of all others.</param>
    void Commit(ulong number);

    /// <summary>Reads a version, which must be there.</summary>
    IDigestView OpenVersion(ulong number);

    /// <summary>Gives up a version. False when somebody reads it.</summary>
    bool TryDrop(ulong number);

    /// <summary>Abandons everything after a version, later ones included; 0 empties the store.</summary>
    void Rollback(ulong number);

    /// <summary>Forgets all versions and everything else but <see cref="LastCommitted"/>: all is to be computed again.</summary>
    /// <remarks>A view that is open reads what was, and is to be closed soon.</remarks>
    void Clear();
}

using System.IO.Hashing;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>What a directory cache says of a name.</summary>
public enum NameKnowledge
{
    /// <summary>Nothing: ask.</summary>
    Unknown,

    /// <summary>The name leads to an object.</summary>
    Present,

    /// <summary>There is no such name.</summary>
    Absent,
}

/// <summary>The directories whose names are remembered. Bounded by names: the least recently used directories are forgotten.</summary>
/// <param name="maximumNames">Most names of all directories.</param>
/// <param name="maximumAgeMilliseconds">How long names count since the directory was last known to be unchanged.</param>
public sealed class DirectoryCache(long maximumNames, long maximumAgeMilliseconds)
{
    private readonly LruMap<ObjectId, CachedDirectory> directories = new(maximumNames);

    /// <summary>What is remembered of a directory; null when it is nothing.</summary>
    public CachedDirectory? Find(ObjectId id) => !SnapshotId.IsHidden(id) && directories.TryGet(id, out CachedDirectory? directory) ? directory : null;

    /// <summary>Remembers that a directory exists with this counter, and nothing else of it yet.</summary>
    public CachedDirectory FindOrAdd(ObjectId id, ulong change, long asOfMilliseconds)
    {
        if (directories.TryGet(id, out CachedDirectory? known))
            return known;
        CachedDirectory added = new(change, asOfMilliseconds, maximumAgeMilliseconds);
        if (!SnapshotId.IsHidden(id))
            directories.Set(id, added);
        return added;
    }

    /// <summary>Accounts for the names that a directory holds now.</summary>
    public void Recount(ObjectId id, CachedDirectory directory)
    {
        if (directories.TryGet(id, out CachedDirectory? known) && known == directory)
            directories.Set(id, directory, 1 + directory.Count);
    }

    /// <summary>Forgets a directory that is gone.</summary>
    public void Remove(ObjectId id) => directories.Remove(id);
}

/// <summary>
/// The names of one directory, as far as this client knows them. They are right as long as the directory's change
/// counter moved by own operations only, and count for a bounded time since it was last seen.
/// </summary>
public sealed class CachedDirectory
{
    private readonly long maximumAgeMilliseconds;
    private readonly Dictionary<byte[], ObjectId?> names = new(NameComparer.Instance);
    private readonly Dictionary<byte[], ObjectId?>.AlternateLookup<ReadOnlySpan<byte>> bySpan;
    private readonly ChangeChain chain;
    private long asOf;

    internal CachedDirectory(ulong change, long asOfMilliseconds, long maximumAgeMilliseconds)
    {
        this.maximumAgeMilliseconds = maximumAgeMilliseconds;
        bySpan = names.GetAlternateLookup<ReadOnlySpan<byte>>();
        chain = new ChangeChain(change);
        asOf = asOfMilliseconds;
    }

    /// <summary>Whether every name of the directory is known.</summary>
    public bool Complete { get; private set; }

    /// <summary>The directory's counter at which the names are right.</summary>
    public ulong Change => chain.Current;

    /// <summary>Names remembered.</summary>
    public int Count => names.Count;

    /// <summary>Names that had to be asked for since the last listing: many are a reason to list.</summary>
    public int Misses { get; set; }

    /// <summary>Until when listing it for the sake of its names isn't worth trying again: it is too large.</summary>
    public long NoListingBefore { get; set; } = long.MinValue;

    /// <summary>For how long names still count at <paramref name="nowMilliseconds"/>; 0 or less: they don't.</summary>
    public long ValidMilliseconds(long nowMilliseconds) => chain.Certain ? asOf + maximumAgeMilliseconds - nowMilliseconds : 0;

    /// <summary>What is remembered of a name, whether or not it still counts.</summary>
    public NameKnowledge Find(ReadOnlySpan<byte> name, out ObjectId id)
    {
        id = default;
        if (!bySpan.TryGetValue(name, out ObjectId? found))
            return Complete ? NameKnowledge.Absent : NameKnowledge.Unknown;
        id = found ?? default;
        return found is null ? NameKnowledge.Absent : NameKnowledge.Present;
    }

    /// <summary>The names that lead somewhere, in byte order.</summary>
    public List<(byte[] Name, ObjectId Id)> Present()
    {
        List<(byte[] Name, ObjectId Id)> present = new(names.Count);
        foreach ((byte[] name, ObjectId? id) in names)
        {
            if (id is ObjectId known)
                present.Add((name, known));
        }

        present.Sort(static (left, right) => left.Name.AsSpan().SequenceCompareTo(right.Name));
        return present;
    }

    /// <summary>Takes note of the counter in a result of an operation submitted at <paramref name="asOfMilliseconds"/>.</summary>
    public void Observe(ulong change, long asOfMilliseconds)
    {
        if (chain.Observe(change))
            Clear();
        Refresh(change, asOfMilliseconds);
    }

    /// <summary>An own operation that changes names was submitted.</summary>
    public void Begin() => chain.Begin();

    /// <summary>It has ended.</summary>
    /// <param name="state">The directory's state in its result; null when nothing was changed.</param>
    /// <param name="outcomeKnown">Whether the result says what happened.</param>
    /// <param name="asOfMilliseconds">When it was submitted.</param>
    public void End(DirectoryState? state, bool outcomeKnown, long asOfMilliseconds)
    {
        if (state is not null)
            chain.Record(state.ChangeBefore, state.After.Change);
        if (!outcomeKnown)
            chain.RecordUnknown();
        if (chain.End())
            Clear();
        if (state is not null)
            Refresh(state.After.Change, asOfMilliseconds);
    }

    /// <summary>
    /// Remembers where a name leads (null: nowhere) in the directory as it was at counter <paramref name="change"/>;
    /// ignored if that is not the present one.
    /// </summary>
    public void Set(ReadOnlySpan<byte> name, ObjectId? id, ulong change)
    {
        if (change != chain.Current)
            return;
        if (id is null && Complete)
            bySpan.Remove(name);
        else
            bySpan[name] = id;
    }

    /// <summary>Remembers a whole listing taken at counter <paramref name="change"/>; ignored if that is not the present one.</summary>
    public void SetAll(IReadOnlyList<(byte[] Name, ObjectId Id)> listing, ulong change)
    {
        if (change != chain.Current)
            return;
        Clear();
        foreach ((byte[] name, ObjectId id) in listing)
            names[name] = id;
        Complete = true;
        Misses = 0;
    }

    private void Refresh(ulong change, long asOfMilliseconds)
    {
        if (change == chain.Current)
            asOf = Math.Max(asOf, asOfMilliseconds);
    }

    private void Clear()
    {
        names.Clear();
        Complete = false;
    }
}

/// <summary>Compares names as byte strings.</summary>
internal sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    /// <summary>The only one.</summary>
    public static NameComparer Instance { get; } = new();

    /// <inheritdoc/>
    public bool Equals(byte[]? left, byte[]? right) => left.AsSpan().SequenceEqual(right);

    /// <inheritdoc/>
    public int GetHashCode(byte[] name) => GetHashCode((ReadOnlySpan<byte>)name);

    /// <inheritdoc/>
    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    /// <inheritdoc/>
    public int GetHashCode(ReadOnlySpan<byte> alternate) => (int)XxHash3.HashToUInt64(alternate);

    /// <inheritdoc/>
    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>
/// The content digest of a directory: a Merkle tree over ranges of its sorted entries whose bounds follow from the names
/// themselves, so that it is a function of the entries alone, whatever the order in which they came, and one change
/// touches one range of each level.
/// </summary>
/// <remarks>
/// A name's rank is the number of low zero bits of the first eight bytes (little-endian) of its SHA-256. Names of rank 5
/// and more (1 of 32) begin a range of level 0, those of rank 12 and more (1 of 4,096) also one of level 1; the first range
/// of each level begins with the empty name. (The idea is that of skip lists and of content-defined chunking. Somebody who
/// chooses names of low rank only makes ranges long and costs us time, never correctness.)
/// <code>
/// level 0   SHA-256( 0x02  for each entry of the range: u32 length, name, u32 index, u64 generation )
/// level 1   SHA-256( 0x03  for each range of level 0 in it: u32 length, first name, digest )
/// root      SHA-256( 0x04  for each range of level 1: u32 length, first name, digest ); zero without entries
/// </code>
/// A level-0 range with the first names around it proves an entry, its absence, or a piece of a listing. The ranges of
/// directories with more than <see cref="FlatEntries"/> entries are stored; smaller ones are hashed anew.
/// </remarks>
internal sealed class DirectoryDigest(IDigestMap nodes)
{
    /// <summary>Up to here hashing all entries is cheaper than keeping ranges.</summary>
    public const int FlatEntries = 64;

    /// <summary>Levels of ranges below the root.</summary>
    public const int Levels = 2;

    private const byte EntriesTag = 2;

    private static readonly int[] RankOfLevel = [5, 12];

    private readonly IncrementalHash[] hashes = [Sha256(), Sha256(), Sha256()];

    /// <summary>Whether a name begins a range of a level, if it is there.</summary>
    public static bool BeginsRange(ReadOnlySpan<byte> name, int level) => Rank(name) >= RankOfLevel[level];

    /// <summary>The digest of entries (level 0) or ranges of the level below, as they are hashed, without the tag; the root has level 2.</summary>
    public static Digest OfLevel(int level, ReadOnlySpan<byte> encoded) => StateDigest.OfTagged((byte)(EntriesTag + level), encoded);

    /// <summary>The digest of the present entries.</summary>
    /// <param name="view">Where the entries are.</param>
    /// <param name="directory">Place of the directory.</param>
    /// <param name="entries">How many entries it has.</param>
    /// <param name="settledEntries">How many it had when this was last called, which says whether ranges are stored.</param>
    /// <param name="changedNames">Names that were added, removed or given to other objects since; may repeat.</param>
    public Digest Settle(
        IStoreView view, uint directory, ulong entries, ulong settledEntries, IEnumerable<byte[]> changedNames)
    {
        if (entries > FlatEntries && settledEntries > FlatEntries)
            return Update(view, directory, changedNames);
        return Rebuild(view, directory, entries, settledEntries);
    }

    /// <summary>As <see cref="Settle"/>, whatever changed.</summary>
    public Digest Rebuild(IStoreView view, uint directory, ulong entries, ulong settledEntries)
    {
        Drop(directory, settledEntries);
        return entries == 0 ? Digest.Zero : Build(view, directory, keep: entries > FlatEntries);
    }

    /// <summary>Forgets the stored ranges of a directory.</summary>
    public void Drop(uint directory, ulong settledEntries)
    {
        if (settledEntries <= FlatEntries)
            return;
        byte[] prefix = DigestKey.Of(DigestKind.EntryRange, directory);
        nodes.Remove(prefix, MetadataKey.After(prefix));
    }

    // One pass over everything: each level is closed when a name begins its next range.
    private Digest Build(IStoreView view, uint directory, bool keep)
    {
        byte[] start = [];
        byte[] middleStart = [];
        var ranges = new List<(int Level, byte[] Start, Digest Digest)>();
        Begin(0);
        Begin(1);
        Begin(2);
        view.ListEntries(directory, [], inclusive: true, (name, target) =>
        {
            int rank = Rank(name);
            if (rank >= RankOfLevel[0])
            {
                ranges.Add((0, start, Close(0, start)));
                start = name.ToArray();
            }

            if (rank >= RankOfLevel[1])
            {
                ranges.Add((1, middleStart, Close(1, middleStart)));
                middleStart = name.ToArray();
            }

            AppendEntry(name, target);
            return true;
        });
        ranges.Add((0, start, Close(0, start)));
        ranges.Add((1, middleStart, Close(1, middleStart)));
        if (keep)
        {
            foreach ((int level, byte[] first, Digest digest) in ranges)
                WriteRange(directory, level, first, digest);
        }

        return Finish(2);
    }

    private Digest Update(IStoreView view, uint directory, IEnumerable<byte[]> changedNames)
    {
        SortedSet<byte[]> starts = MoveBounds(view, directory, new SortedSet<byte[]>(changedNames, ByteOrder.Instance));
        var middleStarts = new SortedSet<byte[]>(ByteOrder.Instance);
        foreach (byte[] start in starts)
        {
            byte[]? end = NextStart(directory, 0, start);
            Begin(0);
            view.ListEntries(directory, start, inclusive: true, (name, target) =>
            {
                if (end is not null && name.SequenceCompareTo(end) >= 0)
                    return false;
                AppendEntry(name, target);
                return true;
            });
            WriteRange(directory, 0, start, Finish(0));
            middleStarts.Add(StartAt(directory, 1, start));
        }

        foreach (byte[] start in middleStarts)
            WriteRange(directory, 1, start, HashRanges(directory, 0, start, NextStart(directory, 1, start)));
        return HashRanges(directory, 1, [], null);
    }

    // Adds and removes range bounds as the changed names demand. Returns the starts of the level-0 ranges to hash again:
    // those that hold a changed name, and those that were cut or grew because a bound came or went.
    private SortedSet<byte[]> MoveBounds(IStoreView view, uint directory, SortedSet<byte[]> names)
    {
        var starts = new SortedSet<byte[]>(ByteOrder.Instance);
        foreach (byte[] name in names)
        {
            for (int level = 0; level < Levels && Rank(name) >= RankOfLevel[level]; level++)
            {
                byte[] key = DigestKey.OfRange(directory, level, name);
                nodes.Remove(key, [.. key, 0]);
            }
        }

        foreach (byte[] name in names)
        {
            starts.Add(StartAt(directory, 0, name));
            if (Rank(name) < RankOfLevel[0] || view.FindEntry(directory, name) is null)
                continue;
            for (int level = 0; level < Levels && Rank(name) >= RankOfLevel[level]; level++)
                WriteRange(directory, level, name, Digest.Zero);
            starts.Add(name);
        }

        return starts;
    }

    private Digest HashRanges(uint directory, int level, byte[] start, byte[]? end)
    {
        byte[] prefix = DigestKey.OfRange(directory, level, []);
        byte[] to = end is null ? MetadataKey.After(prefix) : DigestKey.OfRange(directory, level, end);
        Begin(level + 1);
        nodes.List(DigestKey.OfRange(directory, level, start), to, (key, value) =>
        {
            if (value.Length != Digest.SizeBytes)
                throw Damaged(directory);
            AppendRange(level + 1, key[prefix.Length..], value);
            return true;
        });
        return Finish(level + 1);
    }

    private byte[] StartAt(uint directory, int level, byte[] name)
    {
        byte[] prefix = DigestKey.OfRange(directory, level, []);
        byte[]? key = nodes.LastKey(prefix, DigestKey.OfRange(directory, level, name));
        return key is null ? throw Damaged(directory) : key[prefix.Length..];
    }

    private byte[]? NextStart(uint directory, int level, byte[] start)
    {
        byte[] prefix = DigestKey.OfRange(directory, level, []);
        byte[]? next = null;
        nodes.List([.. DigestKey.OfRange(directory, level, start), 0], MetadataKey.After(prefix), (key, _) =>
        {
            next = key[prefix.Length..].ToArray();
            return false;
        });
        return next;
    }

    private void WriteRange(uint directory, int level, byte[] start, Digest digest)
    {
        Span<byte> value = stackalloc byte[Digest.SizeBytes];
        digest.CopyTo(value);
        nodes.Write(DigestKey.OfRange(directory, level, start), value);
    }

    // Ends a range, makes it a child of the level above, and begins the next.
    private Digest Close(int level, byte[] start)
    {
        Digest digest = Finish(level);
        Span<byte> value = stackalloc byte[Digest.SizeBytes];
        digest.CopyTo(value);
        AppendRange(level + 1, start, value);
        Begin(level);
        return digest;
    }

    private void Begin(int level)
    {
        Span<byte> discarded = stackalloc byte[Digest.SizeBytes];
        hashes[level].GetHashAndReset(discarded);
        hashes[level].AppendData([(byte)(EntriesTag + level)]);
    }

    private Digest Finish(int level)
    {
        Span<byte> hash = stackalloc byte[Digest.SizeBytes];
        hashes[level].GetHashAndReset(hash);
        return new Digest(hash);
    }

    private void AppendEntry(ReadOnlySpan<byte> name, ObjectId target)
    {
        Span<byte> entry = stackalloc byte[sizeof(uint) + Specification.MaximumNameBytes + ObjectId.SizeBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)name.Length);
        name.CopyTo(entry[4..]);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[(4 + name.Length)..], target.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[(8 + name.Length)..], target.Generation);
        hashes[0].AppendData(entry[..(16 + name.Length)]);
    }

    private void AppendRange(int level, ReadOnlySpan<byte> start, ReadOnlySpan<byte> digest)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)start.Length);
        hashes[level].AppendData(length);
        hashes[level].AppendData(start);
        hashes[level].AppendData(digest);
    }

    private static int Rank(ReadOnlySpan<byte> name)
    {
        Span<byte> hash = stackalloc byte[Digest.SizeBytes];
        SHA256.HashData(name, hash);
        return System.Numerics.BitOperations.TrailingZeroCount(BinaryPrimitives.ReadUInt64LittleEndian(hash));
    }

    private static IncrementalHash Sha256() => IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private static StoreDamagedException Damaged(uint directory) =>
        new($"the store is damaged: the digests of directory {directory} can't be read");
}

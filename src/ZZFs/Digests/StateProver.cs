using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Makes the proofs that <see cref="StateProof"/> verifies, from a version and its digests.</summary>
/// <param name="view">The version.</param>
/// <param name="digests">Its digests, of the same number.</param>
/// <param name="limits">Limits of the volume.</param>
/// <remarks>
/// Each method returns null when what is asked for isn't there to be asked about (a block of what is no file), or when the
/// proof would be longer than <see cref="StateProof.MaximumBytes"/>. All throw <see cref="StoreDamagedException"/> when what is
/// stored contradicts itself; a wrong digest goes unnoticed here, and is found by whoever verifies.
/// </remarks>
public sealed class StateProver(IStoreView view, IDigestView digests, VolumeLimits limits)
{
    private readonly MessageWriter writer = new();
    private readonly MessageWriter part = new();
    private readonly byte[] block = new byte[Specification.BlockBytes];

    /// <summary>Proves the attributes of an object, or that its place is free.</summary>
    public byte[]? ProveObject(uint index)
    {
        BeginObject(StateProof.ObjectProof, index, out _, out _);
        return End();
    }

    /// <summary>Proves a block of a file, or that there is a hole.</summary>
    public byte[]? ProveBlock(uint index, ulong number)
    {
        if (!BeginObject(StateProof.BlockProof, index, out ObjectRecord? file, out ObjectDigests known) || !file!.IsFile)
            return null;
        if (number >= known.Leaves)
            return End();
        Digest digest = DigestPath.Write(writer, new TreeReader(digests, DigestKind.FileNode, index), known.Content, known.Leaves, number);
        if (digest.IsZero)
            return End();
        view.ReadBlock(index, number, block);
        writer.WriteBytes(block.AsSpan(0, block.AsSpan().LastIndexOfAnyExcept((byte)0) + 1));
        return End();
    }

    /// <summary>Proves what a name of a directory stands for, or that it is free.</summary>
    public byte[]? ProveEntry(uint index, ReadOnlySpan<byte> name)
    {
        if (!BeginObject(StateProof.EntryProof, index, out ObjectRecord? directory, out ObjectDigests known) || !directory!.IsDirectory)
            return null;
        if (known.Leaves == 0)
            return End();
        List<(byte[] Start, Digest Digest)>[] ranges = known.Leaves > DirectoryDigest.FlatEntries ? StoredRanges(index, name) : FlatRanges(index, name);
        byte[] start = [];
        byte[]? end = null;
        foreach (List<(byte[] Start, Digest Digest)> level in ranges)
        {
            part.Clear();
            foreach ((byte[] first, Digest digest) in level)
            {
                part.WriteBytes(first);
                part.WriteDigest(digest);
                if (first.AsSpan().SequenceCompareTo(name) <= 0)
                    start = first;
            }

            end = level.Find(range => range.Start.AsSpan().SequenceCompareTo(start) > 0).Start ?? end;
            writer.WriteBytes(part.Written);
        }

        part.Clear();
        WriteEntries(index, start, end);
        writer.WriteBytes(part.Written);
        return End();
    }

    /// <summary>Proves all extended attributes of an object.</summary>
    public byte[]? ProveXattrs(uint index)
    {
        if (!BeginObject(StateProof.XattrsProof, index, out ObjectRecord? owner, out _))
            return null;
        if (owner!.XattrBytes == 0)
            return End();
        part.Clear();
        byte[] prefix = MetadataKey.Of(MetadataKind.Xattr, index);
        view.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            part.WriteBytes(key[prefix.Length..]);
            part.WriteBytes(value);
            return true;
        });
        writer.WriteBytes(part.Written);
        return End();
    }

    // Returns whether there is an object.
    private bool BeginObject(byte what, uint index, out ObjectRecord? record, out ObjectDigests known)
    {
        writer.Clear();
        writer.WriteByte(what);
        writer.WriteUInt64(limits.TotalBytes);
        writer.WriteUInt32(limits.TotalObjects);
        writer.WriteUInt32(limits.TotalLocks);
        Digest array = DigestKeeper.ReadRoot(digests);
        writer.WriteDigest(array);
        Digest digest = DigestPath.Write(writer, new TreeReader(digests, DigestKind.ArrayNode, 0), array, StateDigest.ArrayLeaves, index);
        record = null;
        known = default;
        if (digest.IsZero)
            return false;
        record = view.ReadObject(index) ?? throw Missing(index);
        if (record.Type != ObjectType.Null)
            known = ObjectDigests.Read(digests, index) ?? throw Missing(index);
        part.Clear();
        StateDigest.EncodeObject(record, ObjectParts.Of(view, record, known), part);
        writer.WriteBytes(part.Written);
        return record.Type != ObjectType.Null;
    }

    private byte[]? End() => writer.Length <= StateProof.MaximumBytes ? writer.ToArray() : null;

    // All ranges of the upper level, and those of the lower that are in the upper one with the name.
    private List<(byte[] Start, Digest Digest)>[] StoredRanges(uint directory, ReadOnlySpan<byte> name)
    {
        List<(byte[] Start, Digest Digest)> upper = ListRanges(directory, 1, [], null);
        int chosen = 0;
        for (int i = 0; i < upper.Count; i++)
        {
            if (upper[i].Start.AsSpan().SequenceCompareTo(name) <= 0)
                chosen = i;
        }

        return upper.Count == 0
            ? throw Missing(directory)
            : [upper, ListRanges(directory, 0, upper[chosen].Start, chosen + 1 < upper.Count ? upper[chosen + 1].Start : null)];
    }

    private List<(byte[] Start, Digest Digest)> ListRanges(uint directory, int level, byte[] start, byte[]? end)
    {
        var ranges = new List<(byte[], Digest)>();
        byte[] prefix = DigestKey.OfRange(directory, level, []);
        byte[] to = end is null ? MetadataKey.After(prefix) : DigestKey.OfRange(directory, level, end);
        digests.List(DigestKey.OfRange(directory, level, start), to, (key, value) =>
        {
            if (value.Length != Digest.SizeBytes)
                throw Missing(directory);
            ranges.Add((key[prefix.Length..].ToArray(), new Digest(value)));
            return true;
        });
        return ranges;
    }

    // As many as a small directory has; none of them is stored.
    private List<(byte[] Start, Digest Digest)>[] FlatRanges(uint directory, ReadOnlySpan<byte> name)
    {
        var starts = new List<byte[]>[] { [[]], [[]] };
        view.ListEntries(directory, [], inclusive: true, (entry, _) =>
        {
            for (int level = 0; level < DirectoryDigest.Levels && DirectoryDigest.BeginsRange(entry, level); level++)
                starts[level].Add(entry.ToArray());
            return true;
        });
        List<(byte[] Start, Digest Digest)> lower = [.. starts[0].Select((start, i) =>
        {
            part.Clear();
            WriteEntries(directory, start, i + 1 < starts[0].Count ? starts[0][i + 1] : null);
            return (start, DirectoryDigest.OfLevel(0, part.Written));
        })];
        var upper = new List<(byte[] Start, Digest Digest)>();
        List<(byte[] Start, Digest Digest)> chosen = [];
        for (int i = 0; i < starts[1].Count; i++)
        {
            byte[] start = starts[1][i];
            byte[]? end = i + 1 < starts[1].Count ? starts[1][i + 1] : null;
            List<(byte[] Start, Digest Digest)> within = lower.FindAll(range =>
                ByteOrder.Instance.Compare(range.Start, start) >= 0 && (end is null || ByteOrder.Instance.Compare(range.Start, end) < 0));
            part.Clear();
            foreach ((byte[] first, Digest digest) in within)
            {
                part.WriteBytes(first);
                part.WriteDigest(digest);
            }

            upper.Add((start, DirectoryDigest.OfLevel(1, part.Written)));
            if (start.AsSpan().SequenceCompareTo(name) <= 0)
                chosen = within;
        }

        return [upper, chosen];
    }

    private void WriteEntries(uint directory, byte[] start, byte[]? end) =>
        view.ListEntries(directory, start, inclusive: true, (name, target) =>
        {
            if (end is not null && name.SequenceCompareTo(end) >= 0)
                return false;
            part.WriteBytes(name);
            part.WriteUInt32(target.Index);
            part.WriteUInt64(target.Generation);
            return true;
        });

    private static StoreDamagedException Missing(uint index) => new($"the digests of object {index} are missing");

    private sealed class TreeReader(IDigestView view, DigestKind kind, uint index) : IDigestNodeReader
    {
        public byte[]? Read(int level, ulong number, in Digest expected) => view.Read(DigestKey.OfNode(kind, index, level, number));
    }
}

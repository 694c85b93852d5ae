using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Digests;

/// <summary>An object, or a free place, as a state digest has it.</summary>
/// <param name="Index">Its place.</param>
/// <param name="Generation">Which object at that place, or which was the last; 0 if none ever was.</param>
/// <param name="Attributes">Its attributes; null for a free place.</param>
/// <param name="OrphanOf">The session that keeps it without a name.</param>
/// <param name="XattrBytes">Length of its extended attributes.</param>
/// <param name="Xattrs">Their digest.</param>
/// <param name="Content">Digest of its content.</param>
/// <param name="Locks">Digest of its locks.</param>
/// <param name="Directory">The directory of its name, if it has one name.</param>
/// <param name="Names">Digest of where its names are, if it has several.</param>
public sealed record ProvenObject(
    uint Index,
    ulong Generation,
    Attributes? Attributes = null,
    SessionId OrphanOf = default,
    uint XattrBytes = 0,
    uint Directory = 0,
    Digest Xattrs = default,
    Digest Content = default,
    Digest Locks = default,
    Digest Names = default);

/// <summary>
/// Verifies proofs about single things in a state, against nothing but the state's digest. The bytes may come from anybody:
/// whatever they are, nothing false is accepted and nothing is thrown. What is asked is not in the proof, so that every bit
/// of it is bound by the digest.
/// </summary>
/// <remarks>
/// <code>
/// proof    u8 what (1 object, 2 block, 3 entry, 4 xattrs)
///          u64 total bytes  u32 total objects  u32 total locks  digest of the array's root
///          path to the object (DigestPath)  bytes object (as hashed, without the tag); none if the place was never used
/// block    path to the block (DigestPath); bytes content without the zeros at its end, none for a hole
/// entry    bytes ranges of level 1  bytes ranges of level 0 in the one of them that the name is in
///          bytes entries in the one of those that the name is in (all as DirectoryDigest hashes them);
///          nothing for an empty directory
/// xattrs   bytes all of them (as StateDigest hashes them); nothing if there are none
/// </code>
/// Sizes: an object takes 33 KiB at most, a block as much again and its content, xattrs 132 KiB. Those of an entry grow with
/// the ranges of level 1, of which there is one for 4,096 entries: some ten bytes for each thousand entries of a directory,
/// unless somebody chose names so that there are more. No proof is longer than <see cref="MaximumBytes"/>.
/// </remarks>
public static class StateProof
{
    /// <summary>Bound on a proof.</summary>
    public const int MaximumBytes = 4 << 20;

    internal const byte ObjectProof = 1;
    internal const byte BlockProof = 2;
    internal const byte EntryProof = 3;
    internal const byte XattrsProof = 4;

    /// <summary>Verifies the attributes of an object, or that its place is free.</summary>
    /// <param name="state">The state's digest.</param>
    /// <param name="index">The place.</param>
    /// <param name="proof">The proof.</param>
    /// <param name="proven">What is there.</param>
    public static bool TryVerifyObject(in Digest state, uint index, ReadOnlyMemory<byte> proof, [NotNullWhen(true)] out ProvenObject? proven)
    {
        var reader = new MessageReader(proof);
        proven = ReadObject(ref reader, ObjectProof, state, index);
        if (!reader.Complete)
            proven = null;
        return proven is not null;
    }

    /// <summary>Verifies one block of a file.</summary>
    /// <param name="state">The state's digest.</param>
    /// <param name="index">The file's place.</param>
    /// <param name="block">Number of the block, which is a hole at and after the file's end.</param>
    /// <param name="proof">The proof.</param>
    /// <param name="file">The file.</param>
    /// <param name="content">The block without the zeros at its end; empty for a hole.</param>
    public static bool TryVerifyBlock(
        in Digest state,
        uint index,
        ulong block,
        ReadOnlyMemory<byte> proof,
        [NotNullWhen(true)] out ProvenObject? file,
        out ReadOnlyMemory<byte> content)
    {
        content = default;
        var reader = new MessageReader(proof);
        file = ReadObject(ref reader, BlockProof, state, index);
        if (file?.Attributes is not { Type: ObjectType.File } attributes || !TryReadBlock(ref reader, file.Content, attributes.SizeBytes, block, out content))
            file = null;
        return file is not null;
    }

    /// <summary>Verifies what a name of a directory stands for, or that it is free.</summary>
    /// <param name="state">The state's digest.</param>
    /// <param name="index">The directory's place.</param>
    /// <param name="name">The name.</param>
    /// <param name="proof">The proof.</param>
    /// <param name="directory">The directory.</param>
    /// <param name="target">The object that the name stands for; null for a free name.</param>
    public static bool TryVerifyEntry(
        in Digest state,
        uint index,
        ReadOnlySpan<byte> name,
        ReadOnlyMemory<byte> proof,
        [NotNullWhen(true)] out ProvenObject? directory,
        out ObjectId? target)
    {
        target = null;
        var reader = new MessageReader(proof);
        directory = ReadObject(ref reader, EntryProof, state, index);
        if (directory?.Attributes is not { Type: ObjectType.Directory } || !TryReadEntry(ref reader, directory.Content, name, out target))
            directory = null;
        return directory is not null;
    }

    /// <summary>Verifies all extended attributes of an object.</summary>
    /// <param name="state">The state's digest.</param>
    /// <param name="index">The object's place.</param>
    /// <param name="proof">The proof.</param>
    /// <param name="proven">The object.</param>
    /// <param name="xattrs">Names and values, in byte order of names.</param>
    public static bool TryVerifyXattrs(
        in Digest state,
        uint index,
        ReadOnlyMemory<byte> proof,
        [NotNullWhen(true)] out ProvenObject? proven,
        out List<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)> xattrs)
    {
        xattrs = [];
        var reader = new MessageReader(proof);
        proven = ReadObject(ref reader, XattrsProof, state, index);
        if (proven?.Attributes is null || !TryReadXattrs(ref reader, proven.Xattrs, xattrs))
            proven = null;
        return proven is not null;
    }

    private static ProvenObject? ReadObject(ref MessageReader reader, byte what, in Digest state, uint index)
    {
        if (reader.Remaining > MaximumBytes || reader.ReadByte() != what)
            return null;
        var limits = new VolumeLimits(reader.ReadUInt64(), reader.ReadUInt32(), reader.ReadUInt32());
        Digest array = reader.ReadDigest();
        if (reader.Failed
            || StateDigest.OfState(array, limits) != state
            || !DigestPath.TryRead(ref reader, array, StateDigest.ArrayLeaves, index, out Digest digest))
        {
            return null;
        }

        if (digest.IsZero)
            return new ProvenObject(index, 0);
        ReadOnlyMemory<byte> encoded = reader.ReadBytes(MaximumBytes);
        return !reader.Failed && StateDigest.OfEncodedObject(encoded.Span) == digest ? DecodeObject(encoded, index) : null;
    }

    internal static ProvenObject? DecodeObject(ReadOnlyMemory<byte> encoded, uint index)
    {
        var reader = new MessageReader(encoded);
        if (reader.ReadUInt32() != index)
            return null;
        ulong generation = reader.ReadUInt64();
        if (reader.Complete)
            return new ProvenObject(index, generation);
        Attributes attributes = OperationCodec.ReadAttributes(ref reader);
        var proven = new ProvenObject(
            index,
            generation,
            attributes,
            new SessionId(reader.ReadUInt64()),
            reader.ReadUInt32(),
            reader.ReadUInt32(),
            reader.ReadDigest(),
            reader.ReadDigest(),
            reader.ReadDigest(),
            reader.ReadDigest());
        return reader.Complete ? proven : null;
    }

    private static bool TryReadBlock(
        ref MessageReader reader, in Digest root, ulong sizeBytes, ulong block, out ReadOnlyMemory<byte> content)
    {
        content = default;
        ulong leaves = FileContent.BlocksOf(sizeBytes);
        if (block >= leaves)
            return reader.Complete;
        if (!DigestPath.TryRead(ref reader, root, leaves, block, out Digest digest))
            return false;
        if (digest.IsZero)
            return reader.Complete;
        content = reader.ReadBytes(Specification.BlockBytes);
        return reader.Complete && StateDigest.OfBlock([0, .. content.Span]) == digest;
    }

    private static bool TryReadEntry(ref MessageReader reader, in Digest root, ReadOnlySpan<byte> name, out ObjectId? target)
    {
        target = null;
        if (root.IsZero)
            return reader.Complete;
        Digest digest = root;
        for (int level = DirectoryDigest.Levels; level > 0; level--)
        {
            ReadOnlyMemory<byte> ranges = reader.ReadBytes(MaximumBytes);
            if (reader.Failed || DirectoryDigest.OfLevel(level, ranges.Span) != digest || !TryFindRange(ranges, name, out digest))
                return false;
        }

        ReadOnlyMemory<byte> entries = reader.ReadBytes(MaximumBytes);
        return reader.Complete && DirectoryDigest.OfLevel(0, entries.Span) == digest && TryFindEntry(entries, name, out target);
    }

    // The last range that begins at or before the name.
    private static bool TryFindRange(ReadOnlyMemory<byte> ranges, ReadOnlySpan<byte> name, out Digest digest)
    {
        digest = default;
        bool found = false;
        var reader = new MessageReader(ranges);
        while (reader.Remaining > 0 && !reader.Failed)
        {
            ReadOnlyMemory<byte> start = reader.ReadBytes(Specification.MaximumNameBytes);
            Digest next = reader.ReadDigest();
            if (start.Span.SequenceCompareTo(name) > 0)
                break;
            digest = next;
            found = true;
        }

        return found && !reader.Failed;
    }

    private static bool TryFindEntry(ReadOnlyMemory<byte> entries, ReadOnlySpan<byte> name, out ObjectId? target)
    {
        target = null;
        var reader = new MessageReader(entries);
        while (reader.Remaining > 0 && !reader.Failed)
        {
            bool isIt = reader.ReadBytes(Specification.MaximumNameBytes).Span.SequenceEqual(name);
            var id = new ObjectId(reader.ReadUInt32(), reader.ReadUInt64());
            if (isIt)
                target = id;
        }

        return !reader.Failed;
    }

    private static bool TryReadXattrs(
        ref MessageReader reader, in Digest digest, List<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)> xattrs)
    {
        if (digest.IsZero)
            return reader.Complete;
        ReadOnlyMemory<byte> all = reader.ReadBytes(MaximumBytes);
        if (!reader.Complete || StateDigest.OfEncodedXattrs(all.Span) != digest)
            return false;
        var parts = new MessageReader(all);
        while (parts.Remaining > 0 && !parts.Failed)
            xattrs.Add((parts.ReadBytes(Specification.MaximumXattrNameBytes), parts.ReadBytes(Specification.MaximumXattrValueBytes)));
        return !parts.Failed;
    }
}

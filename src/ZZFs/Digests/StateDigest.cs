using System.Security.Cryptography;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>The digests above the trees: of an object, of its extended attributes, of the whole state.</summary>
/// <remarks>
/// <code>
/// state    SHA-256( 0x06  root of the object array  u64 total bytes  u32 total objects  u32 total locks )
/// array    DigestTree over 2³² places; a place that was never used is absent, and the last are SystemPlace's
/// object   SHA-256( 0x05  u32 index  u64 generation
///                   attributes  u64 session of an orphan  u32 xattr bytes  u32 directory of its name  parts )
///          for a free place without the second line
/// block    SHA-256( 0x00  content without the zeros at its end ); a hole's is zero
/// content  of a file: DigestTree over its blocks; of a directory: DirectoryDigest;
///          of a symlink: the digest of its target as one block; of others zero
/// xattrs   SHA-256( 0x07  for each in byte order of names: u32 length, name, u32 length, value ); zero without any
/// locks    SHA-256 of the locks as LockTable stores them; zero without any
/// names    of an object with several: SHA-256( 0x08  for each directory in order: u32 directory, u32 names in it ); else zero
/// parts    xattrs  content  locks  names
/// </code>
/// The tags keep a digest of one kind from passing for one of another. Which session holds what is in the objects, so
/// the table of sessions itself, which belongs to the layer above, needs nothing from here.
/// </remarks>
internal static class StateDigest
{
    /// <summary>Places of the object array's tree.</summary>
    public const ulong ArrayLeaves = 1UL << 32;

    private const byte BlockTag = 0;
    private const byte ObjectTag = 5;
    private const byte StateTag = 6;
    private const byte XattrTag = 7;
    private const byte ParentsTag = 8;

    /// <summary>The digest of an object, or of a free place.</summary>
    /// <param name="record">The object.</param>
    /// <param name="parts">What is hashed apart from it.</param>
    /// <param name="scratch">Overwritten.</param>
    public static Digest OfObject(ObjectRecord record, in ObjectParts parts, MessageWriter scratch)
    {
        scratch.Clear();
        scratch.WriteByte(ObjectTag);
        EncodeObject(record, parts, scratch);
        return Digest.Of(scratch.Written);
    }

    /// <summary>Appends what is hashed of an object, without the tag.</summary>
    public static void EncodeObject(ObjectRecord record, in ObjectParts parts, MessageWriter writer)
    {
        writer.WriteUInt32(record.Index);
        writer.WriteUInt64(record.Generation);
        if (record.Type == ObjectType.Null)
            return;
        OperationCodec.WriteAttributes(writer, record.ToAttributes());
        writer.WriteUInt64(record.OrphanOf.Value);
        writer.WriteUInt32(record.XattrBytes);
        writer.WriteUInt32(record.Parent);
        writer.WriteDigest(parts.Xattrs);
        writer.WriteDigest(parts.Content);
        writer.WriteDigest(parts.Locks);
        writer.WriteDigest(parts.Names);
    }

    /// <summary>The digest of what <see cref="EncodeObject"/> wrote.</summary>
    public static Digest OfEncodedObject(ReadOnlySpan<byte> encoded) => OfTagged(ObjectTag, encoded);

    /// <summary>The digest of extended attributes as they are hashed, without the tag.</summary>
    public static Digest OfEncodedXattrs(ReadOnlySpan<byte> encoded) => OfTagged(XattrTag, encoded);

    /// <summary>The digest of where an object's names are, as <see cref="EncodeNames"/> wrote it.</summary>
    public static Digest OfEncodedNames(ReadOnlySpan<byte> encoded) => OfTagged(ParentsTag, encoded);

    /// <summary>SHA-256( tag, data ).</summary>
    public static Digest OfTagged(byte tag, ReadOnlySpan<byte> data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([tag]);
        hash.AppendData(data);
        Span<byte> digest = stackalloc byte[Digest.SizeBytes];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    /// <summary>The digest of everything.</summary>
    public static Digest OfState(Digest array, VolumeLimits limits)
    {
        var writer = new MessageWriter();
        writer.WriteByte(StateTag);
        writer.WriteDigest(array);
        writer.WriteUInt64(limits.TotalBytes);
        writer.WriteUInt32(limits.TotalObjects);
        writer.WriteUInt32(limits.TotalLocks);
        return Digest.Of(writer.Written);
    }

    /// <summary>The digest of a block's content.</summary>
    /// <param name="taggedContent">One byte of room, then the content without the zeros at its end.</param>
    public static Digest OfBlock(Span<byte> taggedContent)
    {
        taggedContent[0] = BlockTag;
        return taggedContent.Length == 1 ? Digest.Zero : Digest.Of(taggedContent);
    }

    /// <summary>The digest of an object's locks.</summary>
    public static Digest OfLocks(IStoreView view, uint index) =>
        view.ReadMetadata(MetadataKey.Of(MetadataKind.Locks, index)) is { } held ? Digest.Of(held) : Digest.Zero;

    /// <summary>The digest of where the names of an object are that has several.</summary>
    public static Digest OfNames(IStoreView view, ObjectRecord record) =>
        HasNames(record) ? OfEncodedNames(EncodeNames(view, record.Index)) : Digest.Zero;

    /// <summary>Whether where its names are is hashed apart.</summary>
    public static bool HasNames(ObjectRecord record) => record.LinkCount > 1 && !record.IsDirectory && record.Type != ObjectType.Null;

    /// <summary>In which directories an object has how many names, as they are hashed.</summary>
    public static ReadOnlySpan<byte> EncodeNames(IStoreView view, uint index)
    {
        var writer = new MessageWriter();
        byte[] prefix = MetadataKey.Of(MetadataKind.Parent, index);
        view.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            writer.WriteUInt32(MetadataKey.LastNumber(key));
            writer.WriteRaw(value);
            return true;
        });
        return writer.Written;
    }

    /// <summary>The digest of an object's extended attributes.</summary>
    public static Digest OfXattrs(IStoreView view, ObjectRecord record)
    {
        if (record.XattrBytes == 0)
            return Digest.Zero;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([XattrTag]);
        byte[] prefix = MetadataKey.Of(MetadataKind.Xattr, record.Index);
        view.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            hash.AppendData(BitConverter.GetBytes(key.Length - prefix.Length));
            hash.AppendData(key[prefix.Length..]);
            hash.AppendData(BitConverter.GetBytes(value.Length));
            hash.AppendData(value);
            return true;
        });
        Span<byte> digest = stackalloc byte[Digest.SizeBytes];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }
}

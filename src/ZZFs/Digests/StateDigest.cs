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
/// array    DigestTree over 2³² places; a place that was never used is absent, and the last has the digest of KeptSnapshots
/// object   SHA-256( 0x05  u32 index  u64 generation
///                   attributes  u64 session of an orphan  u32 xattr bytes  xattrs  content  locks )
///          for a free place without the second line
/// block    SHA-256( 0x00  content without the zeros at its end ); a hole's is zero
/// content  of a file: DigestTree over its blocks; of a directory: DirectoryDigest;
///          of a symlink: the digest of its target as one block; of others zero
/// xattrs   SHA-256( 0x07  for each in byte order of names: u32 length, name, u32 length, value ); zero without any
/// locks    SHA-256 of the locks as LockTable stores them; zero without any
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

    /// <summary>The digest of an object, or of a free place.</summary>
    /// <param name="record">The object.</param>
    /// <param name="xattrs">See <see cref="OfXattrs"/>.</param>
    /// <param name="content">See above.</param>
    /// <param name="locks">See <see cref="OfLocks"/>.</param>
    /// <param name="scratch">Overwritten.</param>
    public static Digest OfObject(ObjectRecord record, Digest xattrs, Digest content, Digest locks, MessageWriter scratch)
    {
        scratch.Clear();
        scratch.WriteByte(ObjectTag);
        EncodeObject(record, xattrs, content, locks, scratch);
        return Digest.Of(scratch.Written);
    }

    /// <summary>Appends what is hashed of an object, without the tag.</summary>
    public static void EncodeObject(ObjectRecord record, Digest xattrs, Digest content, Digest locks, MessageWriter writer)
    {
        writer.WriteUInt32(record.Index);
        writer.WriteUInt64(record.Generation);
        if (record.Type == ObjectType.Null)
            return;
        OperationCodec.WriteAttributes(writer, record.ToAttributes());
        writer.WriteUInt64(record.OrphanOf.Value);
        writer.WriteUInt32(record.XattrBytes);
        writer.WriteDigest(xattrs);
        writer.WriteDigest(content);
        writer.WriteDigest(locks);
    }

    /// <summary>The digest of what <see cref="EncodeObject"/> wrote.</summary>
    public static Digest OfEncodedObject(ReadOnlySpan<byte> encoded) => OfTagged(ObjectTag, encoded);

    /// <summary>The digest of extended attributes as they are hashed, without the tag.</summary>
    public static Digest OfEncodedXattrs(ReadOnlySpan<byte> encoded) => OfTagged(XattrTag, encoded);

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

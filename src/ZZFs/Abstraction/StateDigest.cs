using System.Security.Cryptography;
using Agreement.Messages;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>The digests above the trees: of an object, of its extended attributes, of the whole state.</summary>
/// <remarks>
/// <code>
/// state    SHA-256( 0x06  root of the object array  u64 total bytes  u32 total objects  u32 total locks )
/// array    DigestTree over 2³² places; a place that was never used is absent
/// object   SHA-256( 0x05  u32 index  u64 generation
///                   attributes  u64 session of an orphan  u32 xattr bytes  xattrs  content  locks )
///          for a free place without the second line
/// content  of a file: DigestTree over its blocks (FileContent); of a directory: DirectoryDigest;
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

    private const byte ObjectTag = 5;
    private const byte StateTag = 6;
    private const byte XattrTag = 7;

    /// <summary>The digest of an object, or of a free place.</summary>
    public static Digest OfObject(ObjectRecord record, Digest locks, MessageWriter scratch)
    {
        scratch.Clear();
        scratch.WriteByte(ObjectTag);
        scratch.WriteUInt32(record.Index);
        scratch.WriteUInt64(record.Generation);
        if (record.Type != ObjectType.Null)
        {
            OperationCodec.WriteAttributes(scratch, record.ToAttributes());
            scratch.WriteUInt64(record.OrphanOf.Value);
            scratch.WriteUInt32(record.XattrBytes);
            scratch.WriteDigest(record.XattrDigest);
            scratch.WriteDigest(record.ContentDigest);
            scratch.WriteDigest(locks);
        }

        return Digest.Of(scratch.Written);
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

    /// <summary>The digest of an object's extended attributes.</summary>
    public static Digest OfXattrs(IBackingStore store, ObjectRecord record)
    {
        if (record.XattrBytes == 0)
            return Digest.Zero;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData([XattrTag]);
        byte[] prefix = MetadataKey.Of(MetadataKind.Xattr, record.Index);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
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

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>What the keeper knows of one object that isn't free.</summary>
/// <param name="Generation">Which object at this place it is.</param>
/// <param name="Leaves">How many blocks (directory: entries) the content's digest was made for, hence the shape of its tree.</param>
/// <param name="Content">Digest of the content; zero for none.</param>
/// <param name="Xattrs">Digest of the extended attributes; zero without any.</param>
/// <remarks>Stored as: u64 generation, u64 leaves, digest of content, digest of xattrs.</remarks>
internal readonly record struct ObjectDigests(ulong Generation, ulong Leaves, Digest Content, Digest Xattrs)
{
    public static ObjectDigests? Read(IDigestView view, uint index)
    {
        if (view.Read(DigestKey.Of(DigestKind.Object, index)) is not { } stored)
            return null;
        var reader = new MessageReader(stored);
        var digests = new ObjectDigests(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadDigest(), reader.ReadDigest());
        return reader.Complete ? digests : throw new StoreDamagedException($"the digests of object {index} can't be read");
    }

    public void Write(IDigestMap store, uint index)
    {
        var writer = new MessageWriter(2 * (sizeof(ulong) + Digest.SizeBytes));
        writer.WriteUInt64(Generation);
        writer.WriteUInt64(Leaves);
        writer.WriteDigest(Content);
        writer.WriteDigest(Xattrs);
        store.Write(DigestKey.Of(DigestKind.Object, index), writer.Written);
    }

    public static void Remove(IDigestMap store, uint index)
    {
        byte[] key = DigestKey.Of(DigestKind.Object, index);
        store.Remove(key, [.. key, 0]);
    }
}

/// <summary>The digests of what is hashed apart from an object's record.</summary>
/// <param name="Xattrs">Of its extended attributes.</param>
/// <param name="Content">Of its content.</param>
/// <param name="Locks">Of its locks.</param>
/// <param name="Names">Of where its names are.</param>
internal readonly record struct ObjectParts(Digest Xattrs, Digest Content, Digest Locks, Digest Names)
{
    /// <summary>Of an object with known content; locks and names are hashed here, since they are short.</summary>
    public static ObjectParts Of(IStoreView view, ObjectRecord record, in ObjectDigests known) => record.Type == ObjectType.Null
        ? default
        : new ObjectParts(known.Xattrs, known.Content, StateDigest.OfLocks(view, record.Index), StateDigest.OfNames(view, record));
}

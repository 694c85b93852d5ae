using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>Keeps the nodes of one digest tree in the metadata of a store.</summary>
/// <param name="store">Where.</param>
/// <param name="kind">Which kind of tree.</param>
/// <param name="index">The object it belongs to; 0 for the object array.</param>
internal sealed class StoredDigestNodes(IBackingStore store, MetadataKind kind, uint index) : IDigestNodes
{
    public byte[]? Read(int level, ulong number) => store.ReadMetadata(MetadataKey.OfNode(kind, index, level, number));

    public void Write(int level, ulong number, ReadOnlySpan<byte> children) =>
        store.WriteMetadata(MetadataKey.OfNode(kind, index, level, number), children);

    public void Remove(int level, ulong first, ulong last) => store.RemoveMetadata(
        MetadataKey.OfNode(kind, index, level, first), MetadataKey.OfNode(kind, index, level, last + 1));

    /// <summary>Forgets the whole tree.</summary>
    public void RemoveAll()
    {
        byte[] prefix = MetadataKey.Of(kind, index);
        store.RemoveMetadata(prefix, MetadataKey.After(prefix));
    }
}

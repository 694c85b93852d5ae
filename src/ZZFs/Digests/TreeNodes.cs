using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Digests;

/// <summary>The nodes of one digest tree within a digest store.</summary>
/// <param name="store">Where.</param>
/// <param name="kind">Which kind of tree.</param>
/// <param name="index">The object it belongs to; 0 for the object array.</param>
internal sealed class TreeNodes(IDigestMap store, DigestKind kind, uint index) : IDigestNodes
{
    /// <summary>How many nodes were hashed.</summary>
    public long Written { get; private set; }

    public byte[]? Read(int level, ulong number, in Digest expected) => store.Read(DigestKey.OfNode(kind, index, level, number));

    public void Write(int level, ulong number, ReadOnlySpan<byte> children)
    {
        Written++;
        store.Write(DigestKey.OfNode(kind, index, level, number), children);
    }

    public void Remove(int level, ulong first, ulong last) => store.Remove(
        DigestKey.OfNode(kind, index, level, first), DigestKey.OfNode(kind, index, level, last + 1));

    /// <summary>Forgets the whole tree.</summary>
    public void RemoveAll()
    {
        byte[] prefix = DigestKey.Of(kind, index);
        store.Remove(prefix, MetadataKey.After(prefix));
    }
}

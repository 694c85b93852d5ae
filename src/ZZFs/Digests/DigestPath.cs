using Agreement.Messages;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>The nodes of a <see cref="DigestTree"/> from its root down to a leaf: what proves the leaf.</summary>
/// <remarks>
/// <code>
/// for each level from the root's down to 1, until a child on the way is zero:
///   u16 children (1 … 256, up to the last that isn't zero)  32 bytes each
/// </code>
/// So at most 8,194 bytes a level. A zero child says that all leaves below it are absent.
/// </remarks>
internal static class DigestPath
{
    /// <summary>Appends the path to a leaf.</summary>
    /// <returns>The leaf; zero if it is absent.</returns>
    public static Digest Write(MessageWriter writer, IDigestNodeReader nodes, Digest root, ulong leaves, ulong leaf)
    {
        Digest found = root;
        for (int level = DigestTree.Height(leaves); level > 0 && !found.IsZero; level--)
        {
            byte[] children = nodes.Read(level, leaf >> DigestTree.FanOutBits * level, found)
                ?? throw new StoreDamagedException("a node of a digest tree is missing");
            writer.WriteUInt16((ushort)(children.Length / Digest.SizeBytes));
            writer.WriteRaw(children);
            found = Child(children, level, leaf);
        }

        return found;
    }

    /// <summary>Reads the path to a leaf.</summary>
    /// <param name="reader">Stands at it; of any content.</param>
    /// <param name="root">The root.</param>
    /// <param name="leaves">The number of leaves.</param>
    /// <param name="leaf">Which; below <paramref name="leaves"/>.</param>
    /// <param name="found">The leaf; zero if it is absent.</param>
    /// <returns>False when the path doesn't belong to the root.</returns>
    public static bool TryRead(ref MessageReader reader, in Digest root, ulong leaves, ulong leaf, out Digest found)
    {
        found = root;
        for (int level = DigestTree.Height(leaves); level > 0 && !found.IsZero; level--)
        {
            int count = reader.ReadUInt16();
            if (count > DigestTree.FanOut)
                return false;
            ReadOnlyMemory<byte> children = reader.ReadRaw(count * Digest.SizeBytes);
            if (reader.Failed || DigestTree.OfNode(level, children.Span) != found)
                return false;
            found = Child(children.Span, level, leaf);
        }

        return true;
    }

    private static Digest Child(ReadOnlySpan<byte> children, int level, ulong leaf)
    {
        int child = (int)((leaf >> DigestTree.FanOutBits * (level - 1)) % DigestTree.FanOut);
        return (child + 1) * Digest.SizeBytes <= children.Length
            ? new Digest(children.Slice(child * Digest.SizeBytes, Digest.SizeBytes))
            : Digest.Zero;
    }
}

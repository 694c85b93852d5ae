using Agreement.Messages;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>The inner nodes of a <see cref="DigestTree"/>, to be read.</summary>
internal interface IDigestNodeReader
{
    /// <summary>The digests of a node's children up to the last that isn't zero; null when it isn't there.</summary>
    /// <param name="level">Its level.</param>
    /// <param name="number">Its number.</param>
    /// <param name="expected">Its digest, which isn't zero: what one who has to fetch it asks for.</param>
    byte[]? Read(int level, ulong number, in Digest expected);
}

/// <summary>Where the inner nodes of a <see cref="DigestTree"/> are kept.</summary>
internal interface IDigestNodes : IDigestNodeReader
{
    /// <summary>Keeps a node.</summary>
    void Write(int level, ulong number, ReadOnlySpan<byte> children);

    /// <summary>Forgets the nodes from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    void Remove(int level, ulong first, ulong last);
}

/// <summary>One leaf to set.</summary>
internal readonly record struct DigestEdit(ulong Leaf, Digest Digest);

/// <summary>
/// A Merkle tree of fan-out 256 over numbered leaves, of which most may be absent. Only the paths to what changed are
/// hashed again.
/// </summary>
/// <remarks>
/// <code>
/// level 0   leaf digests, given by the caller; zero = absent
/// level k   node j = SHA-256( 0x01  u8 k  children 256·j … 256·j + 255 of level k - 1, up to the last that isn't zero ),
///           or zero when all of them are zero
/// root      the only node of level h, h = the least with 256^h ≥ number of leaves; with one leaf the leaf itself
/// </code>
/// The tree is a function of its leaves and their number alone. The caller keeps the root, and hashes the number of
/// leaves beside it. A node proves a child with the other children as they are, 8 KiB a level at most.
/// </remarks>
internal static class DigestTree
{
    /// <summary>Children of a node.</summary>
    public const int FanOut = 1 << FanOutBits;

    /// <summary>The logarithm of that.</summary>
    public const int FanOutBits = 8;

    private const byte NodeTag = 1;
    private const int HeaderBytes = 2;

    /// <summary>The level of the root of a tree with so many leaves.</summary>
    public static int Height(ulong leaves)
    {
        int height = 0;
        for (ulong rest = leaves > 0 ? leaves - 1 : 0; rest > 0; rest >>= FanOutBits)
            height++;
        return height;
    }

    /// <summary>
    /// Changes the number of leaves. Leaves that fall off must have been cleared before.
    /// </summary>
    /// <returns>The new root.</returns>
    public static Digest Resize(IDigestNodes nodes, Digest root, ulong oldLeaves, ulong newLeaves)
    {
        int height = Height(oldLeaves);
        int newHeight = Height(newLeaves);
        Span<byte> node = stackalloc byte[HeaderBytes + Digest.SizeBytes];
        for (; height < newHeight && !root.IsZero; height++)
        {
            root.CopyTo(node[HeaderBytes..]);
            root = Store(nodes, height + 1, 0, node);
        }

        for (; height > newHeight && !root.IsZero; height--)
        {
            byte[]? children = nodes.Read(height, 0, root);
            if (children is not { Length: Digest.SizeBytes })
                throw Damaged();
            nodes.Remove(height, 0, 0);
            root = new Digest(children);
        }

        return root;
    }

    /// <summary>Sets leaves, given in ascending order, in a tree of <paramref name="leaves"/> leaves.</summary>
    /// <returns>The new root.</returns>
    public static Digest Set(IDigestNodes nodes, Digest root, ulong leaves, ReadOnlySpan<DigestEdit> edits) =>
        edits.IsEmpty ? root : Set(nodes, Height(leaves), root, edits);

    /// <summary>Makes the leaves from <paramref name="first"/> to <paramref name="last"/>, both included, absent.</summary>
    /// <returns>The new root.</returns>
    public static Digest Clear(IDigestNodes nodes, Digest root, ulong leaves, ulong first, ulong last) =>
        Clear(nodes, Height(leaves), 0, root, first, last);

    /// <summary>The digest of a node of level 1 or more, by its children up to the last that isn't zero.</summary>
    public static Digest OfNode(int level, ReadOnlySpan<byte> children)
    {
        Span<byte> node = stackalloc byte[HeaderBytes + (FanOut * Digest.SizeBytes)];
        node[0] = NodeTag;
        node[1] = (byte)level;
        children.CopyTo(node[HeaderBytes..]);
        return Digest.Of(node[..(HeaderBytes + children.Length)]);
    }

    private static Digest Set(IDigestNodes nodes, int level, Digest current, ReadOnlySpan<DigestEdit> edits)
    {
        if (level == 0)
        {
            Invariant.That(edits.Length == 1);
            return edits[0].Digest;
        }

        ulong number = edits[0].Leaf >> FanOutBits * level;
        Span<byte> node = stackalloc byte[HeaderBytes + (FanOut * Digest.SizeBytes)];
        Load(nodes, level, number, current, node[HeaderBytes..]);
        int childShift = FanOutBits * (level - 1);
        while (!edits.IsEmpty)
        {
            ulong child = edits[0].Leaf >> childShift;
            int count = 1;
            while (count < edits.Length && edits[count].Leaf >> childShift == child)
                count++;
            Span<byte> slot = Child(node, child);
            Set(nodes, level - 1, new Digest(slot), edits[..count]).CopyTo(slot);
            edits = edits[count..];
        }

        return Store(nodes, level, number, node);
    }

    private static Digest Clear(IDigestNodes nodes, int level, ulong number, Digest current, ulong first, ulong last)
    {
        ulong low = number << FanOutBits * level;
        ulong high = low + ((1UL << FanOutBits * level) - 1);
        if (current.IsZero || first > high || last < low)
            return current;
        if (first <= low && last >= high)
        {
            for (int below = 1; below <= level; below++)
                nodes.Remove(below, low >> FanOutBits * below, high >> FanOutBits * below);
            return Digest.Zero;
        }

        Span<byte> node = stackalloc byte[HeaderBytes + (FanOut * Digest.SizeBytes)];
        Load(nodes, level, number, current, node[HeaderBytes..]);
        int childShift = FanOutBits * (level - 1);
        for (ulong child = Math.Max(first, low) >> childShift; child <= Math.Min(last, high) >> childShift; child++)
        {
            Span<byte> slot = Child(node, child);
            Clear(nodes, level - 1, child, new Digest(slot), first, last).CopyTo(slot);
        }

        return Store(nodes, level, number, node);
    }

    private static Span<byte> Child(Span<byte> node, ulong child) =>
        node.Slice(HeaderBytes + ((int)(child % FanOut) * Digest.SizeBytes), Digest.SizeBytes);

    private static void Load(IDigestNodes nodes, int level, ulong number, in Digest current, Span<byte> children)
    {
        byte[] stored = current.IsZero ? [] : nodes.Read(level, number, current) ?? throw Damaged();
        if (stored.Length > children.Length || stored.Length % Digest.SizeBytes != 0)
            throw Damaged();
        stored.CopyTo(children);
        children[stored.Length..].Clear();
    }

    private static Digest Store(IDigestNodes nodes, int level, ulong number, Span<byte> node)
    {
        node[0] = NodeTag;
        node[1] = (byte)level;
        int used = node[HeaderBytes..].LastIndexOfAnyExcept((byte)0) + 1;
        if (used == 0)
        {
            nodes.Remove(level, number, number);
            return Digest.Zero;
        }

        int rounded = (used + Digest.SizeBytes - 1) / Digest.SizeBytes * Digest.SizeBytes;
        nodes.Write(level, number, node.Slice(HeaderBytes, rounded));
        return Digest.Of(node[..(HeaderBytes + rounded)]);
    }

    private static StoreDamagedException Damaged() => new("the store is damaged: a node of a digest tree can't be read");
}

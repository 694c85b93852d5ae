using System.Runtime.InteropServices;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Content digests of files: a <see cref="DigestTree"/> over the blocks of each.</summary>
internal sealed class FileDigest(IDigestMap store)
{
    // Digests of blocks that are gathered before their nodes are hashed, which bounds memory.
    private const int EditsTogether = 4096;

    // Up to so many blocks a range is looked at block by block; a longer one is cleared first, and then only what is stored counts.
    private const ulong ShortRange = 64;

    private readonly byte[] block = new byte[1 + Specification.BlockBytes];
    private readonly List<DigestEdit> edits = [];

    /// <summary>Blocks that were hashed so far.</summary>
    public long BlocksHashed { get; private set; }

    /// <summary>Nodes of trees that were hashed so far.</summary>
    public long NodesHashed { get; private set; }

    /// <summary>The digest of the present content.</summary>
    /// <param name="view">Where the blocks are.</param>
    /// <param name="index">Place of the file.</param>
    /// <param name="leaves">How many blocks it has now, holes included.</param>
    /// <param name="before">What was known of it.</param>
    /// <param name="whole">What was known counts for nothing.</param>
    /// <param name="changed">Blocks that may differ from what was known; what is cut off is among them.</param>
    /// <param name="mayGoOn">When it says no, the result is meaningless.</param>
    public Digest Settle(
        IStoreView view, uint index, ulong leaves, in ObjectDigests before, bool whole, List<BlockRange> changed, Func<bool> mayGoOn)
    {
        var nodes = new TreeNodes(store, DigestKind.FileNode, index);
        Digest root = before.Content;
        ulong oldLeaves = before.Leaves;
        if (whole)
        {
            Drop(index, oldLeaves);
            root = Digest.Zero;
            oldLeaves = 0;
            changed = leaves == 0 ? [] : [new BlockRange(0, leaves - 1)];
        }

        List<BlockRange> ranges = BlockRange.Merge(changed);
        foreach (BlockRange range in ranges)
        {
            if (range.First < oldLeaves && IsLong(range))
                root = DigestTree.Clear(nodes, root, oldLeaves, range.First, Math.Min(range.Last, oldLeaves - 1));
        }

        if (leaves < oldLeaves)
            root = DigestTree.Clear(nodes, root, oldLeaves, leaves, oldLeaves - 1);
        root = DigestTree.Resize(nodes, root, oldLeaves, leaves);
        edits.Clear();
        foreach (BlockRange range in ranges)
            root = SetRange(view, nodes, index, leaves, range, root, mayGoOn);
        root = SetEdits(nodes, leaves, root);
        NodesHashed += nodes.Written;
        return root;
    }

    /// <summary>The content digest of a symlink: that of its target as one block.</summary>
    public Digest OfSymlink(IStoreView view, ObjectRecord link)
    {
        view.ReadBlock(link.Index, 0, block.AsSpan(1));
        return StateDigest.OfBlock(block.AsSpan(0, 1 + (int)link.SizeBytes));
    }

    /// <summary>Forgets the nodes of a file of so many blocks.</summary>
    public void Drop(uint index, ulong leaves)
    {
        if (DigestTree.Height(leaves) > 0)
            new TreeNodes(store, DigestKind.FileNode, index).RemoveAll();
    }

    private static bool IsLong(BlockRange range) => range.Last - range.First >= ShortRange;

    private Digest SetRange(
        IStoreView view, TreeNodes nodes, uint index, ulong leaves, BlockRange range, Digest root, Func<bool> mayGoOn)
    {
        if (range.First >= leaves)
            return root;
        ulong last = Math.Min(range.Last, leaves - 1);
        bool isCleared = IsLong(range);
        for (ulong number = range.First; number <= last && mayGoOn(); number++)
        {
            if (isCleared)
            {
                if (view.NextBlock(index, number, last) is not { } stored)
                    break;
                number = stored;
            }

            edits.Add(new DigestEdit(number, Read(view, index, number)));
            if (edits.Count >= EditsTogether)
                root = SetEdits(nodes, leaves, root);
        }

        return root;
    }

    private Digest Read(IStoreView view, uint index, ulong number)
    {
        Span<byte> content = block.AsSpan(1);
        if (!view.ReadBlock(index, number, content))
            return Digest.Zero;
        BlocksHashed++;
        return StateDigest.OfBlock(block.AsSpan(0, 1 + content.LastIndexOfAnyExcept((byte)0) + 1));
    }

    private Digest SetEdits(TreeNodes nodes, ulong leaves, Digest root)
    {
        root = DigestTree.Set(nodes, root, leaves, CollectionsMarshal.AsSpan(edits));
        edits.Clear();
        return root;
    }
}

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>
/// Compares what is read from a store with the digests of the last checkpoint, as far as it has not changed since: whoever
/// changes bytes behind the replica's back is found out when they are read next, and nobody is told wrong ones.
/// </summary>
/// <remarks>
/// Whether a file has changed since is seen by its record: if the digest of the object is what the record gives, the content
/// is what it was. What has changed is covered again from the next checkpoint on.
/// </remarks>
internal sealed class ReadGuard : IDisposable
{
    private const int MaximumFiles = 1024;

    private readonly IStoreView store;
    private readonly IDamageRecord damage;
    private readonly MessageWriter scratch = new();
    private readonly Dictionary<(ObjectId File, ulong Change), ObjectDigests?> files = [];
    private readonly byte[] tagged = new byte[1 + Specification.BlockBytes];
    private readonly HashSet<uint> written = [];
    private IDigestView? digests;
    private Digest array;
    private (uint Index, ulong Node, byte[] Children)? leaves;

    /// <summary>Compares with nothing until <see cref="Begin"/>.</summary>
    /// <param name="store">The living state: the locks of an object are part of its digest.</param>
    /// <param name="damage">What is found is noted there.</param>
    public ReadGuard(IStoreView store, IDamageRecord damage)
    {
        this.store = store;
        this.damage = damage;
    }

    /// <summary>Blocks compared so far.</summary>
    public long Compared { get; private set; }

    /// <summary>From now on the digests of this checkpoint count, whose array's root this is; the guard owns them.</summary>
    public void Begin(IDigestView? checkpoint, Digest root)
    {
        digests?.Dispose();
        digests = checkpoint;
        array = root;
        files.Clear();
        written.Clear();
        leaves = null;
    }

    /// <summary>
    /// A block of a file reaches the store: that may be in the middle of an operation, whose record does not tell of it yet.
    /// </summary>
    public void Written(uint index) => written.Add(index);

    /// <summary>A block was read from the store.</summary>
    /// <param name="file">The file's present record.</param>
    /// <param name="number">Which block.</param>
    /// <param name="isStored">Whether the store has it.</param>
    /// <param name="content">What it holds.</param>
    /// <exception cref="StoreDamagedException">
    /// It is not what it was, and whoever goes back to the last checkpoint may find it whole. If that was tried, the wrong bytes
    /// are let through: the other replicas' replies tell the client that they are wrong, and all else goes on.
    /// </exception>
    public void Check(ObjectRecord file, ulong number, bool isStored, ReadOnlySpan<byte> content)
    {
        if (FindExpected(file, number) is not ({ } known, { } expected))
            return;
        Digest actual = Digest.Zero;
        if (isStored)
        {
            int length = content.LastIndexOfAnyExcept((byte)0) + 1;
            content[..length].CopyTo(tagged.AsSpan(1));
            actual = StateDigest.OfBlock(tagged.AsSpan(0, 1 + length));
        }

        Compared++;
        if (actual == expected)
            return;
        if (damage.IsKnown(file.Index, number))
            return;
        if (AreDigestsRight(file.Index, known, number))
        {
            damage.Note(file.Index, number);
            throw new StoreDamagedException($"the store is damaged: block {number} of object {file.Index} is not what was written");
        }

        // It is the digests that rotted; they can be computed again, and whoever does so will notice.
        Begin(null, Digest.Zero);
    }

    /// <inheritdoc/>
    public void Dispose() => Begin(null, Digest.Zero);

    private bool AreDigestsRight(uint index, ObjectDigests known, ulong number) =>
        IsPathRight(DigestKind.ArrayNode, 0, DigestTree.Height(StateDigest.ArrayLeaves), array, index)
        && IsPathRight(DigestKind.FileNode, index, DigestTree.Height(known.Leaves), known.Content, number);

    // Each node from a leaf to the root has the digest that the one above says.
    private bool IsPathRight(DigestKind kind, uint index, int height, Digest root, ulong leaf)
    {
        for (int level = height; level > 0; level--)
        {
            byte[] children = digests!.Read(DigestKey.OfNode(kind, index, level, leaf >> (DigestTree.FanOutBits * level))) ?? [];
            if (children.Length > DigestTree.FanOut * Digest.SizeBytes || DigestTree.OfNode(level, children) != root)
                return false;
            int offset = (int)((leaf >> (DigestTree.FanOutBits * (level - 1))) % DigestTree.FanOut) * Digest.SizeBytes;
            if (offset >= children.Length)
                return true;
            root = new Digest(children.AsSpan(offset, Digest.SizeBytes));
            if (root.IsZero)
                return true;
        }

        return true;
    }

    // The digest that the block must have; null when it may have changed since, or nothing is known of it.
    private (ObjectDigests Known, Digest Expected)? FindExpected(ObjectRecord file, ulong number)
    {
        try
        {
            return digests is not null && !written.Contains(file.Index) && FindUnchanged(file) is { } known && number < known.Leaves
                ? (known, LeafOf(file.Index, known, number))
                : null;
        }
        catch (StoreException)
        {
            // The digests can't be read. They are computed again, by whoever notices that needs them.
            Begin(null, Digest.Zero);
            return null;
        }
    }

    private ObjectDigests? FindUnchanged(ObjectRecord file)
    {
        if (files.TryGetValue((file.Id, file.Change), out ObjectDigests? known))
            return known;
        if (files.Count >= MaximumFiles)
            files.Clear();
        known = ObjectDigests.Read(digests!, file.Index);
        if (known is { } found)
        {
            scratch.Clear();
            StateDigest.EncodeObject(file, ObjectParts.Of(store, file, found), scratch);
            byte[] node = digests!.Read(DigestKey.OfNode(DigestKind.ArrayNode, 0, 1, file.Index / DigestTree.FanOut)) ?? [];
            int offset = (int)(file.Index % DigestTree.FanOut) * Digest.SizeBytes;
            bool isUnchanged = found.Generation == file.Generation && offset < node.Length
                && new Digest(node.AsSpan(offset, Digest.SizeBytes)) == StateDigest.OfEncodedObject(scratch.Written);
            known = isUnchanged ? known : null;
        }

        files.Add((file.Id, file.Change), known);
        return known;
    }

    private Digest LeafOf(uint index, ObjectDigests known, ulong number)
    {
        if (DigestTree.Height(known.Leaves) == 0)
            return known.Content;
        ulong node = number / DigestTree.FanOut;
        if (leaves is not { } held || held.Index != index || held.Node != node)
            leaves = held = (index, node, digests!.Read(DigestKey.OfNode(DigestKind.FileNode, index, 1, node)) ?? []);
        int offset = (int)(number % DigestTree.FanOut) * Digest.SizeBytes;
        return offset < held.Children.Length ? new Digest(held.Children.AsSpan(offset, Digest.SizeBytes)) : Digest.Zero;
    }
}

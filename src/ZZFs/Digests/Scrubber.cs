using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Something that is not what its digest says.</summary>
/// <param name="Object">Its place.</param>
/// <param name="What">A few words.</param>
public readonly record struct Damage(uint Object, string What);

/// <summary>
/// Reads a whole version of a store again and compares it with its digests, down to the block: what rotted on a disk, or was
/// changed behind the replica's back, is found wherever it is. It stops at nothing that it finds.
/// </summary>
/// <remarks>Runs on any thread that the views may be used from; what it counts may be read from another meanwhile.</remarks>
internal sealed class Scrubber
{
    /// <summary>Damages that are described; more are counted only.</summary>
    public const int MaximumDescribed = 64;

    private const int FanOut = DigestTree.FanOut;

    private readonly IStoreView view;
    private readonly IDigestView digests;
    private readonly Digest state;
    private readonly VolumeLimits limits;
    private readonly DirectoryDigest directories = new(new NoDigests());
    private readonly FileDigest symlinks = new(new NoDigests());
    private readonly MessageWriter scratch = new();
    private readonly byte[] block = new byte[1 + Specification.BlockBytes];
    private readonly List<Damage> damages = [];
    private long bytesRead;
    private long objectsRead;
    private long damageCount;

    /// <summary>For one version.</summary>
    /// <param name="view">The version; stays the caller's.</param>
    /// <param name="digests">Its digests; stay the caller's.</param>
    /// <param name="state">The digest of the state that was certified, or at least signed.</param>
    /// <param name="limits">Of the volume.</param>
    public Scrubber(IStoreView view, IDigestView digests, Digest state, VolumeLimits limits)
    {
        this.view = view;
        this.digests = digests;
        this.state = state;
        this.limits = limits;
    }

    /// <summary>Bytes of content read so far.</summary>
    public long BytesRead => bytesRead;

    /// <summary>Objects looked at so far.</summary>
    public long ObjectsRead => objectsRead;

    /// <summary>How much was found so far.</summary>
    public long DamageCount => damageCount;

    /// <summary>What was found, the first <see cref="MaximumDescribed"/>; once <see cref="Run"/> has returned.</summary>
    public IReadOnlyList<Damage> Damages => damages;

    /// <summary>Reads everything.</summary>
    /// <param name="mayGoOn">Asked often; when it says no, the rest is left out.</param>
    public void Run(Func<bool> mayGoOn)
    {
        Digest array = Digest.Zero;
        Try(ObjectId.Root.Index, () =>
        {
            array = DigestKeeper.ReadRoot(digests);
            if (StateDigest.OfState(array, limits) != state)
                Found(ObjectId.Root.Index, "the root of the digests is not the one that was signed");
        });

        // The lowest free place is always taken first, so the places that were ever used have no gap.
        var tree = new Tree(this, DigestKind.ArrayNode, 0, DigestTree.Height(StateDigest.ArrayLeaves), array);
        bool isThere = true;
        for (uint index = 0; isThere && mayGoOn(); index++)
        {
            Digest expected = tree.Leaf(index);
            isThere = false;
            Try(index, () => isThere = CheckObject(index, expected, mayGoOn));
            isThere |= !expected.IsZero;
            objectsRead++;
        }

        for (uint chunk = 0; chunk <= (isThere ? 0 : objectsRead) / AllocationMap.ChunkPlaces && mayGoOn(); chunk++)
            CheckSystemPlace(tree, SystemPlace.OfAllocation(chunk), "the map of places in use is wrong");
        foreach (uint place in SystemPlace.Lists)
        {
            if (mayGoOn())
                CheckSystemPlace(tree, place, place == SystemPlace.Kept ? "the names of snapshots are wrong" : "the lists beside the objects are wrong");
        }
    }

    private void CheckSystemPlace(Tree tree, uint place, string wrong) => Try(ObjectId.Root.Index, () =>
    {
        if (SystemPlace.DigestOf(view, place) != tree.Leaf(place))
            Found(ObjectId.Root.Index, wrong);
    });

    private bool CheckObject(uint index, Digest expected, Func<bool> mayGoOn)
    {
        ObjectRecord? record = view.ReadObject(index);
        if (record is null)
        {
            if (!expected.IsZero)
                Found(index, "it is gone");
            return false;
        }

        ObjectDigests known = default;
        if (record.Type != ObjectType.Null)
        {
            if (ObjectDigests.Read(digests, index) is { } found)
                known = found;
            else
                Found(index, "its digests are gone");
        }

        scratch.Clear();
        StateDigest.EncodeObject(record, ObjectParts.Of(view, record, known), scratch);
        if (StateDigest.OfEncodedObject(scratch.Written) != expected)
            Found(index, "its attributes are wrong");
        if (record.Type == ObjectType.Null)
            return true;
        if (StateDigest.OfXattrs(view, record) != known.Xattrs)
            Found(index, "its extended attributes are wrong");
        switch (record.Type)
        {
            case ObjectType.File:
                CheckBlocks(index, known, mayGoOn);
                break;
            case ObjectType.Directory when directories.Rebuild(view, index, record.SizeBytes / ConformanceWrapper.EntryBytes, 0) != known.Content:
                Found(index, "its names are wrong");
                break;
            case ObjectType.Symlink when symlinks.OfSymlink(view, record) != known.Content:
                Found(index, "its target is wrong");
                break;
        }

        return true;
    }

    private void CheckBlocks(uint index, ObjectDigests known, Func<bool> mayGoOn)
    {
        var tree = new Tree(this, DigestKind.FileNode, index, DigestTree.Height(known.Leaves), known.Content);
        for (ulong number = 0; number < known.Leaves && mayGoOn(); number++)
        {
            // Nothing is to be there, and nothing is: a hole may be long.
            if (tree.IsHole(number, out ulong last))
            {
                last = Math.Min(last, known.Leaves - 1);
                if (view.NextBlock(index, number, last) is { } stray)
                    Found(index, $"block {stray} is there and should be a hole");
                number = last;
                continue;
            }

            ulong at = number;
            Try(index, () => CheckBlock(index, at, tree.Leaf(at)));
        }
    }

    private void CheckBlock(uint index, ulong number, Digest expected)
    {
        Span<byte> content = block.AsSpan(1);
        bool isStored = view.ReadBlock(index, number, content);
        bytesRead += isStored ? Specification.BlockBytes : 0;
        Digest actual = isStored ? StateDigest.OfBlock(block.AsSpan(0, 1 + content.LastIndexOfAnyExcept((byte)0) + 1)) : Digest.Zero;
        if (actual != expected)
            Found(index, isStored ? $"block {number} is wrong" : $"block {number} is gone");
    }

    private void Found(uint index, string what)
    {
        damageCount++;
        if (damages.Count < MaximumDescribed)
            damages.Add(new Damage(index, what));
    }

    // What can't be read is damage too, and keeps nothing else from being looked at.
    private void Try(uint index, Action check)
    {
        try
        {
            check();
        }
        catch (StoreException failure)
        {
            Found(index, failure.Message);
        }
    }

    /// <summary>The leaves of a stored tree, each node of which is checked against the one above when it is first used.</summary>
    private sealed class Tree(Scrubber owner, DigestKind kind, uint index, int height, Digest root)
    {
        private readonly (ulong Number, byte[] Children)?[] path = new (ulong, byte[])?[height + 1];

        public Digest Leaf(ulong leaf) => Child(0, leaf);

        /// <summary>Whether a leaf, and all up to <paramref name="last"/>, are absent.</summary>
        public bool IsHole(ulong leaf, out ulong last)
        {
            for (int level = height; level >= 0; level--)
            {
                ulong number = leaf >> (DigestTree.FanOutBits * level);
                if (!Child(level, number).IsZero)
                    continue;
                last = ((number + 1) << (DigestTree.FanOutBits * level)) - 1;
                return true;
            }

            last = leaf;
            return false;
        }

        // The digest of a node, or at level 0 of a leaf, as the node above has it.
        private Digest Child(int level, ulong number)
        {
            if (level == height)
                return number == 0 ? root : Digest.Zero;
            ulong parent = number >> DigestTree.FanOutBits;
            byte[] children = Children(level + 1, parent);
            int offset = (int)(number % FanOut) * Digest.SizeBytes;
            return offset < children.Length ? new Digest(children.AsSpan(offset, Digest.SizeBytes)) : Digest.Zero;
        }

        private byte[] Children(int level, ulong number)
        {
            if (path[level] is { } held && held.Number == number)
                return held.Children;
            Digest expected = Child(level, number);
            byte[] children = [];
            if (!expected.IsZero)
            {
                owner.Try(index, () => children = owner.digests.Read(DigestKey.OfNode(kind, index, level, number)) ?? []);
                bool isWhole = children.Length is > 0 and <= FanOut * Digest.SizeBytes && children.Length % Digest.SizeBytes == 0;
                if (!isWhole || DigestTree.OfNode(level, children) != expected)
                {
                    owner.Found(index, $"node {number} of level {level} of its digests is wrong");
                    children = isWhole ? children : [];
                }
            }

            path[level] = (number, children);
            return children;
        }
    }
}

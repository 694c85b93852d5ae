using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Digests;

/// <summary>What changed in one object.</summary>
internal sealed class ObjectChanges
{
    /// <summary>Everything may have changed; the rest says nothing then.</summary>
    public bool Whole { get; set; }

    /// <summary>The extended attributes changed.</summary>
    public bool Xattrs { get; set; }

    /// <summary>Blocks that were written or removed; in any order, may overlap.</summary>
    public List<BlockRange> Blocks { get; set; } = [];

    /// <summary>Names that were added, removed or given to other objects.</summary>
    public SortedSet<byte[]> Names { get; } = new(ByteOrder.Instance);
}

/// <summary>
/// What changed from one version to the next, so that only that is hashed again. It is kept with the version that it leads
/// to, whose digests are computed later, and maybe by another process.
/// </summary>
/// <remarks>
/// <para>
/// Bounded: beyond <see cref="MaximumPieces"/>, "everything of that object" takes the place of blocks and names. So it
/// costs time when somebody does much between two checkpoints, and never memory or correctness.
/// </para>
/// <code>
/// u64 previous version, u32 objects, for each in order of index:
///   u32 index  u8 flags (1 whole, 2 xattrs)  u32 ranges { u64 first  u64 last }  u32 names { bytes }
/// </code>
/// </remarks>
internal sealed class StateChanges
{
    /// <summary>Ranges of blocks, and pieces of 16 bytes of names, that are kept.</summary>
    public const int MaximumPieces = 1 << 16;

    private const int NamePieceBytes = 16;
    private const byte WholeFlag = 1;
    private const byte XattrsFlag = 2;

    private readonly SortedDictionary<uint, ObjectChanges> objects = [];
    private int pieces;

    /// <summary>The version before the changes; 0 for the empty volume.</summary>
    public ulong Previous { get; private set; }

    /// <summary>The objects that changed, freed ones included, in order of their places.</summary>
    public IReadOnlyDictionary<uint, ObjectChanges> Objects => objects;

    /// <summary>Starts again after a version: nothing changed since.</summary>
    public void StartAfter(ulong version)
    {
        Previous = version;
        objects.Clear();
        pieces = 0;
    }

    /// <summary>Attributes or locks of an object changed, or it came or went.</summary>
    public void Changed(uint index) => Get(index);

    /// <summary>Extended attributes of an object changed.</summary>
    public void XattrsChanged(uint index) => Get(index).Xattrs = true;

    /// <summary>Blocks of a file changed, or became holes.</summary>
    public void BlocksChanged(uint index, ulong first, ulong last)
    {
        ObjectChanges changes = Get(index);
        if (changes.Whole)
            return;
        var range = new BlockRange(first, last);
        if (changes.Blocks.Count > 0 && changes.Blocks[^1].Meets(range))
        {
            changes.Blocks[^1] = changes.Blocks[^1].With(range);
            return;
        }

        changes.Blocks.Add(range);
        pieces++;
        KeepBound(changes);
    }

    /// <summary>A name of a directory means something else now.</summary>
    public void NameChanged(uint directory, ReadOnlySpan<byte> name)
    {
        ObjectChanges changes = Get(directory);
        if (changes.Whole || !changes.Names.Add(name.ToArray()))
            return;
        pieces += PiecesOf(name);
        KeepBound(changes);
    }

    /// <summary>An object is gone: what was noted about its content means nothing for the next at its place.</summary>
    public void Gone(uint index)
    {
        ObjectChanges changes = Get(index);
        Clear(changes);
        changes.Whole = changes.Xattrs = false;
    }

    /// <summary>Appends the stored form.</summary>
    public void Encode(MessageWriter writer)
    {
        writer.WriteUInt64(Previous);
        writer.WriteUInt32((uint)objects.Count);
        foreach ((uint index, ObjectChanges changes) in objects)
        {
            writer.WriteUInt32(index);
            writer.WriteByte((byte)((changes.Whole ? WholeFlag : 0) | (changes.Xattrs ? XattrsFlag : 0)));
            List<BlockRange> blocks = BlockRange.Merge(changes.Blocks);
            writer.WriteUInt32((uint)blocks.Count);
            foreach (BlockRange range in blocks)
            {
                writer.WriteUInt64(range.First);
                writer.WriteUInt64(range.Last);
            }

            writer.WriteUInt32((uint)changes.Names.Count);
            foreach (byte[] name in changes.Names)
                writer.WriteBytes(name);
        }
    }

    /// <summary>Reads the stored form; false when it is none.</summary>
    public static bool TryDecode(ReadOnlyMemory<byte> stored, [NotNullWhen(true)] out StateChanges? changes)
    {
        var reader = new MessageReader(stored);
        changes = new StateChanges { Previous = reader.ReadUInt64() };
        for (uint left = reader.ReadUInt32(); left > 0 && !reader.Failed; left--)
            changes.ReadObject(ref reader);
        if (!reader.Complete)
            changes = null;
        return changes is not null;
    }

    private void ReadObject(ref MessageReader reader)
    {
        ObjectChanges one = Get(reader.ReadUInt32());
        byte flags = reader.ReadByte();
        one.Whole = (flags & WholeFlag) != 0;
        one.Xattrs = (flags & XattrsFlag) != 0;
        for (uint left = reader.ReadUInt32(); left > 0 && !reader.Failed; left--)
            one.Blocks.Add(new BlockRange(reader.ReadUInt64(), reader.ReadUInt64()));
        for (uint left = reader.ReadUInt32(); left > 0 && !reader.Failed; left--)
            one.Names.Add(reader.ReadBytes(Specification.MaximumNameBytes).ToArray());
    }

    private ObjectChanges Get(uint index)
    {
        if (!objects.TryGetValue(index, out ObjectChanges? changes))
            objects.Add(index, changes = new ObjectChanges());
        return changes;
    }

    private void KeepBound(ObjectChanges changes)
    {
        if (pieces <= MaximumPieces)
            return;

        // The same blocks written over and over are few ranges; otherwise it is this object's turn to be hashed whole.
        List<BlockRange> merged = BlockRange.Merge(changes.Blocks);
        if (2 * merged.Count <= changes.Blocks.Count && changes.Blocks.Count > 0)
        {
            pieces -= changes.Blocks.Count - merged.Count;
            changes.Blocks = merged;
            return;
        }

        Clear(changes);
        changes.Whole = true;
    }

    private void Clear(ObjectChanges changes)
    {
        pieces -= changes.Blocks.Count;
        foreach (byte[] name in changes.Names)
            pieces -= PiecesOf(name);
        changes.Blocks.Clear();
        changes.Names.Clear();
    }

    private static int PiecesOf(ReadOnlySpan<byte> name) => 1 + (name.Length / NamePieceBytes);
}

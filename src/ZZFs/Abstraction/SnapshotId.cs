namespace ZZFs.Abstraction;

/// <summary>
/// Names of objects below the hidden directory <c>.zzfs</c>: bit 63 of the generation, which no living object reaches, and
/// the number of the checkpoint in the others. An object of a snapshot has its place there, of which a snapshot has one.
/// </summary>
internal static class SnapshotId
{
    /// <summary>The name in the volume's root that leads to all snapshots, and that no listing shows.</summary>
    public static ReadOnlySpan<byte> FolderName => ".zzfs"u8;

    /// <summary>The name in it that leads to their list.</summary>
    public static ReadOnlySpan<byte> ListName => "snapshot"u8;

    /// <summary>How many snapshots may be kept by a name.</summary>
    public const int MaximumNames = 64;

    /// <summary>The place in the object array whose digest covers the names of snapshots; no object is ever there.</summary>
    public const uint KeptPlace = uint.MaxValue;

    private const ulong Flag = 1UL << 63;
    private const uint FirstSynthetic = uint.MaxValue - 2 - MaximumNames;

    /// <summary><c>.zzfs</c>.</summary>
    public static ObjectId Folder => new(uint.MaxValue, Flag);

    /// <summary><c>.zzfs/snapshot</c>.</summary>
    public static ObjectId List => new(uint.MaxValue - 1, Flag);

    /// <summary>Whether a name is one of these.</summary>
    public static bool Is(ObjectId id) => (id.Generation & Flag) != 0 && id != ObjectId.Current;

    /// <summary>Whether it is an object that a snapshot holds, and not one of the hidden directory's own.</summary>
    public static bool IsStored(ObjectId id) => Is(id) && id.Index < FirstSynthetic;

    /// <summary>Whether it is one of the hidden directory's own, whose content changes without a counter that says so.</summary>
    public static bool IsHidden(ObjectId id) => Is(id) && id.Index >= FirstSynthetic;

    /// <summary>st_ino: the place, and for objects of snapshots the checkpoint too, since they are on one device with the living.</summary>
    public static ulong InodeOf(ObjectId id) => Is(id) ? ((NumberOf(id) & 0x3fff_ffff) << 33) | (id.Index + 1UL) : id.Index + 1UL;

    /// <summary>The checkpoint that a name speaks of.</summary>
    public static ulong NumberOf(ObjectId id) => id.Generation & ~Flag;

    /// <summary>The name of a place in a checkpoint.</summary>
    public static ObjectId Of(ulong number, uint index) => new(index, Flag | number);

    /// <summary>The symbolic link that keeps a checkpoint by a name.</summary>
    public static ObjectId Link(ulong number, int slot) => new(FirstSynthetic + (uint)slot, Flag | number);
}

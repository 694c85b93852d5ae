using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.Abstraction.Model;

/// <summary>An object of the model: content is one array, entries are one sorted map, locks are one cell per byte.</summary>
internal sealed class ModelObject
{
    public required ObjectId Id { get; init; }

    public required ObjectType Type { get; init; }

    public ushort Mode { get; set; }

    public uint Uid { get; set; }

    public uint Gid { get; set; }

    public uint RawDevice { get; init; }

    public byte[] Content { get; set; } = [];

    public SortedDictionary<string, ModelObject> Entries { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, byte[]> Xattrs { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<(bool WholeFile, ulong Session, ulong Owner), LockKind?[]> Locks { get; } = [];

    public long AccessTime { get; set; }

    public long ModifyTime { get; set; }

    public long ChangeTime { get; set; }

    public ulong Change { get; set; }

    public ulong? OrphanOf { get; set; }

    public bool IsDirectory => Type == ObjectType.Directory;

    /// <summary>Bytes of blocks that aren't zero, counted anew each time.</summary>
    public ulong Allocated
    {
        get
        {
            ulong blocks = 0;
            for (int at = 0; Type == ObjectType.File && at < Content.Length; at += Specification.BlockBytes)
                blocks += Content.Skip(at).Take(Specification.BlockBytes).Any(one => one != 0) ? 1UL : 0;
            return blocks * Specification.BlockBytes;
        }
    }

    public ulong Size => IsDirectory ? (ulong)Entries.Count * 32 : (ulong)Content.Length;

    public Attributes Describe(uint links) => new(
        Type,
        Mode,
        Uid,
        Gid,
        links,
        Size,
        Allocated,
        new Timestamp(AccessTime),
        new Timestamp(ModifyTime),
        new Timestamp(ChangeTime),
        RawDevice,
        Change);
}

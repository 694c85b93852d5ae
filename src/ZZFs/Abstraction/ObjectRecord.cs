using System.Diagnostics.CodeAnalysis;
using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

/// <summary>
/// One place of the object array as the conformance wrapper keeps it: the abstract attributes, and what it must know to
/// find names again. Changed in place by the wrapper and written back later.
/// </summary>
/// <remarks>
/// Stored as: u64 generation, attributes (<see cref="OperationCodec.WriteAttributes"/>), u32 parent, u64 orphan's session,
/// u32 xattr bytes. For a free place the generation alone.
/// </remarks>
public sealed class ObjectRecord(uint index)
{
    /// <summary>Place in the object array.</summary>
    public uint Index { get; } = index;

    /// <summary>See <see cref="ObjectId"/>.</summary>
    public ulong Generation { get; set; }

    /// <summary>See <see cref="Attributes"/>, as the properties that follow.</summary>
    public ObjectType Type { get; set; }

    /// <summary>Permission bits.</summary>
    public ushort Mode { get; set; }

    /// <summary>Owner.</summary>
    public uint Uid { get; set; }

    /// <summary>Group.</summary>
    public uint Gid { get; set; }

    /// <summary>Names.</summary>
    public uint LinkCount { get; set; }

    /// <summary>Length.</summary>
    public ulong SizeBytes { get; set; }

    /// <summary>Bytes of the blocks that aren't holes.</summary>
    public ulong AllocatedBytes { get; set; }

    /// <summary>Access time.</summary>
    public Timestamp AccessTime { get; set; }

    /// <summary>Time of the last change of content.</summary>
    public Timestamp ModifyTime { get; set; }

    /// <summary>Time of the last change.</summary>
    public Timestamp ChangeTime { get; set; }

    /// <summary>Device number.</summary>
    public uint RawDevice { get; set; }

    /// <summary>Change counter.</summary>
    public ulong Change { get; set; }

    /// <summary>
    /// The directory that holds the name, while there is just one (always for a directory). Others are kept as metadata.
    /// Not part of the digest: it follows from the entries.
    /// </summary>
    public uint Parent { get; set; }

    /// <summary>The session that keeps this object though it has no name; <see cref="SessionId.None"/> for all others.</summary>
    public SessionId OrphanOf { get; set; }

    /// <summary>Length of all extended attributes, names and values.</summary>
    public uint XattrBytes { get; set; }

    /// <summary>The object's name.</summary>
    public ObjectId Id => new(Index, Generation);

    /// <summary>Whether it is a directory.</summary>
    public bool IsDirectory => Type == ObjectType.Directory;

    /// <summary>Whether it is a regular file.</summary>
    public bool IsFile => Type == ObjectType.File;

    /// <summary>What counts against the volume's bytes.</summary>
    public ulong FootprintBytes =>
        AllocatedBytes + XattrBytes + (Type is ObjectType.Directory or ObjectType.Symlink ? SizeBytes : 0);

    /// <summary>The abstract attributes.</summary>
    public Attributes ToAttributes() => new(
        Type, Mode, Uid, Gid, LinkCount, SizeBytes, AllocatedBytes, AccessTime, ModifyTime, ChangeTime, RawDevice, Change);

    /// <summary>Makes this a free place; only the generation stays.</summary>
    public void Free()
    {
        SetAttributes(new Attributes(ObjectType.Null, 0, 0, 0, 0, 0, 0, default, default, default, 0, 0));
        Parent = 0;
        OrphanOf = SessionId.None;
        XattrBytes = 0;
    }

    /// <summary>Appends the stored form.</summary>
    public void Encode(MessageWriter writer)
    {
        writer.WriteUInt64(Generation);
        if (Type == ObjectType.Null)
            return;
        OperationCodec.WriteAttributes(writer, ToAttributes());
        writer.WriteUInt32(Parent);
        writer.WriteUInt64(OrphanOf.Value);
        writer.WriteUInt32(XattrBytes);
    }

    /// <summary>Reads the stored form; false when it is none.</summary>
    public static bool TryDecode(uint index, ReadOnlyMemory<byte> stored, [NotNullWhen(true)] out ObjectRecord? record)
    {
        var reader = new MessageReader(stored);
        record = new ObjectRecord(index) { Generation = reader.ReadUInt64() };
        if (reader.Complete)
            return true;
        record.SetAttributes(OperationCodec.ReadAttributes(ref reader));
        record.Parent = reader.ReadUInt32();
        record.OrphanOf = new SessionId(reader.ReadUInt64());
        record.XattrBytes = reader.ReadUInt32();
        if (!reader.Complete || !record.IsPlausible())
            record = null;
        return record is not null;
    }

    // What arithmetic on a record relies on, so that a rotten one is found here.
    private bool IsPlausible()
    {
        ulong sizeLimit = Type switch
        {
            ObjectType.File => Specification.MaximumFileBytes,
            ObjectType.Directory => uint.MaxValue * 32UL,
            ObjectType.Symlink => Specification.MaximumSymlinkBytes,
            _ => 0,
        };
        return Type != ObjectType.Null
            && SizeBytes <= sizeLimit
            && AllocatedBytes <= (Type == ObjectType.File ? SizeBytes + Specification.BlockBytes : 0)
            && XattrBytes <= Specification.MaximumXattrTotalBytes;
    }

    private void SetAttributes(Attributes attributes)
    {
        Type = attributes.Type;
        Mode = attributes.Mode;
        Uid = attributes.Uid;
        Gid = attributes.Gid;
        LinkCount = attributes.LinkCount;
        SizeBytes = attributes.SizeBytes;
        AllocatedBytes = attributes.AllocatedBytes;
        AccessTime = attributes.AccessTime;
        ModifyTime = attributes.ModifyTime;
        ChangeTime = attributes.ChangeTime;
        RawDevice = attributes.RawDevice;
        Change = attributes.Change;
    }
}

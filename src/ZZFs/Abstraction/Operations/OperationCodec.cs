using Agreement.Messages;

namespace ZZFs.Abstraction.Operations;

/// <summary>
/// Operations and results as bytes. Every value has exactly one encoding, so that equal results have equal digests, and
/// every length is bounded, so that a liar can't make a replica allocate.
/// </summary>
/// <remarks>
/// Layout of an operation (integers little-endian, <c>bytes</c> = u32 length and that many bytes, <c>object</c> = u32
/// index, u64 generation, <c>time</c> = i64 nanoseconds, <c>bool</c> = 0 or 1):
/// <code>
/// u8 code   u32 uid   u32 gid   u32 count, count × u32 group   body
///
/// Lookup            object directory, bytes name
/// GetAttributes     object
/// SetAttributes     object, u16 mask, u16 mode, u32 uid, u32 gid, u64 size, time access, time modify, bool authorized
/// CheckAccess       object, u8 permissions
/// ReadLink          object
/// Read              object, u64 offset, u32 count, bool authorized
/// Write             object, u64 offset, bytes data, bool append, bool authorized
/// Create            object directory, bytes name, u16 mode, bool exclusive
/// MakeDirectory     object directory, bytes name, u16 mode
/// MakeSymlink       object directory, bytes name, bytes target
/// MakeNode          object directory, bytes name, u8 type, u16 mode, u32 device
/// Link              object, object directory, bytes name
/// Unlink            object directory, bytes name, bool keepOrphan
/// RemoveDirectory   object directory, bytes name
/// Rename            object source, bytes name, object target, bytes name, u8 mode, bool keepOrphan
/// ReadDirectory     object directory, bytes after, u32 maximumEntries, u32 maximumBytes
/// GetStatistics     nothing
/// Sync              object
/// GetXattr          object, bytes name
/// SetXattr          object, bytes name, bytes value, u8 flags
/// ListXattrs        object
/// RemoveXattr       object, bytes name
/// Allocate          object, u32 mode, u64 offset, u64 length, bool authorized
/// Seek              object, u64 offset, bool hole
/// CopyRange         object source, u64 offset, object target, u64 offset, u64 length
/// SetLock           object, u64 owner, u64 start, u64 end, u8 kind, u32 processId, bool wholeFile
/// TestLock          object, u64 owner, u64 start, u64 end, u8 kind
/// ReleaseOrphan     object
/// Compound          u32 count, count × (u8 code, body), none of them a compound
/// </code>
/// </remarks>
public static partial class OperationCodec
{
    /// <summary>
    /// Bound of encoded names and link targets. It is above what the specification allows, so that a name that is too
    /// long still reaches execution and gives ENAMETOOLONG as on a local file system.
    /// </summary>
    public const int MaximumEncodedNameBytes = 8 << 10;

    private const AttributeMask AllAttributes = (AttributeMask)0xff;

    /// <summary>Appends the encoding of <paramref name="operation"/> on behalf of <paramref name="caller"/>.</summary>
    /// <exception cref="ArgumentException">A compound inside a compound: the caller's mistake.</exception>
    public static void Encode(Credentials caller, Operation operation, MessageWriter writer)
    {
        writer.WriteByte((byte)CodeOf(operation));
        writer.WriteUInt32(caller.Uid);
        writer.WriteUInt32(caller.Gid);
        writer.WriteUInt32((uint)caller.Groups.Count);
        for (int i = 0; i < caller.Groups.Count; i++)
            writer.WriteUInt32(caller.Groups[i]);
        if (operation is Compound compound)
            EncodeCompound(compound, writer);
        else
            EncodeBody(operation, writer);
    }

    /// <summary>Parses what <see cref="Encode"/> wrote. Names and data of the result are slices of <paramref name="bytes"/>.</summary>
    /// <returns>False for anything but the one encoding of a valid operation; never throws.</returns>
    public static bool TryDecode(ReadOnlyMemory<byte> bytes, out Credentials caller, out Operation operation)
    {
        caller = Credentials.Superuser;
        operation = new GetStatistics();
        if (bytes.Length > Limits.MaximumOperationBytes)
            return false;
        var reader = new MessageReader(bytes);
        var code = (OperationCode)reader.ReadByte();
        uint uid = reader.ReadUInt32();
        uint gid = reader.ReadUInt32();
        int groupCount = reader.ReadCount(Specification.MaximumGroups);
        uint[] groups = groupCount == 0 ? [] : new uint[groupCount];
        for (int i = 0; i < groupCount; i++)
            groups[i] = reader.ReadUInt32();
        Operation? decoded = code == OperationCode.Compound ? DecodeCompound(ref reader) : DecodeBody(code, ref reader);
        if (decoded is null || !reader.Complete)
            return false;
        caller = new Credentials(uid, gid, groups);
        operation = decoded;
        return true;
    }

    /// <summary>The first byte of the encoding of <paramref name="operation"/>.</summary>
    public static OperationCode CodeOf(Operation operation) => operation switch
    {
        Lookup => OperationCode.Lookup,
        GetAttributes => OperationCode.GetAttributes,
        SetAttributes => OperationCode.SetAttributes,
        CheckAccess => OperationCode.CheckAccess,
        ReadLink => OperationCode.ReadLink,
        Read => OperationCode.Read,
        Write => OperationCode.Write,
        Create => OperationCode.Create,
        MakeDirectory => OperationCode.MakeDirectory,
        MakeSymlink => OperationCode.MakeSymlink,
        MakeNode => OperationCode.MakeNode,
        Link => OperationCode.Link,
        Unlink => OperationCode.Unlink,
        RemoveDirectory => OperationCode.RemoveDirectory,
        Rename => OperationCode.Rename,
        ReadDirectory => OperationCode.ReadDirectory,
        GetStatistics => OperationCode.GetStatistics,
        Sync => OperationCode.Sync,
        GetXattr => OperationCode.GetXattr,
        SetXattr => OperationCode.SetXattr,
        ListXattrs => OperationCode.ListXattrs,
        RemoveXattr => OperationCode.RemoveXattr,
        Allocate => OperationCode.Allocate,
        Seek => OperationCode.Seek,
        CopyRange => OperationCode.CopyRange,
        SetLock => OperationCode.SetLock,
        TestLock => OperationCode.TestLock,
        ReleaseOrphan => OperationCode.ReleaseOrphan,
        Compound => OperationCode.Compound,
        _ => throw new ArgumentException("unknown operation", nameof(operation)),
    };

    private static void EncodeCompound(Compound compound, MessageWriter writer)
    {
        writer.WriteUInt32((uint)compound.Operations.Count);
        for (int i = 0; i < compound.Operations.Count; i++)
        {
            Operation part = compound.Operations[i];
            if (part is Compound)
                throw new ArgumentException("a compound can't hold a compound", nameof(compound));
            writer.WriteByte((byte)CodeOf(part));
            EncodeBody(part, writer);
        }
    }

    private static Compound? DecodeCompound(ref MessageReader reader)
    {
        var parts = new Operation[reader.ReadCount(Specification.MaximumCompound)];
        for (int i = 0; i < parts.Length; i++)
        {
            // A nested compound has no body decoder, so that nesting ends here.
            if (DecodeBody((OperationCode)reader.ReadByte(), ref reader) is not { } part)
                return null;
            parts[i] = part;
        }

        return new Compound(parts);
    }

    /// <summary>Appends index and generation.</summary>
    public static void WriteObject(MessageWriter writer, ObjectId value)
    {
        writer.WriteUInt32(value.Index);
        writer.WriteUInt64(value.Generation);
    }

    /// <summary>Reads index and generation.</summary>
    public static ObjectId ReadObject(ref MessageReader reader)
    {
        uint index = reader.ReadUInt32();
        return new ObjectId(index, reader.ReadUInt64());
    }
}

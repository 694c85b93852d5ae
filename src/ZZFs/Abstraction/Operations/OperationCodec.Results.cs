using Agreement.Messages;

namespace ZZFs.Abstraction.Operations;

// Layout of a result: u16 error, u16 parts present (ResultParts, in the order of its bits), then those parts.
//
//   Object, SecondObject        u32 index, u64 generation
//   Attributes                  u8 type, u16 mode, u32 uid, u32 gid, u32 links, u64 size, u64 allocated,
//                               i64 access, i64 modify, i64 change, u32 device, u64 change counter      (67 bytes)
//   Directory, SecondDirectory  u64 change counter before, attributes
//   Data                        bytes
//   Number                      u64
//   EndOfData                   nothing: the bit says it
//   Entries                     u32 count, count × (bytes name, object, attributes)
//   Statistics                  u64 total bytes, u64 used bytes, u64 total objects, u64 used objects
//   Conflict                    u64 start, u64 end, u8 kind, u32 process
//   Parts                       u32 count, count × result, none of them with parts
public static partial class OperationCodec
{
    /// <summary>Length of encoded <see cref="Attributes"/>, in bytes.</summary>
    public const int AttributesBytes = 67;

    /// <summary>Length of an encoded directory entry without its name, in bytes.</summary>
    public const int EntryOverheadBytes = sizeof(uint) + ObjectId.SizeBytes + AttributesBytes;

    private const ushort MaximumErrno = 4095;

    [Flags]
    private enum ResultParts : ushort
    {
        None = 0,
        Object = 1,
        SecondObject = 2,
        Attributes = 4,
        Directory = 8,
        SecondDirectory = 16,
        Data = 32,
        Number = 64,
        EndOfData = 128,
        Entries = 256,
        Statistics = 512,
        Conflict = 1024,
        Parts = 2048,
        All = 4095,
    }

    /// <summary>Appends the encoding of <paramref name="result"/>.</summary>
    public static void EncodeResult(OperationResult result, MessageWriter writer)
    {
        writer.WriteUInt16((ushort)result.Error);
        writer.WriteUInt16((ushort)PartsOf(result));
        if (result.Object is { } first)
            WriteObject(writer, first);
        if (result.SecondObject is { } second)
            WriteObject(writer, second);
        if (result.Attributes is { } attributes)
            WriteAttributes(writer, attributes);
        if (result.Directory is { } directory)
            WriteDirectoryState(writer, directory);
        if (result.SecondDirectory is { } secondDirectory)
            WriteDirectoryState(writer, secondDirectory);
        if (result.Data is { } data)
            writer.WriteBytes(data.Span);
        if (result.Number is { } number)
            writer.WriteUInt64(number);
        if (result.Entries is { } entries)
            WriteEntries(writer, entries);
        if (result.Statistics is { } statistics)
            WriteStatistics(writer, statistics);
        if (result.Conflict is { } conflict)
            WriteConflict(writer, conflict);
        if (result.Parts is { } parts)
        {
            writer.WriteUInt32((uint)parts.Count);
            for (int i = 0; i < parts.Count; i++)
                EncodeResult(parts[i], writer);
        }
    }

    /// <summary>Parses what <see cref="EncodeResult"/> wrote. Names and data are slices of <paramref name="bytes"/>.</summary>
    /// <returns>False for anything but the one encoding of a valid result; never throws.</returns>
    public static bool TryDecodeResult(ReadOnlyMemory<byte> bytes, out OperationResult result)
    {
        result = OperationResult.Failed(Errno.EPROTO);
        if (bytes.Length > Limits.MaximumResultBytes)
            return false;
        var reader = new MessageReader(bytes);
        OperationResult decoded = DecodeResult(ref reader, partsAllowed: true);
        if (!reader.Complete)
            return false;
        result = decoded;
        return true;
    }

    /// <summary>Appends the <see cref="AttributesBytes"/> bytes of <paramref name="value"/>.</summary>
    public static void WriteAttributes(MessageWriter writer, Attributes value)
    {
        writer.WriteByte((byte)value.Type);
        writer.WriteUInt16(value.Mode);
        writer.WriteUInt32(value.Uid);
        writer.WriteUInt32(value.Gid);
        writer.WriteUInt32(value.LinkCount);
        writer.WriteUInt64(value.SizeBytes);
        writer.WriteUInt64(value.AllocatedBytes);
        writer.WriteInt64(value.AccessTime.Nanoseconds);
        writer.WriteInt64(value.ModifyTime.Nanoseconds);
        writer.WriteInt64(value.ChangeTime.Nanoseconds);
        writer.WriteUInt32(value.RawDevice);
        writer.WriteUInt64(value.Change);
    }

    /// <summary>Reads attributes; fails the reader on a type or mode that can't be.</summary>
    public static Attributes ReadAttributes(ref MessageReader reader)
    {
        ObjectType type = ReadType(ref reader);
        ushort mode = reader.ReadUInt16();
        if (mode > 0xfff)
            reader.Fail();
        return new Attributes(
            type,
            mode,
            reader.ReadUInt32(),
            reader.ReadUInt32(),
            reader.ReadUInt32(),
            reader.ReadUInt64(),
            reader.ReadUInt64(),
            new Timestamp(reader.ReadInt64()),
            new Timestamp(reader.ReadInt64()),
            new Timestamp(reader.ReadInt64()),
            reader.ReadUInt32(),
            reader.ReadUInt64());
    }

    private static ResultParts PartsOf(OperationResult result) =>
        (result.Object is null ? 0 : ResultParts.Object)
        | (result.SecondObject is null ? 0 : ResultParts.SecondObject)
        | (result.Attributes is null ? 0 : ResultParts.Attributes)
        | (result.Directory is null ? 0 : ResultParts.Directory)
        | (result.SecondDirectory is null ? 0 : ResultParts.SecondDirectory)
        | (result.Data is null ? 0 : ResultParts.Data)
        | (result.Number is null ? 0 : ResultParts.Number)
        | (result.EndOfData ? ResultParts.EndOfData : 0)
        | (result.Entries is null ? 0 : ResultParts.Entries)
        | (result.Statistics is null ? 0 : ResultParts.Statistics)
        | (result.Conflict is null ? 0 : ResultParts.Conflict)
        | (result.Parts is null ? 0 : ResultParts.Parts);

    private static OperationResult DecodeResult(ref MessageReader reader, bool partsAllowed)
    {
        ushort error = reader.ReadUInt16();
        var present = (ResultParts)reader.ReadUInt16();
        if (error > MaximumErrno || (present & ~ResultParts.All) != 0 || (!partsAllowed && present.HasFlag(ResultParts.Parts)))
            reader.Fail();
        if (reader.Failed)
            return OperationResult.Success;

        // Initializers run in the order written here, which is the order on the wire.
        return new OperationResult
        {
            Error = (Errno)error,
            Object = present.HasFlag(ResultParts.Object) ? ReadObject(ref reader) : null,
            SecondObject = present.HasFlag(ResultParts.SecondObject) ? ReadObject(ref reader) : null,
            Attributes = present.HasFlag(ResultParts.Attributes) ? ReadAttributes(ref reader) : null,
            Directory = present.HasFlag(ResultParts.Directory) ? ReadDirectoryState(ref reader) : null,
            SecondDirectory = present.HasFlag(ResultParts.SecondDirectory) ? ReadDirectoryState(ref reader) : null,
            // Without the cast null would become an empty, present value, through the conversion from arrays.
            Data = present.HasFlag(ResultParts.Data) ? reader.ReadBytes(Limits.MaximumResultBytes) : (ReadOnlyMemory<byte>?)null,
            Number = present.HasFlag(ResultParts.Number) ? reader.ReadUInt64() : null,
            EndOfData = present.HasFlag(ResultParts.EndOfData),
            Entries = present.HasFlag(ResultParts.Entries) ? ReadEntries(ref reader) : null,
            Statistics = present.HasFlag(ResultParts.Statistics) ? ReadStatistics(ref reader) : null,
            Conflict = present.HasFlag(ResultParts.Conflict) ? ReadConflict(ref reader) : null,
            Parts = present.HasFlag(ResultParts.Parts) ? ReadParts(ref reader) : null,
        };
    }

    private static void WriteDirectoryState(MessageWriter writer, DirectoryState state)
    {
        writer.WriteUInt64(state.ChangeBefore);
        WriteAttributes(writer, state.After);
    }

    private static DirectoryState ReadDirectoryState(ref MessageReader reader)
    {
        ulong before = reader.ReadUInt64();
        return new DirectoryState(before, ReadAttributes(ref reader));
    }

    private static void WriteEntries(MessageWriter writer, IReadOnlyList<DirectoryEntry> entries)
    {
        writer.WriteUInt32((uint)entries.Count);
        for (int i = 0; i < entries.Count; i++)
        {
            writer.WriteBytes(entries[i].Name.Span);
            WriteObject(writer, entries[i].Object);
            WriteAttributes(writer, entries[i].Attributes);
        }
    }

    private static DirectoryEntry[] ReadEntries(ref MessageReader reader)
    {
        // The array is sized only after the count is known to fit in the bytes that are there.
        var entries = new DirectoryEntry[reader.ReadCount(reader.Remaining / EntryOverheadBytes)];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = new DirectoryEntry(
                reader.ReadBytes(Specification.MaximumNameBytes), ReadObject(ref reader), ReadAttributes(ref reader));
        }

        return entries;
    }

    private static void WriteStatistics(MessageWriter writer, VolumeStatistics statistics)
    {
        writer.WriteUInt64(statistics.TotalBytes);
        writer.WriteUInt64(statistics.UsedBytes);
        writer.WriteUInt64(statistics.TotalObjects);
        writer.WriteUInt64(statistics.UsedObjects);
    }

    private static VolumeStatistics ReadStatistics(ref MessageReader reader) =>
        new(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64());

    private static void WriteConflict(MessageWriter writer, LockConflict conflict)
    {
        writer.WriteUInt64(conflict.Start);
        writer.WriteUInt64(conflict.End);
        writer.WriteByte((byte)conflict.Kind);
        writer.WriteUInt32(conflict.ProcessId);
    }

    private static LockConflict ReadConflict(ref MessageReader reader) =>
        new(reader.ReadUInt64(), reader.ReadUInt64(), ReadLockKind(ref reader), reader.ReadUInt32());

    private static OperationResult[] ReadParts(ref MessageReader reader)
    {
        var parts = new OperationResult[reader.ReadCount(Specification.MaximumCompound)];
        for (int i = 0; i < parts.Length; i++)
            parts[i] = DecodeResult(ref reader, partsAllowed: false);
        return parts;
    }
}

using Agreement.Messages;

namespace ZZFs.Abstraction.Operations;

// The body of each operation, encoder beside decoder, in the order of the layout table. C# evaluates arguments from
// left to right, so the order of a constructor's arguments is the order on the wire.
public static partial class OperationCodec
{
    private static void EncodeBody(Operation operation, MessageWriter writer)
    {
        switch (operation)
        {
            case Lookup o:
                WriteName(writer, o.Directory, o.Name);
                break;
            case GetAttributes o:
                WriteObject(writer, o.Object);
                break;
            case SetAttributes o:
                EncodeSetAttributes(o, writer);
                break;
            case CheckAccess o:
                WriteObject(writer, o.Object);
                writer.WriteByte(o.Permissions);
                break;
            case ReadLink o:
                WriteObject(writer, o.Object);
                break;
            case Read o:
                WriteObject(writer, o.Object);
                writer.WriteUInt64(o.Offset);
                writer.WriteUInt32(o.Count);
                writer.WriteBool(o.Authorized);
                break;
            case Write o:
                WriteObject(writer, o.Object);
                writer.WriteUInt64(o.Offset);
                writer.WriteBytes(o.Data.Span);
                writer.WriteBool(o.Append);
                writer.WriteBool(o.Authorized);
                break;
            case Create or MakeDirectory or MakeSymlink or MakeNode or Link or Unlink or RemoveDirectory or Rename:
                EncodeNamespaceBody(operation, writer);
                break;
            case ReadDirectory o:
                WriteName(writer, o.Directory, o.After);
                writer.WriteUInt32(o.MaximumEntries);
                writer.WriteUInt32(o.MaximumBytes);
                break;
            case GetStatistics:
                break;
            case Sync o:
                WriteObject(writer, o.Object);
                break;
            default:
                EncodeLesserBody(operation, writer);
                break;
        }
    }

    private static void EncodeNamespaceBody(Operation operation, MessageWriter writer)
    {
        switch (operation)
        {
            case Create o:
                WriteName(writer, o.Directory, o.Name);
                writer.WriteUInt16(o.Mode);
                writer.WriteBool(o.Exclusive);
                break;
            case MakeDirectory o:
                WriteName(writer, o.Directory, o.Name);
                writer.WriteUInt16(o.Mode);
                break;
            case MakeSymlink o:
                WriteName(writer, o.Directory, o.Name);
                writer.WriteBytes(o.Target.Span);
                break;
            case MakeNode o:
                WriteName(writer, o.Directory, o.Name);
                writer.WriteByte((byte)o.Type);
                writer.WriteUInt16(o.Mode);
                writer.WriteUInt32(o.RawDevice);
                break;
            case Link o:
                WriteObject(writer, o.Object);
                WriteName(writer, o.Directory, o.Name);
                break;
            case Unlink o:
                WriteName(writer, o.Directory, o.Name);
                writer.WriteBool(o.KeepOrphan);
                break;
            case RemoveDirectory o:
                WriteName(writer, o.Directory, o.Name);
                break;
            case Rename o:
                WriteName(writer, o.SourceDirectory, o.SourceName);
                WriteName(writer, o.TargetDirectory, o.TargetName);
                writer.WriteByte((byte)o.Mode);
                writer.WriteBool(o.KeepOrphan);
                break;
        }
    }

    private static void EncodeLesserBody(Operation operation, MessageWriter writer)
    {
        switch (operation)
        {
            case GetXattr o:
                WriteName(writer, o.Object, o.Name);
                break;
            case SetXattr o:
                WriteName(writer, o.Object, o.Name);
                writer.WriteBytes(o.Value.Span);
                writer.WriteByte(o.Flags);
                break;
            case ListXattrs o:
                WriteObject(writer, o.Object);
                break;
            case RemoveXattr o:
                WriteName(writer, o.Object, o.Name);
                break;
            case Allocate o:
                WriteObject(writer, o.Object);
                writer.WriteUInt32((uint)o.Mode);
                writer.WriteUInt64(o.Offset);
                writer.WriteUInt64(o.Length);
                writer.WriteBool(o.Authorized);
                break;
            case Seek o:
                WriteObject(writer, o.Object);
                writer.WriteUInt64(o.Offset);
                writer.WriteBool(o.Hole);
                break;
            case CopyRange o:
                WriteObject(writer, o.Source);
                writer.WriteUInt64(o.SourceOffset);
                WriteObject(writer, o.Target);
                writer.WriteUInt64(o.TargetOffset);
                writer.WriteUInt64(o.Length);
                break;
            case SetLock o:
                WriteLock(writer, o.Object, o.Owner, o.Start, o.End, o.Kind);
                writer.WriteUInt32(o.ProcessId);
                writer.WriteBool(o.WholeFile);
                break;
            case TestLock o:
                WriteLock(writer, o.Object, o.Owner, o.Start, o.End, o.Kind);
                break;
            case ReleaseOrphan o:
                WriteObject(writer, o.Object);
                break;
        }
    }

    private static Operation? DecodeBody(OperationCode code, ref MessageReader r) => code switch
    {
        OperationCode.Lookup => new Lookup(ReadObject(ref r), ReadName(ref r)),
        OperationCode.GetAttributes => new GetAttributes(ReadObject(ref r)),
        OperationCode.SetAttributes => new SetAttributes(
            ReadObject(ref r),
            ReadMask(ref r),
            r.ReadUInt16(),
            r.ReadUInt32(),
            r.ReadUInt32(),
            r.ReadUInt64(),
            new Timestamp(r.ReadInt64()),
            new Timestamp(r.ReadInt64()),
            r.ReadBool()),
        OperationCode.CheckAccess => new CheckAccess(ReadObject(ref r), ReadUpTo(ref r, 7)),
        OperationCode.ReadLink => new ReadLink(ReadObject(ref r)),
        OperationCode.Read => new Read(ReadObject(ref r), r.ReadUInt64(), r.ReadUInt32(), r.ReadBool()),
        OperationCode.Write => new Write(
            ReadObject(ref r), r.ReadUInt64(), r.ReadBytes(Limits.MaximumTransferBytes), r.ReadBool(), r.ReadBool()),
        OperationCode.Create => new Create(ReadObject(ref r), ReadName(ref r), r.ReadUInt16(), r.ReadBool()),
        OperationCode.MakeDirectory => new MakeDirectory(ReadObject(ref r), ReadName(ref r), r.ReadUInt16()),
        OperationCode.MakeSymlink => new MakeSymlink(ReadObject(ref r), ReadName(ref r), ReadName(ref r)),
        OperationCode.MakeNode => new MakeNode(
            ReadObject(ref r), ReadName(ref r), ReadType(ref r), r.ReadUInt16(), r.ReadUInt32()),
        OperationCode.Link => new Link(ReadObject(ref r), ReadObject(ref r), ReadName(ref r)),
        OperationCode.Unlink => new Unlink(ReadObject(ref r), ReadName(ref r), r.ReadBool()),
        OperationCode.RemoveDirectory => new RemoveDirectory(ReadObject(ref r), ReadName(ref r)),
        OperationCode.Rename => new Rename(
            ReadObject(ref r),
            ReadName(ref r),
            ReadObject(ref r),
            ReadName(ref r),
            (RenameMode)ReadUpTo(ref r, (byte)RenameMode.Exchange),
            r.ReadBool()),
        OperationCode.ReadDirectory => new ReadDirectory(ReadObject(ref r), ReadName(ref r), r.ReadUInt32(), r.ReadUInt32()),
        OperationCode.GetStatistics => new GetStatistics(),
        OperationCode.Sync => new Sync(ReadObject(ref r)),
        _ => DecodeLesserBody(code, ref r),
    };

    private static Operation? DecodeLesserBody(OperationCode code, ref MessageReader r) => code switch
    {
        OperationCode.GetXattr => new GetXattr(ReadObject(ref r), ReadName(ref r)),
        OperationCode.SetXattr => new SetXattr(
            ReadObject(ref r), ReadName(ref r), r.ReadBytes(Limits.MaximumTransferBytes), r.ReadByte()),
        OperationCode.ListXattrs => new ListXattrs(ReadObject(ref r)),
        OperationCode.RemoveXattr => new RemoveXattr(ReadObject(ref r), ReadName(ref r)),
        OperationCode.Allocate => new Allocate(
            ReadObject(ref r), (AllocateMode)r.ReadUInt32(), r.ReadUInt64(), r.ReadUInt64(), r.ReadBool()),
        OperationCode.Seek => new Seek(ReadObject(ref r), r.ReadUInt64(), r.ReadBool()),
        OperationCode.CopyRange => new CopyRange(
            ReadObject(ref r), r.ReadUInt64(), ReadObject(ref r), r.ReadUInt64(), r.ReadUInt64()),
        OperationCode.SetLock => new SetLock(
            ReadObject(ref r),
            r.ReadUInt64(),
            r.ReadUInt64(),
            r.ReadUInt64(),
            ReadLockKind(ref r),
            r.ReadUInt32(),
            r.ReadBool()),
        OperationCode.TestLock => new TestLock(
            ReadObject(ref r), r.ReadUInt64(), r.ReadUInt64(), r.ReadUInt64(), ReadLockKind(ref r)),
        OperationCode.ReleaseOrphan => new ReleaseOrphan(ReadObject(ref r)),
        _ => null,
    };

    private static void EncodeSetAttributes(SetAttributes o, MessageWriter writer)
    {
        WriteObject(writer, o.Object);
        writer.WriteUInt16((ushort)o.Mask);
        writer.WriteUInt16(o.Mode);
        writer.WriteUInt32(o.Uid);
        writer.WriteUInt32(o.Gid);
        writer.WriteUInt64(o.SizeBytes);
        writer.WriteInt64(o.AccessTime.Nanoseconds);
        writer.WriteInt64(o.ModifyTime.Nanoseconds);
        writer.WriteBool(o.Authorized);
    }

    private static void WriteName(MessageWriter writer, ObjectId directory, ReadOnlyMemory<byte> name)
    {
        WriteObject(writer, directory);
        writer.WriteBytes(name.Span);
    }

    private static void WriteLock(MessageWriter writer, ObjectId target, ulong owner, ulong start, ulong end, LockKind kind)
    {
        WriteObject(writer, target);
        writer.WriteUInt64(owner);
        writer.WriteUInt64(start);
        writer.WriteUInt64(end);
        writer.WriteByte((byte)kind);
    }

    private static ReadOnlyMemory<byte> ReadName(ref MessageReader reader) => reader.ReadBytes(MaximumEncodedNameBytes);

    private static LockKind ReadLockKind(ref MessageReader reader) => (LockKind)ReadUpTo(ref reader, (byte)LockKind.Unlock);

    private static ObjectType ReadType(ref MessageReader reader) => (ObjectType)ReadUpTo(ref reader, (byte)ObjectType.BlockDevice);

    private static AttributeMask ReadMask(ref MessageReader reader)
    {
        var mask = (AttributeMask)reader.ReadUInt16();
        if ((mask & ~AllAttributes) != 0)
            reader.Fail();
        return mask;
    }

    private static byte ReadUpTo(ref MessageReader reader, byte maximum)
    {
        byte value = reader.ReadByte();
        if (value > maximum)
            reader.Fail();
        return value;
    }
}

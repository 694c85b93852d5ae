namespace Agreement.Messages;

/// <summary>
/// An agreement replica without f + 1 matching reports of a reply asks the active execution replicas for the digest of a
/// slot's last reply (DESIGN §6). Whose slot it is must be said, since an opening has no session yet.
/// </summary>
/// <remarks>Layout: kind (1), client index (4), session (8), slot (2), slotSeq (8), request digest (32).</remarks>
public readonly record struct ReplyInquiry(uint Client, SessionId Session, ushort Slot, ulong SlotSequence, Digest RequestDigest)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ReplyInquiry);
        WriteFields(writer);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ReplyInquiry message)
    {
        message = ReadFields(ref reader);
        return reader.Complete;
    }

    internal void WriteFields(MessageWriter writer)
    {
        writer.WriteUInt32(Client);
        writer.WriteUInt64(Session.Value);
        writer.WriteUInt16(Slot);
        writer.WriteUInt64(SlotSequence);
        writer.WriteDigest(RequestDigest);
    }

    internal static ReplyInquiry ReadFields(ref MessageReader reader) => new(
        reader.ReadUInt32(), new SessionId(reader.ReadUInt64()), reader.ReadUInt16(), reader.ReadUInt64(), reader.ReadDigest());
}

/// <summary>The answer to a <see cref="ReplyInquiry"/>: what the sender, active in e, replied at n under r.</summary>
/// <remarks>Layout: kind (1), incarnation (8), epoch (8), the inquiry without its kind, number (8), result digest (32).</remarks>
public readonly record struct ReplyStatement(
    Incarnation Incarnation, Epoch Epoch, ReplyInquiry About, SequenceNumber Number, Digest ResultDigest)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ReplyStatement);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Epoch.Value);
        About.WriteFields(writer);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(ResultDigest);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ReplyStatement message)
    {
        message = new ReplyStatement(
            new Incarnation(reader.ReadUInt64()),
            new Epoch(reader.ReadUInt64()),
            ReplyInquiry.ReadFields(ref reader),
            new SequenceNumber(reader.ReadUInt64()),
            reader.ReadDigest());
        return reader.Complete;
    }
}

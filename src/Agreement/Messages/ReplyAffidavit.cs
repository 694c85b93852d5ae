namespace Agreement.Messages;

/// <summary>
/// REPLY-AFFIDAVIT⟨session, slot, slotSeq, request digest, reply digest⟩: the sender holds f + 1 matching reports of this
/// reply. f + 1 affidavits certify one full result from anyone (DESIGN §6).
/// </summary>
/// <remarks>Layout: kind (1), incarnation (8), session (8), slot (2), slotSeq (8), request digest (32), number (8), result digest (32).</remarks>
public readonly record struct ReplyAffidavit(
    Incarnation Incarnation,
    SessionId Session,
    ushort Slot,
    ulong SlotSequence,
    Digest RequestDigest,
    SequenceNumber Number,
    Digest ResultDigest)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ReplyAffidavit);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Session.Value);
        writer.WriteUInt16(Slot);
        writer.WriteUInt64(SlotSequence);
        writer.WriteDigest(RequestDigest);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(ResultDigest);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ReplyAffidavit message)
    {
        message = new ReplyAffidavit(
            new Incarnation(reader.ReadUInt64()),
            new SessionId(reader.ReadUInt64()),
            reader.ReadUInt16(),
            reader.ReadUInt64(),
            reader.ReadDigest(),
            new SequenceNumber(reader.ReadUInt64()),
            reader.ReadDigest());
        return reader.Complete;
    }
}

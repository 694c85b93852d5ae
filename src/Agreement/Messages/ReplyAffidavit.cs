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

/// <summary>
/// WANT-AFFIDAVITS⟨e⟩: the client got a result by affidavits only, and for the rest of this epoch wants them unasked, and
/// every reply in full, so that a replica that starves it costs one timeout (DESIGN §6).
/// </summary>
/// <remarks>Layout: kind (1), epoch (8).</remarks>
public readonly record struct WantAffidavits(Epoch Epoch)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.WantAffidavits);
        writer.WriteUInt64(Epoch.Value);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out WantAffidavits message)
    {
        message = new WantAffidavits(new Epoch(reader.ReadUInt64()));
        return reader.Complete;
    }
}

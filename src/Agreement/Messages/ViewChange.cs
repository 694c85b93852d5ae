using Agreement.Crypto;

namespace Agreement.Messages;

/// <summary>A batch digest and the last view in which it was pre-prepared or prepared.</summary>
public readonly record struct ViewedDigest(View View, Digest Batch);

/// <summary>
/// What a VIEW-CHANGE says of one number: what was prepared last (its part of the P set), and what was pre-prepared (of the
/// Q set).
/// </summary>
/// <param name="Number">The number.</param>
/// <param name="Prepared">The batch prepared last, or learned as committed; null if none.</param>
/// <param name="PrePrepared">Each batch that was pre-prepared, with the last view in which it was.</param>
public sealed record ViewChangeEntry(SequenceNumber Number, ViewedDigest? Prepared, IReadOnlyList<ViewedDigest> PrePrepared);

/// <summary>
/// VIEW-CHANGE⟨v, h, C, P, Q, i⟩ (TOCS 2002 §4.5), signed, so that it can be passed on. The checkpoint is proven by the
/// certificate in it.
/// </summary>
/// <param name="Sender">i.</param>
/// <param name="View">The view v that the sender moves to.</param>
/// <param name="Incarnation">The log incarnation in which its entries stand.</param>
/// <param name="Amnesic">The sender may have lost entries that it had voted for.</param>
/// <param name="Stable">Proof of its last stable checkpoint h; null before the first.</param>
/// <param name="Entries">P and Q of the numbers above h, in ascending order.</param>
/// <param name="Signature">The sender's.</param>
/// <remarks>
/// Layout: kind (1), sender (4), view (8), incarnation (8), amnesic (1), has certificate (1), certificate, count (4), entries,
/// signature (64). An entry: number (8), has prepared (1), prepared, count (1), pre-prepared; each of these view (8), digest
/// (32).
/// </remarks>
public sealed record ViewChange(
    PartyId Sender,
    View View,
    Incarnation Incarnation,
    bool Amnesic,
    StableCertificate? Stable,
    IReadOnlyList<ViewChangeEntry> Entries,
    ReadOnlyMemory<byte> Signature)
{
    /// <summary>Most entries: a window, at the largest checkpoint interval.</summary>
    public const int MaximumEntries = 2 * Limits.MaximumCheckpointInterval;

    /// <summary>h: the number of the last stable checkpoint.</summary>
    public SequenceNumber LowWaterMark => Stable?.State.Number ?? default;

    private static ReadOnlySpan<byte> Domain => "zzfs view-change 1\0"u8;

    /// <summary>Signs a message whose signature is still empty.</summary>
    public ViewChange Sign(Request.Signer sign)
    {
        byte[] signature = new byte[Request.SignatureBytes];
        sign(SignedBytes(), signature);
        return this with { Signature = signature };
    }

    /// <summary>Whether the signature is the sender's.</summary>
    public bool IsSigned(ISignatureChecker signatures) => signatures.Verify(Sender, SignedBytes(), Signature.Span);

    /// <summary>
    /// Whether a correct replica could have sent it: certificate, order of the numbers, water marks, views below the new one.
    /// </summary>
    public bool IsWellFormed(Quorum quorum, int window, ISignatureChecker signatures)
    {
        if (Sender.Role != PartyRole.Agreement || Sender.Index >= (uint)quorum.AgreementReplicas || Incarnation.Value >= View.Value)
            return false;
        SequenceNumber last = LowWaterMark;
        foreach (ViewChangeEntry entry in Entries)
        {
            if (entry.Number <= last || entry.Number.Value > LowWaterMark.Value + (ulong)window)
                return false;
            last = entry.Number;
            if (entry.Prepared is { } prepared && prepared.View.CompareTo(View) >= 0)
                return false;
            foreach (ViewedDigest proposed in entry.PrePrepared)
            {
                if (proposed.View.CompareTo(View) >= 0)
                    return false;
            }
        }

        return Stable is null || Stable.IsValid(quorum, signatures);
    }

    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        WriteUnsigned(writer);
        writer.WriteRaw(Signature.Span);
    }

    /// <summary>Parses what follows the kind byte, without checking the signature.</summary>
    public static bool TryRead(ref MessageReader reader, out ViewChange message)
    {
        message = Read(ref reader);
        return reader.Complete;
    }

    internal static ViewChange Read(ref MessageReader reader)
    {
        var sender = new PartyId(PartyRole.Agreement, reader.ReadUInt32());
        var view = new View(reader.ReadUInt64());
        var incarnation = new Incarnation(reader.ReadUInt64());
        bool amnesic = reader.ReadBool();
        StableCertificate? stable = null;
        if (reader.ReadBool())
        {
            if (reader.ReadByte() != (byte)MessageKind.StableCertificate)
                reader.Fail();
            stable = StableCertificate.Read(ref reader);
            if (stable is null)
                reader.Fail();
        }

        var entries = new ViewChangeEntry[reader.ReadCount(MaximumEntries)];
        for (int i = 0; i < entries.Length && !reader.Failed; i++)
            entries[i] = ReadEntry(ref reader);
        return new ViewChange(sender, view, incarnation, amnesic, stable, reader.Failed ? [] : entries, reader.ReadRaw(Request.SignatureBytes).ToArray());
    }

    private static ViewChangeEntry ReadEntry(ref MessageReader reader)
    {
        var number = new SequenceNumber(reader.ReadUInt64());
        ViewedDigest? prepared = reader.ReadBool() ? ReadViewed(ref reader) : null;
        int count = reader.ReadByte();
        if (count > Limits.MaximumPrePrepared)
            reader.Fail();
        var proposed = new ViewedDigest[reader.Failed ? 0 : count];
        for (int i = 0; i < proposed.Length; i++)
            proposed[i] = ReadViewed(ref reader);
        return new ViewChangeEntry(number, prepared, proposed);
    }

    private static ViewedDigest ReadViewed(ref MessageReader reader) => new(new View(reader.ReadUInt64()), reader.ReadDigest());

    private static void WriteViewed(MessageWriter writer, in ViewedDigest viewed)
    {
        writer.WriteUInt64(viewed.View.Value);
        writer.WriteDigest(viewed.Batch);
    }

    private void WriteUnsigned(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ViewChange);
        writer.WriteUInt32(Sender.Index);
        writer.WriteUInt64(View.Value);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteBool(Amnesic);
        writer.WriteBool(Stable is not null);
        Stable?.Write(writer);
        writer.WriteUInt32((uint)Entries.Count);
        foreach (ViewChangeEntry entry in Entries)
        {
            writer.WriteUInt64(entry.Number.Value);
            writer.WriteBool(entry.Prepared is not null);
            if (entry.Prepared is { } prepared)
                WriteViewed(writer, prepared);
            writer.WriteByte((byte)entry.PrePrepared.Count);
            foreach (ViewedDigest proposed in entry.PrePrepared)
                WriteViewed(writer, proposed);
        }
    }

    private byte[] SignedBytes()
    {
        var writer = new MessageWriter(4096);
        WriteUnsigned(writer);
        return [.. Domain, .. Digest.Of(writer.Written).ToArray()];
    }
}

/// <summary>
/// NEW-VIEW⟨v, V⟩, signed by the primary of v: the VIEW-CHANGEs that justify the view, whole. What is proposed again is not
/// in it: everybody computes it from V, so a primary can't choose (see <c>NewViewChoice</c>).
/// </summary>
/// <remarks>Layout: kind (1), view (8), count (4), VIEW-CHANGEs, signature (64).</remarks>
public sealed record NewView(View View, IReadOnlyList<ViewChange> ViewChanges, ReadOnlyMemory<byte> Signature)
{
    private static ReadOnlySpan<byte> Domain => "zzfs new-view 1\0"u8;

    /// <summary>Signs a message whose signature is still empty.</summary>
    public NewView Sign(Request.Signer sign)
    {
        byte[] signature = new byte[Request.SignatureBytes];
        sign(SignedBytes(), signature);
        return this with { Signature = signature };
    }

    /// <summary>Whether its primary signed it and its VIEW-CHANGEs are those of 2f + 1 or more distinct replicas for this view.</summary>
    public bool IsValid(Quorum quorum, int window, ISignatureChecker signatures)
    {
        var primary = PartyId.Agreement((int)(View.Value % (ulong)quorum.AgreementReplicas));
        if (!signatures.Verify(primary, SignedBytes(), Signature.Span))
            return false;
        uint senders = 0;
        foreach (ViewChange change in ViewChanges)
        {
            if (change.View != View || !change.IsWellFormed(quorum, window, signatures) || !change.IsSigned(signatures))
                return false;
            uint bit = 1u << (int)change.Sender.Index;
            if ((senders & bit) != 0)
                return false;
            senders |= bit;
        }

        return System.Numerics.BitOperations.PopCount(senders) >= quorum.Strong;
    }

    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        WriteUnsigned(writer);
        writer.WriteRaw(Signature.Span);
    }

    /// <summary>Parses what follows the kind byte, without checking signatures.</summary>
    public static bool TryRead(ref MessageReader reader, out NewView message)
    {
        var view = new View(reader.ReadUInt64());
        var changes = new ViewChange[reader.ReadCount((3 * Limits.MaximumFaults) + 1)];
        for (int i = 0; i < changes.Length && !reader.Failed; i++)
        {
            if (reader.ReadByte() != (byte)MessageKind.ViewChange)
                reader.Fail();
            changes[i] = ViewChange.Read(ref reader);
        }

        message = new NewView(view, reader.Failed ? [] : changes, reader.ReadRaw(Request.SignatureBytes).ToArray());
        return reader.Complete;
    }

    private void WriteUnsigned(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.NewView);
        writer.WriteUInt64(View.Value);
        writer.WriteUInt32((uint)ViewChanges.Count);
        foreach (ViewChange change in ViewChanges)
            change.Write(writer);
    }

    private byte[] SignedBytes()
    {
        var writer = new MessageWriter(4096);
        WriteUnsigned(writer);
        return [.. Domain, .. Digest.Of(writer.Written).ToArray()];
    }
}

/// <summary>
/// WANT-VIEW⟨v⟩: the sender finds the view before v wanting but goes on in it until 2f + 1 want another, so that nobody
/// leaves a view alone.
/// </summary>
/// <remarks>Layout: kind (1), view (8).</remarks>
public readonly record struct WantView(View View)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.WantView);
        writer.WriteUInt64(View.Value);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out WantView message)
    {
        message = new WantView(new View(reader.ReadUInt64()));
        return reader.Complete;
    }
}

/// <summary>Asks for the batch with a digest that a new view chose.</summary>
/// <remarks>Layout: kind (1), number (8), batch digest (32).</remarks>
public readonly record struct FetchBatch(SequenceNumber Number, Digest Batch)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.FetchBatch);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(Batch);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchBatch message)
    {
        message = new FetchBatch(new SequenceNumber(reader.ReadUInt64()), reader.ReadDigest());
        return reader.Complete;
    }
}

/// <summary>A batch that was asked for; it proves itself by its digest.</summary>
/// <remarks>Layout: kind (1), number (8), batch.</remarks>
public readonly record struct ProposedBatch(SequenceNumber Number, Batch Batch)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ProposedBatch);
        writer.WriteUInt64(Number.Value);
        Batch.Write(writer);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ProposedBatch message)
    {
        message = new ProposedBatch(new SequenceNumber(reader.ReadUInt64()), Batch.Read(ref reader));
        return reader.Complete;
    }
}

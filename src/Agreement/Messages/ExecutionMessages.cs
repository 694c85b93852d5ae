using Agreement.Crypto;

namespace Agreement.Messages;

/// <summary>
/// REPLY⟨r, session, slot, slotSeq, request digest, e, n, synced, result⟩. With <see cref="Full"/> the result itself is in
/// <see cref="Result"/>, else only its digest is sent.
/// </summary>
/// <remarks>
/// Layout: kind (1), incarnation (8), session (8), slot (2), slotSeq (8), request digest (32), epoch (8), number (8),
/// synced (8), full (1), result digest (32) or result (4 + n).
/// </remarks>
public readonly record struct Reply(
    Incarnation Incarnation,
    SessionId Session,
    ushort Slot,
    ulong SlotSequence,
    Digest RequestDigest,
    Epoch Epoch,
    SequenceNumber Number,
    SequenceNumber Synced,
    bool Full,
    Digest ResultDigest,
    ReadOnlyMemory<byte> Result)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.Reply);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Session.Value);
        writer.WriteUInt16(Slot);
        writer.WriteUInt64(SlotSequence);
        writer.WriteDigest(RequestDigest);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteUInt64(Synced.Value);
        writer.WriteBool(Full);
        if (Full)
            writer.WriteBytes(Result.Span);
        else
            writer.WriteDigest(ResultDigest);
    }

    /// <summary>Parses what follows the kind byte; the digest of a full result is computed here, not believed.</summary>
    public static bool TryRead(ref MessageReader reader, out Reply message)
    {
        var incarnation = new Incarnation(reader.ReadUInt64());
        var session = new SessionId(reader.ReadUInt64());
        ushort slot = reader.ReadUInt16();
        ulong slotSequence = reader.ReadUInt64();
        Digest request = reader.ReadDigest();
        var epoch = new Epoch(reader.ReadUInt64());
        var number = new SequenceNumber(reader.ReadUInt64());
        var synced = new SequenceNumber(reader.ReadUInt64());
        bool full = reader.ReadBool();
        ReadOnlyMemory<byte> result = full ? reader.ReadBytes(Limits.MaximumResultBytes) : default;
        Digest resultDigest = full ? Digest.Of(result.Span) : reader.ReadDigest();
        message = new Reply(incarnation, session, slot, slotSequence, request, epoch, number, synced, full, resultDigest, result);
        return reader.Complete;
    }
}

/// <summary>A client asks for the full reply of a slot once more.</summary>
/// <remarks>Layout: kind (1), session (8), slot (2), slotSeq (8), request digest (32).</remarks>
public readonly record struct FetchReply(SessionId Session, ushort Slot, ulong SlotSequence, Digest RequestDigest)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.FetchReply);
        writer.WriteUInt64(Session.Value);
        writer.WriteUInt16(Slot);
        writer.WriteUInt64(SlotSequence);
        writer.WriteDigest(RequestDigest);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchReply message)
    {
        message = new FetchReply(new SessionId(reader.ReadUInt64()), reader.ReadUInt16(), reader.ReadUInt64(), reader.ReadDigest());
        return reader.Complete;
    }
}

/// <summary>
/// EXEC-REPORT⟨r, e, n, history digest, reply digests, chained report digest⟩: what an execution replica answered at n.
/// </summary>
/// <param name="Incarnation">Log incarnation whose order was executed.</param>
/// <param name="Epoch">Epoch in which it is sent.</param>
/// <param name="Number">n.</param>
/// <param name="History">Chained history digest after n.</param>
/// <param name="Chain">Chained report digest after n.</param>
/// <param name="Replies">
/// One digest for each request of the batch, in its order; the zero digest where there was no reply, as to a duplicate.
/// </param>
/// <remarks>Layout: kind (1), incarnation (8), epoch (8), number (8), history (32), chain (32), count (4), reply digests (32 each).</remarks>
public readonly record struct ExecReport(Incarnation Incarnation, Epoch Epoch, SequenceNumber Number, Digest History, Digest Chain, Digest[] Replies)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ExecReport);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(History);
        writer.WriteDigest(Chain);
        writer.WriteUInt32((uint)Replies.Length);
        foreach (ref readonly Digest reply in Replies.AsSpan())
            writer.WriteDigest(reply);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ExecReport message) => TryRead(ref reader, out message, null);

    /// <summary>Parses what follows the kind byte; the digests are taken from <paramref name="arena"/> if there is one.</summary>
    public static bool TryRead(ref MessageReader reader, out ExecReport message, DigestArena? arena)
    {
        var incarnation = new Incarnation(reader.ReadUInt64());
        var epoch = new Epoch(reader.ReadUInt64());
        var number = new SequenceNumber(reader.ReadUInt64());
        Digest history = reader.ReadDigest();
        Digest chain = reader.ReadDigest();
        int count = reader.ReadCount(Limits.MaximumBatchRequests);
        Digest[] replies = arena?.Take(count) ?? new Digest[count];
        for (int i = 0; i < replies.Length; i++)
            replies[i] = reader.ReadDigest();
        message = new ExecReport(incarnation, epoch, number, history, chain, replies);
        return reader.Complete;
    }

    /// <summary>The chain after one more report: SHA-256 of the chain so far, number, history and reply digests.</summary>
    public static Digest ExtendChain(in Digest previous, SequenceNumber number, in Digest history, ReadOnlySpan<Digest> replies)
    {
        Span<byte> data = stackalloc byte[(Digest.SizeBytes * (2 + Limits.MaximumBatchRequests)) + 8];
        previous.CopyTo(data);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(data[Digest.SizeBytes..], number.Value);
        int length = Digest.SizeBytes + 8;
        history.CopyTo(data[length..]);
        length += Digest.SizeBytes;
        foreach (ref readonly Digest reply in replies)
        {
            reply.CopyTo(data[length..]);
            length += Digest.SizeBytes;
        }

        return Digest.Of(data[..length]);
    }
}

/// <summary>
/// What a checkpoint at n certifies. The root covers all of it, so that agreement state at n is proven by f + 1 signatures
/// and this record from anyone.
/// </summary>
/// <param name="Number">The number n after which the state was taken.</param>
/// <param name="Incarnation">Log incarnation at n.</param>
/// <param name="Epoch">Epoch at n.</param>
/// <param name="Active">Mask of the execution replicas that are active in that epoch.</param>
/// <param name="Timestamp">Agreed time of batch n.</param>
/// <param name="History">Chained history digest at n.</param>
/// <param name="Chain">Chained report digest at n.</param>
/// <param name="State">Digest of the abstract file system at n.</param>
/// <param name="Annex">Digest of the execution replica's own replicated state: sessions, slots, lease clock.</param>
public readonly record struct CheckpointState(
    SequenceNumber Number,
    Incarnation Incarnation,
    Epoch Epoch,
    uint Active,
    Timestamp Timestamp,
    Digest History,
    Digest Chain,
    Digest State,
    Digest Annex)
{
    /// <summary>Encoded length, in bytes: number, incarnation, epoch (8 each), active (4), timestamp (8), four digests (32 each).</summary>
    public const int SizeBytes = 8 + 8 + 8 + 4 + 8 + (4 * Digest.SizeBytes);

    /// <summary>Appends the record.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteUInt64(Number.Value);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt32(Active);
        writer.WriteInt64(Timestamp.Nanoseconds);
        writer.WriteDigest(History);
        writer.WriteDigest(Chain);
        writer.WriteDigest(State);
        writer.WriteDigest(Annex);
    }

    /// <summary>Reads a record.</summary>
    public static CheckpointState Read(ref MessageReader reader) => new(
        new SequenceNumber(reader.ReadUInt64()),
        new Incarnation(reader.ReadUInt64()),
        new Epoch(reader.ReadUInt64()),
        reader.ReadUInt32(),
        new Timestamp(reader.ReadInt64()),
        reader.ReadDigest(),
        reader.ReadDigest(),
        reader.ReadDigest(),
        reader.ReadDigest());

    /// <summary>The root: SHA-256 over a domain tag and the encoded record.</summary>
    public Digest ComputeRoot()
    {
        var writer = new MessageWriter(SizeBytes + 16);
        writer.WriteRaw("zzfs root 1\0"u8);
        Write(writer);
        return Digest.Of(writer.Written);
    }
}

/// <summary>
/// CHECKPOINT⟨e, n, root, complete⟩, signed: the sender's snapshot at n has this root and is on its disk.
/// </summary>
/// <remarks>Layout: kind (1), sender (4), epoch in which it is sent (8), complete (1), state record, signature (64).</remarks>
public sealed record Checkpoint(PartyId Sender, Epoch Epoch, bool Complete, CheckpointState State, ReadOnlyMemory<byte> Signature)
{
    /// <summary>Length of what is signed, in bytes.</summary>
    public const int SignedBytes = 18 + 4 + 8 + 1 + 8 + Digest.SizeBytes;

    /// <summary>The number.</summary>
    public SequenceNumber Number => State.Number;

    /// <summary>The certified root.</summary>
    public Digest Root { get; } = State.ComputeRoot();

    /// <summary>Builds and signs a checkpoint message.</summary>
    public static Checkpoint Create(PartyId sender, Epoch epoch, bool complete, in CheckpointState state, Request.Signer sign)
    {
        var unsigned = new Checkpoint(sender, epoch, complete, state, default);
        Span<byte> signed = stackalloc byte[SignedBytes];
        unsigned.WriteSigned(signed);
        byte[] signature = new byte[Request.SignatureBytes];
        sign(signed, signature);
        return unsigned with { Signature = signature };
    }

    /// <summary>Writes what is signed: domain tag, sender, epoch, complete, number, root.</summary>
    public void WriteSigned(Span<byte> destination)
    {
        "zzfs checkpoint 1\0"u8.CopyTo(destination);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(destination[18..], Sender.Index);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(destination[22..], Epoch.Value);
        destination[30] = Complete ? (byte)1 : (byte)0;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(destination[31..], Number.Value);
        Root.CopyTo(destination[39..]);
    }

    /// <summary>Whether the signature is the sender's.</summary>
    public bool IsSigned(ISignatureChecker signatures)
    {
        Span<byte> signed = stackalloc byte[SignedBytes];
        WriteSigned(signed);
        return signatures.Verify(Sender, signed, Signature.Span);
    }

    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.Checkpoint);
        writer.WriteUInt32(Sender.Index);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteBool(Complete);
        State.Write(writer);
        writer.WriteRaw(Signature.Span);
    }

    /// <summary>Reads what follows the kind byte, without checking the signature; copies it out of the message.</summary>
    public static Checkpoint Read(ref MessageReader reader)
    {
        var sender = new PartyId(PartyRole.Execution, reader.ReadUInt32());
        var epoch = new Epoch(reader.ReadUInt64());
        bool complete = reader.ReadBool();
        CheckpointState state = CheckpointState.Read(ref reader);
        return new Checkpoint(sender, epoch, complete, state, reader.ReadRaw(Request.SignatureBytes).ToArray());
    }

    /// <summary>Parses what follows the kind byte, without checking the signature.</summary>
    public static bool TryRead(ref MessageReader reader, out Checkpoint message)
    {
        message = Read(ref reader);
        return reader.Complete;
    }
}

/// <summary>f + 1 matching CHECKPOINTs of distinct execution replicas: proof that (n, root) is right.</summary>
/// <remarks>Layout: kind (1), count (4), for each: kind (1) and the rest of a CHECKPOINT.</remarks>
public sealed record StableCertificate(IReadOnlyList<Checkpoint> Checkpoints)
{
    /// <summary>What is certified.</summary>
    public CheckpointState State => Checkpoints[0].State;

    /// <summary>Whether f + 1 distinct execution replicas signed the same root, and that they hold all of it.</summary>
    public bool IsValid(Quorum quorum, ISignatureChecker signatures)
    {
        uint signers = 0;
        foreach (Checkpoint checkpoint in Checkpoints)
        {
            if (checkpoint.Sender.Index >= (uint)quorum.ExecutionReplicas
                || checkpoint.Root != Checkpoints[0].Root
                || !checkpoint.Complete
                || !checkpoint.IsSigned(signatures))
            {
                return false;
            }

            signers |= 1u << (int)checkpoint.Sender.Index;
        }

        return System.Numerics.BitOperations.PopCount(signers) >= quorum.Weak;
    }

    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.StableCertificate);
        writer.WriteUInt32((uint)Checkpoints.Count);
        foreach (Checkpoint checkpoint in Checkpoints)
            checkpoint.Write(writer);
    }

    /// <summary>Parses what follows the kind byte, without checking signatures.</summary>
    public static bool TryRead(ref MessageReader reader, out StableCertificate message)
    {
        message = Read(ref reader)!;
        return reader.Complete && message is not null;
    }

    /// <summary>Reads what follows the kind byte; null when the bytes are none.</summary>
    internal static StableCertificate? Read(ref MessageReader reader)
    {
        var checkpoints = new Checkpoint[reader.ReadCount((2 * Limits.MaximumFaults) + 1)];
        for (int i = 0; i < checkpoints.Length; i++)
        {
            if (reader.ReadByte() != (byte)MessageKind.Checkpoint)
                reader.Fail();
            checkpoints[i] = Checkpoint.Read(ref reader);
        }

        return !reader.Failed && checkpoints.Length > 0 ? new StableCertificate(checkpoints) : null;
    }
}

namespace Agreement.Messages;

/// <summary>What the order must know of an operation that it does not look into.</summary>
[Flags]
public enum RequestFlags : byte
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>The reply waits until everything up to this request is durable (FSYNC).</summary>
    Sync = 1,
}

/// <summary>
/// REQUEST⟨client, session, slot, slotSeq, r, operation⟩, signed by the client. Owns its encoded bytes. It does not change,
/// except that one of an arena becomes another after it was returned.
/// </summary>
/// <remarks>
/// Layout: kind (1), flags (1), client index (4), session (8), slot (2), slotSeq (8), incarnation (8), operation (4 + n),
/// signature (64). The digest is SHA-256 over all before the signature; the signature is Ed25519 over a domain tag and
/// that digest, so that a large body is hashed once and its signature can be checked without it.
/// </remarks>
public sealed class Request
{
    /// <summary>Length of a signature, in bytes.</summary>
    public const int SignatureBytes = 64;

    /// <summary>Encoded length of everything but the operation, in bytes.</summary>
    public const int OverheadBytes = 1 + 1 + 4 + 8 + 2 + 8 + 8 + 4 + SignatureBytes;

    /// <summary>What is signed in front of the digest, so that a signature never means something else.</summary>
    private static ReadOnlySpan<byte> Domain => "zzfs request 1\0"u8;

    private byte[]? lent;

    /// <summary>For an arena: a request that does not mean anything yet.</summary>
    internal Request()
    {
    }

    /// <summary>The whole message; owned by this object and never changed.</summary>
    public ReadOnlyMemory<byte> Encoded { get; private set; }

    /// <summary>Names this request in batches.</summary>
    public Digest Digest { get; private set; }

    /// <summary>Who asks.</summary>
    public PartyId Client { get; private set; }

    /// <summary>What the order must know.</summary>
    public RequestFlags Flags { get; private set; }

    /// <summary>The session, or <see cref="SessionId.None"/> to open one.</summary>
    public SessionId Session { get; private set; }

    /// <summary>The slot of the session.</summary>
    public ushort Slot { get; private set; }

    /// <summary>Counts the requests of the slot, from 1.</summary>
    public ulong SlotSequence { get; private set; }

    /// <summary>The log incarnation for which the request is meant.</summary>
    public Incarnation Incarnation { get; private set; }

    /// <summary>What to execute; opaque to agreement.</summary>
    public ReadOnlyMemory<byte> Operation { get; private set; }

    /// <summary>The client's signature.</summary>
    public ReadOnlyMemory<byte> Signature => Encoded[^SignatureBytes..];

    /// <summary>What the client signs: the domain tag and the digest.</summary>
    /// <param name="digest">Digest of the request.</param>
    /// <param name="destination">At least <see cref="SignedBytes"/> long.</param>
    public static void WriteSigned(in Digest digest, Span<byte> destination)
    {
        Domain.CopyTo(destination);
        digest.CopyTo(destination[Domain.Length..]);
    }

    /// <summary>Length of what is signed, in bytes.</summary>
    public static int SignedBytes => Domain.Length + Digest.SizeBytes;

    /// <summary>Signs 47 bytes; stands for a private key.</summary>
    public delegate void Signer(ReadOnlySpan<byte> data, Span<byte> signature);

    /// <summary>Builds and signs a request.</summary>
    public static Request Create(
        PartyId client,
        RequestFlags flags,
        SessionId session,
        ushort slot,
        ulong slotSequence,
        Incarnation incarnation,
        ReadOnlySpan<byte> operation,
        Signer sign)
    {
        var writer = new MessageWriter(OverheadBytes + operation.Length);
        writer.WriteByte((byte)MessageKind.Request);
        writer.WriteByte((byte)flags);
        writer.WriteUInt32(client.Index);
        writer.WriteUInt64(session.Value);
        writer.WriteUInt16(slot);
        writer.WriteUInt64(slotSequence);
        writer.WriteUInt64(incarnation.Value);
        writer.WriteBytes(operation);
        Digest digest = Digest.Of(writer.Written);
        Span<byte> signed = stackalloc byte[SignedBytes];
        WriteSigned(digest, signed);
        sign(signed, writer.Reserve(SignatureBytes));
        byte[] encoded = writer.ToArray();
        return new Request
        {
            Encoded = encoded,
            Digest = digest,
            Client = client,
            Flags = flags,
            Session = session,
            Slot = slot,
            SlotSequence = slotSequence,
            Incarnation = incarnation,
            Operation = encoded.AsMemory(OverheadBytes - SignatureBytes, operation.Length),
        };
    }

    /// <summary>Parses an encoded request; the result refers to <paramref name="encoded"/>, which must not change any more.</summary>
    /// <returns>Null when the bytes are no request. The signature is not checked here.</returns>
    public static Request? TryParse(ReadOnlyMemory<byte> encoded)
    {
        var request = new Request();
        return request.TryBecome(encoded, null) ? request : null;
    }

    /// <summary>Makes this the request that is encoded there.</summary>
    /// <param name="encoded">Its bytes.</param>
    /// <param name="buffer">What to give back at <see cref="Release"/>, if anything; holds the bytes.</param>
    /// <returns>False when the bytes are no request.</returns>
    internal bool TryBecome(ReadOnlyMemory<byte> encoded, byte[]? buffer)
    {
        lent = buffer;
        Encoded = encoded;
        var reader = new MessageReader(encoded);
        byte kind = reader.ReadByte();
        byte flags = reader.ReadByte();
        Client = new PartyId(PartyRole.Client, reader.ReadUInt32());
        Session = new SessionId(reader.ReadUInt64());
        Slot = reader.ReadUInt16();
        SlotSequence = reader.ReadUInt64();
        Incarnation = new Incarnation(reader.ReadUInt64());
        Operation = reader.ReadBytes(Limits.MaximumOperationBytes);
        Flags = (RequestFlags)flags;
        reader.ReadRaw(SignatureBytes);
        if (!reader.Complete || kind != (byte)MessageKind.Request || flags > (byte)RequestFlags.Sync || Slot >= Limits.MaximumSlots)
            return false;
        Digest = Digest.Of(encoded.Span[..^SignatureBytes]);
        return true;
    }

    /// <summary>Lets go of the bytes; the request means nothing from now on.</summary>
    /// <returns>The buffer that holds them, or null: then nothing changed.</returns>
    internal byte[]? Release()
    {
        byte[]? buffer = lent;
        if (buffer is null)
            return null;
        lent = null;
        Encoded = Operation = default;
        return buffer;
    }
}

using System.Security.Cryptography;

namespace Agreement.Messages;

/// <summary>What an entry of the order is.</summary>
public enum EntryKind : byte
{
    /// <summary>A batch of client requests; an empty one is the null request of PBFT.</summary>
    Requests = 0,

    /// <summary>Begins an epoch; the payload is the encoded <see cref="EpochChange"/> that justifies it.</summary>
    Configuration = 1,

    /// <summary>Begins a log incarnation (DESIGN §5); the payload is its number (8).</summary>
    Incarnation = 2,
}

/// <summary>
/// One entry of the order: its agreed time and the digests of its requests, in order. Bodies travel apart. It does not
/// change, except that one of a <see cref="BatchArena"/> becomes another after it was returned.
/// </summary>
/// <remarks>Layout: entry kind (1), timestamp (8), count (4), digests (32 each), and unless the kind is Requests the payload (4 + n).</remarks>
public sealed class Batch
{
    /// <summary>Makes a batch; owns <paramref name="requests"/> from now on.</summary>
    public Batch(EntryKind kind, Timestamp timestamp, Digest[] requests)
        : this(kind, timestamp, requests, default)
    {
    }

    private Batch(EntryKind kind, Timestamp timestamp, Digest[] requests, ReadOnlyMemory<byte> payload)
    {
        Kind = kind;
        OwnRequests = requests;
        Payload = payload;
        Become(timestamp);
    }

    /// <summary>For an arena: a batch that does not mean anything yet.</summary>
    internal Batch(Digest[] requests) => OwnRequests = requests;

    /// <summary>
    /// The null request of PBFT, which view changes put where nothing can have been committed. Its time is 0, so that it is
    /// the same whoever proposes it; agreed time does not go back by it.
    /// </summary>
    public static Batch Null { get; } = new(EntryKind.Requests, default, []);

    /// <summary>What the entry is.</summary>
    public EntryKind Kind { get; }

    /// <summary>The time that the primary proposed.</summary>
    public Timestamp Timestamp { get; private set; }

    /// <summary>Digests of the requests, in execution order.</summary>
    public IReadOnlyList<Digest> Requests => OwnRequests;

    /// <summary>What an entry of another kind than Requests says; else empty.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>SHA-256 over the encoded batch: what replicas vote on.</summary>
    public Digest Digest { get; private set; }

    /// <summary>The requests, to be filled by an arena's user.</summary>
    internal Digest[] OwnRequests { get; }

    /// <summary>Taken from an arena and not returned.</summary>
    internal bool Lent { get; set; }

    /// <summary>Appends the encoded batch.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)Kind);
        writer.WriteInt64(Timestamp.Nanoseconds);
        writer.WriteUInt32((uint)Requests.Count);
        foreach (Digest request in OwnRequests)
            writer.WriteDigest(request);
        if (Kind != EntryKind.Requests)
            writer.WriteBytes(Payload.Span);
    }

    /// <summary>The entry that begins an epoch.</summary>
    public static Batch Configure(Timestamp timestamp, EpochChange change)
    {
        var writer = new MessageWriter();
        change.Write(writer);
        return new Batch(EntryKind.Configuration, timestamp, [], writer.ToArray());
    }

    /// <summary>The entry that begins a log incarnation; the same whoever makes it.</summary>
    public static Batch Begin(Incarnation incarnation)
    {
        byte[] payload = new byte[sizeof(ulong)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(payload, incarnation.Value);
        return new Batch(EntryKind.Incarnation, default, [], payload);
    }

    /// <summary>The incarnation that an entry of that kind begins.</summary>
    public Incarnation ReadIncarnation() => new(System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(Payload.Span));

    /// <summary>What an entry of that kind says of the next epoch; null when the payload is malformed.</summary>
    public EpochChange? ReadEpochChange()
    {
        var reader = new MessageReader(Payload);
        return EpochChange.TryRead(ref reader, out EpochChange? change) ? change : null;
    }

    /// <summary>Reads a batch; on malformed input the reader has failed and the result is empty.</summary>
    /// <param name="reader">Where it is.</param>
    /// <param name="arena">Where to take it from, or null: then it is collected as anything else.</param>
    public static Batch Read(ref MessageReader reader, BatchArena? arena = null)
    {
        byte kind = reader.ReadByte();
        long timestamp = reader.ReadInt64();
        int count = reader.ReadCount(Limits.MaximumBatchRequests);
        bool hasRequests = kind == (byte)EntryKind.Requests;
        if (kind > (byte)EntryKind.Incarnation || timestamp < 0 || (!hasRequests && count > 0))
            reader.Fail();
        if (arena is not null && hasRequests && !reader.Failed)
            return ReadInto(arena.Take(count), new Timestamp(timestamp), ref reader);
        var requests = reader.Failed ? [] : new Digest[count];
        for (int i = 0; i < requests.Length; i++)
            requests[i] = reader.ReadDigest();
        ReadOnlyMemory<byte> payload = hasRequests ? default : reader.ReadBytes(Limits.MaximumPayloadBytes).ToArray();
        if (kind == (byte)EntryKind.Incarnation && payload.Length != sizeof(ulong))
            reader.Fail();
        return reader.Failed ? Null : new Batch((EntryKind)kind, new Timestamp(timestamp), requests, payload);
    }

    internal void Become(Timestamp timestamp)
    {
        Timestamp = timestamp;
        Digest = ComputeDigest();
    }

    private static Batch ReadInto(Batch batch, Timestamp timestamp, ref MessageReader reader)
    {
        for (int i = 0; i < batch.OwnRequests.Length; i++)
            batch.OwnRequests[i] = reader.ReadDigest();
        if (reader.Failed)
            return Null;
        batch.Become(timestamp);
        return batch;
    }

    private Digest ComputeDigest()
    {
        if (Kind != EntryKind.Requests)
        {
            var writer = new MessageWriter(Payload.Length + 32);
            Write(writer);
            return Digest.Of(writer.Written);
        }

        Span<byte> encoded = stackalloc byte[1 + 8 + 4 + (Digest.SizeBytes * Limits.MaximumBatchRequests)];
        encoded[0] = (byte)Kind;
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(encoded[1..], Timestamp.Nanoseconds);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(encoded[9..], (uint)Requests.Count);
        int length = 13;
        foreach (Digest request in OwnRequests)
        {
            request.CopyTo(encoded[length..]);
            length += Digest.SizeBytes;
        }

        Span<byte> hash = stackalloc byte[Digest.SizeBytes];
        SHA256.HashData(encoded[..length], hash);
        return new Digest(hash);
    }
}

/// <summary>The chained history digest: equal ones mean equal orders up to that number.</summary>
public static class History
{
    /// <summary>SHA-256 of the digest so far, the number and the batch digest.</summary>
    public static Digest Extend(in Digest previous, SequenceNumber number, in Digest batch)
    {
        Span<byte> data = stackalloc byte[(2 * Digest.SizeBytes) + 8];
        previous.CopyTo(data);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(data[Digest.SizeBytes..], number.Value);
        batch.CopyTo(data[(Digest.SizeBytes + 8)..]);
        return Digest.Of(data);
    }
}

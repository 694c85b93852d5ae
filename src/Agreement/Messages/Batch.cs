using System.Security.Cryptography;

namespace Agreement.Messages;

/// <summary>What an entry of the order is.</summary>
public enum EntryKind : byte
{
    /// <summary>A batch of client requests; an empty one is the null request of PBFT.</summary>
    Requests = 0,
}

/// <summary>
/// One entry of the order: its agreed time and the digests of its requests, in order. Immutable. Bodies travel apart.
/// </summary>
/// <remarks>Layout: entry kind (1), timestamp (8), count (4), digests (32 each).</remarks>
public sealed class Batch
{
    /// <summary>Makes a batch; owns <paramref name="requests"/> from now on.</summary>
    public Batch(EntryKind kind, Timestamp timestamp, Digest[] requests)
    {
        Kind = kind;
        Timestamp = timestamp;
        Requests = requests;
        Digest = ComputeDigest();
    }

    /// <summary>What the entry is.</summary>
    public EntryKind Kind { get; }

    /// <summary>The time that the primary proposed.</summary>
    public Timestamp Timestamp { get; }

    /// <summary>Digests of the requests, in execution order.</summary>
    public IReadOnlyList<Digest> Requests { get; }

    /// <summary>SHA-256 over the encoded batch: what replicas vote on.</summary>
    public Digest Digest { get; }

    /// <summary>Appends the encoded batch.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)Kind);
        writer.WriteInt64(Timestamp.Nanoseconds);
        writer.WriteUInt32((uint)Requests.Count);
        foreach (Digest request in (Digest[])Requests)
            writer.WriteDigest(request);
    }

    /// <summary>Reads a batch; on malformed input the reader has failed and the result is empty.</summary>
    public static Batch Read(ref MessageReader reader)
    {
        byte kind = reader.ReadByte();
        long timestamp = reader.ReadInt64();
        int count = reader.ReadCount(Limits.MaximumBatchRequests);
        if (kind > (byte)EntryKind.Requests || timestamp < 0)
            reader.Fail();
        var requests = reader.Failed ? [] : new Digest[count];
        for (int i = 0; i < requests.Length; i++)
            requests[i] = reader.ReadDigest();
        return reader.Failed ? Empty : new Batch((EntryKind)kind, new Timestamp(timestamp), requests);
    }

    private static readonly Batch Empty = new(EntryKind.Requests, default, []);

    private Digest ComputeDigest()
    {
        Span<byte> encoded = stackalloc byte[1 + 8 + 4 + (Digest.SizeBytes * Limits.MaximumBatchRequests)];
        encoded[0] = (byte)Kind;
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(encoded[1..], Timestamp.Nanoseconds);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(encoded[9..], (uint)Requests.Count);
        int length = 13;
        foreach (Digest request in (Digest[])Requests)
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

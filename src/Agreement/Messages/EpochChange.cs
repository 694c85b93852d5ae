using System.Buffers.Binary;
using Agreement.Crypto;

namespace Agreement.Messages;

/// <summary>
/// RECOVER⟨volume, e, n⟩, signed: the sender found fewer than f + 1 execution replicas that agree in epoch e. f + 1 of them
/// wake the sleepers and justify the configuration that begins epoch e + 1. The number is information (DESIGN §9).
/// </summary>
/// <remarks>Layout: kind (1), sender (4), epoch (8), number (8), signature (64). Keys belong to one volume, so it isn't named.</remarks>
public sealed record Recover(PartyId Sender, Epoch Epoch, SequenceNumber Number, ReadOnlyMemory<byte> Signature)
{
    private const int SignedBytes = 15 + 4 + 8 + 8;

    /// <summary>Builds and signs one.</summary>
    public static Recover Create(PartyId sender, Epoch epoch, SequenceNumber number, Request.Signer sign)
    {
        var unsigned = new Recover(sender, epoch, number, default);
        Span<byte> signed = stackalloc byte[SignedBytes];
        unsigned.WriteSigned(signed);
        byte[] signature = new byte[Request.SignatureBytes];
        sign(signed, signature);
        return unsigned with { Signature = signature };
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
        writer.WriteByte((byte)MessageKind.Recover);
        writer.WriteUInt32(Sender.Index);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteRaw(Signature.Span);
    }

    /// <summary>Parses what follows the kind byte, without checking the signature.</summary>
    public static bool TryRead(ref MessageReader reader, out Recover message)
    {
        message = Read(ref reader);
        return reader.Complete;
    }

    internal static Recover Read(ref MessageReader reader) => new(
        new PartyId(PartyRole.Agreement, reader.ReadUInt32()),
        new Epoch(reader.ReadUInt64()),
        new SequenceNumber(reader.ReadUInt64()),
        reader.ReadRaw(Request.SignatureBytes).ToArray());

    private void WriteSigned(Span<byte> destination)
    {
        "zzfs recover 1\0"u8.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[15..], Sender.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[19..], Epoch.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[27..], Number.Value);
    }
}

/// <summary>
/// A configuration entry: begins the epoch after the one that its votes name. The next active set is a function of the old
/// one and these votes, never the primary's choice: RECOVERs make all 2f + 1 active (DESIGN §9).
/// </summary>
/// <remarks>Layout: count (4), for each: kind (1) and the rest of a RECOVER.</remarks>
public sealed record EpochChange(IReadOnlyList<Recover> Votes)
{
    /// <summary>The epoch that it begins.</summary>
    public Epoch Begins => new(Votes[0].Epoch.Value + 1);

    /// <summary>Whether f + 1 distinct agreement replicas signed RECOVERs of the same epoch, and nothing else is in it.</summary>
    public bool IsJustified(Quorum quorum, ISignatureChecker signatures)
    {
        uint signers = 0;
        foreach (Recover vote in Votes)
        {
            if (vote.Epoch != Votes[0].Epoch
                || vote.Sender.Index >= (uint)quorum.AgreementReplicas
                || !vote.IsSigned(signatures))
            {
                return false;
            }

            signers |= 1u << (int)vote.Sender.Index;
        }

        return System.Numerics.BitOperations.PopCount(signers) >= quorum.Weak;
    }

    /// <summary>Mask of the execution replicas that are active in the epoch that it begins.</summary>
    public uint NextActive(Quorum quorum) => (1u << quorum.ExecutionReplicas) - 1;

    /// <summary>Appends the record.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteUInt32((uint)Votes.Count);
        foreach (Recover vote in Votes)
            vote.Write(writer);
    }

    /// <summary>Parses a record, without checking signatures.</summary>
    public static bool TryRead(ref MessageReader reader, out EpochChange? change)
    {
        var votes = new Recover[reader.ReadCount((3 * Limits.MaximumFaults) + 1)];
        for (int i = 0; i < votes.Length; i++)
        {
            if (reader.ReadByte() != (byte)MessageKind.Recover)
                reader.Fail();
            votes[i] = Recover.Read(ref reader);
        }

        change = reader.Complete && votes.Length > 0 ? new EpochChange(votes) : null;
        return change is not null;
    }
}

using System.Buffers.Binary;
using Agreement.Crypto;

namespace Agreement.Messages;

/// <summary>
/// SLEEP⟨volume, replica, e⟩, signed: the sender delivered the configuration that begins epoch e, in which this execution
/// replica is not active. f + 1 of them let its controller put it to sleep (DESIGN §9).
/// </summary>
/// <remarks>Layout: kind (1), sender (4), replica (4), epoch (8), signature (64). Keys belong to one volume, so it isn't named.</remarks>
public sealed record Sleep(PartyId Sender, uint Replica, Epoch Epoch, ReadOnlyMemory<byte> Signature)
{
    private const int SignedBytes = 13 + 4 + 4 + 8;

    /// <summary>Builds and signs one.</summary>
    public static Sleep Create(PartyId sender, uint replica, Epoch epoch, Request.Signer sign)
    {
        var unsigned = new Sleep(sender, replica, epoch, default);
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
        writer.WriteByte((byte)MessageKind.Sleep);
        writer.WriteUInt32(Sender.Index);
        writer.WriteUInt32(Replica);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteRaw(Signature.Span);
    }

    /// <summary>Parses what follows the kind byte, without checking the signature.</summary>
    public static bool TryRead(ref MessageReader reader, out Sleep message)
    {
        message = new Sleep(
            new PartyId(PartyRole.Agreement, reader.ReadUInt32()),
            reader.ReadUInt32(),
            new Epoch(reader.ReadUInt64()),
            reader.ReadRaw(Request.SignatureBytes).ToArray());
        return reader.Complete;
    }

    private void WriteSigned(Span<byte> destination)
    {
        "zzfs sleep 1\0"u8.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[13..], Sender.Index);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[17..], Replica);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[21..], Epoch.Value);
    }
}

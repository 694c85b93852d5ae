using System.Security.Cryptography;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Tests.Protocol;

/// <summary>Signatures that tests make and check at the price of a hash; a party's can't be had without naming it.</summary>
internal sealed class HashSignatures : ISignatureChecker
{
    public static Request.Signer Of(PartyId party) => (data, signature) => Compute(party, data).CopyTo(signature);

    /// <summary>Signs what nobody's signature is.</summary>
    public static void Forge(ReadOnlySpan<byte> data, Span<byte> signature) => signature.Fill(7);

    public bool Verify(PartyId party, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        Compute(party, data).AsSpan().SequenceEqual(signature);

    private static byte[] Compute(PartyId party, ReadOnlySpan<byte> data)
    {
        byte[] input = [(byte)party.Role, .. BitConverter.GetBytes(party.Index), .. data];
        return SHA512.HashData(input);
    }
}

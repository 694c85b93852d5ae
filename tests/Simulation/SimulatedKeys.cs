using System.Security.Cryptography;
using Agreement.Crypto;
using Agreement.Messages;

namespace Simulation;

/// <summary>Signatures that only their party can make within a simulation, at the price of a hash.</summary>
internal sealed class SimulatedKeys : ISignatureChecker
{
    public Request.Signer SignerOf(PartyId party) => (data, signature) => Compute(party, data).CopyTo(signature);

    public bool Verify(PartyId party, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        Compute(party, data).AsSpan().SequenceEqual(signature);

    private static byte[] Compute(PartyId party, ReadOnlySpan<byte> data)
    {
        byte[] input = [(byte)party.Role, (byte)party.Index, .. data];
        return SHA512.HashData(input);
    }
}

using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>Checks signatures with the public keys of the cluster file.</summary>
public sealed class ClusterSignatures : ISignatureChecker
{
    private readonly Dictionary<PartyId, SignatureVerifier> verifiers = [];

    /// <summary>Parses every key once.</summary>
    public ClusterSignatures(IReadOnlyDictionary<PartyId, PartyPublicKeys> keys)
    {
        foreach ((PartyId party, PartyPublicKeys publicKeys) in keys)
            verifiers.Add(party, new SignatureVerifier(publicKeys.SigningKey.Span));
    }

    /// <inheritdoc/>
    public bool Verify(PartyId party, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        verifiers.TryGetValue(party, out SignatureVerifier? verifier) && verifier.Verify(data, signature);
}

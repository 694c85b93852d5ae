using NSec.Cryptography;

namespace Agreement.Crypto;

/// <summary>The public half of a party's keys, as the cluster file names it.</summary>
/// <param name="SigningKey">Ed25519 public key, 32 bytes: verifies transferable messages.</param>
/// <param name="LinkKey">X25519 public key, 32 bytes: authenticates links (Noise static key).</param>
public sealed record PartyPublicKeys(ReadOnlyMemory<byte> SigningKey, ReadOnlyMemory<byte> LinkKey);

/// <summary>A party's private keys. Disposing wipes them from memory.</summary>
public sealed class Identity : IDisposable
{
    /// <summary>Length of the exported private keys, in bytes: the Ed25519 seed, then the X25519 private key.</summary>
    public const int PrivateBytes = 64;

    /// <summary>Length of an Ed25519 signature, in bytes.</summary>
    public const int SignatureBytes = 64;

    private static KeyCreationParameters Exportable => new() { ExportPolicy = KeyExportPolicies.AllowPlaintextExport };
    private readonly Key signingKey;
    private readonly Key linkKey;

    private Identity(Key signingKey, Key linkKey)
    {
        this.signingKey = signingKey;
        this.linkKey = linkKey;
        PublicKeys = new PartyPublicKeys(
            signingKey.PublicKey.Export(KeyBlobFormat.RawPublicKey),
            linkKey.PublicKey.Export(KeyBlobFormat.RawPublicKey));
    }

    /// <summary>The public half.</summary>
    public PartyPublicKeys PublicKeys { get; }

    /// <summary>The X25519 key for link handshakes; owned by this identity.</summary>
    public Key LinkKey => linkKey;

    /// <summary>Makes fresh keys from the system's random source.</summary>
    public static Identity Generate() =>
        new(Key.Create(SignatureAlgorithm.Ed25519, Exportable), Key.Create(KeyAgreementAlgorithm.X25519, Exportable));

    /// <summary>Restores keys from <see cref="PrivateBytes"/> bytes of <see cref="ExportPrivate"/>.</summary>
    /// <exception cref="FormatException">The bytes are no such keys.</exception>
    public static Identity Import(ReadOnlySpan<byte> privateKeys)
    {
        if (privateKeys.Length != PrivateBytes
            || !Key.TryImport(SignatureAlgorithm.Ed25519, privateKeys[..32], KeyBlobFormat.RawPrivateKey, out Key? signing, Exportable)
            || !Key.TryImport(KeyAgreementAlgorithm.X25519, privateKeys[32..], KeyBlobFormat.RawPrivateKey, out Key? link, Exportable))
        {
            throw new FormatException("not a private key of zzfs");
        }

        return new Identity(signing!, link!);
    }

    /// <summary>The private keys as bytes, for a file of mode 0600.</summary>
    public byte[] ExportPrivate() =>
        [.. signingKey.Export(KeyBlobFormat.RawPrivateKey), .. linkKey.Export(KeyBlobFormat.RawPrivateKey)];

    /// <summary>Writes the Ed25519 signature of <paramref name="data"/> to <paramref name="signature"/> (64 bytes).</summary>
    public void Sign(ReadOnlySpan<byte> data, Span<byte> signature) =>
        SignatureAlgorithm.Ed25519.Sign(signingKey, data, signature);

    /// <inheritdoc/>
    public void Dispose()
    {
        signingKey.Dispose();
        linkKey.Dispose();
    }
}

/// <summary>Verifies the signatures of one party; holds the parsed key so that each check costs only the curve arithmetic.</summary>
public sealed class SignatureVerifier
{
    private readonly PublicKey key;

    /// <summary>Parses an Ed25519 public key.</summary>
    /// <exception cref="FormatException">The bytes are no such key.</exception>
    public SignatureVerifier(ReadOnlySpan<byte> signingKey)
    {
        if (!PublicKey.TryImport(SignatureAlgorithm.Ed25519, signingKey, KeyBlobFormat.RawPublicKey, out PublicKey? parsed))
            throw new FormatException("not an Ed25519 public key");
        key = parsed!;
    }

    /// <summary>Whether <paramref name="signature"/> is this party's signature of <paramref name="data"/>.</summary>
    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        signature.Length == Identity.SignatureBytes && SignatureAlgorithm.Ed25519.Verify(key, data, signature);
}

using System.Security.Cryptography;
using Agreement.Messages;
using NSec.Cryptography;
using IncrementalHash = System.Security.Cryptography.IncrementalHash;

namespace Agreement.Crypto;

/// <summary>
/// The handshake Noise_IK_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34): the initiator knows the
/// responder's static key, the responder learns the initiator's. A pure state machine: bytes in, bytes out.
/// <code>
/// -> e, es, s, ss   e 32 | encrypted s 32 + tag 16 | encrypted payload n + tag 16
/// &lt;- e, ee, se      e 32 | encrypted payload n + tag 16
/// </code>
/// </summary>
/// <remarks>
/// Anyone can replay a first message that he saw (§7.7, payload of IK's message A). So the responder must not act on the
/// initiator's behalf before it has received a transport message, which only the owner of the fresh key can make.
/// </remarks>
public sealed class NoiseHandshake : IDisposable
{
    /// <summary>Length of an X25519 public key, in bytes.</summary>
    public const int PublicKeyBytes = 32;

    /// <summary>What the first message has besides its payload, in bytes.</summary>
    public const int FirstMessageBytes = PublicKeyBytes + PublicKeyBytes + NoiseCipher.TagBytes + NoiseCipher.TagBytes;

    /// <summary>What the second message has besides its payload, in bytes.</summary>
    public const int SecondMessageBytes = PublicKeyBytes + NoiseCipher.TagBytes;

    private const int HashBytes = 32;

    private static SharedSecretCreationParameters Exportable => new() { ExportPolicy = KeyExportPolicies.AllowPlaintextExport };

    private readonly bool initiator;
    private readonly Key staticKey;
    private readonly Key ephemeralKey;
    private readonly byte[] remoteStatic = new byte[PublicKeyBytes];
    private readonly byte[] remoteEphemeral = new byte[PublicKeyBytes];
    private readonly byte[] hash = new byte[HashBytes];
    private readonly byte[] chainingKey = new byte[HashBytes];
    private NoiseCipher? cipher;
    private Step step;

    private NoiseHandshake(bool initiator, Key staticKey, Key ephemeralKey, ReadOnlySpan<byte> responderStatic, ReadOnlySpan<byte> prologue)
    {
        this.initiator = initiator;
        this.staticKey = staticKey;
        this.ephemeralKey = ephemeralKey;
        // A name of at most 32 bytes is its own hash, padded with zeros (§5.2 InitializeSymmetric).
        "Noise_IK_25519_AESGCM_SHA256"u8.CopyTo(hash);
        hash.CopyTo(chainingKey, 0);
        MixHash(prologue);
        MixHash(responderStatic);
    }

    private enum Step
    {
        First,
        Second,
        Done,
        Failed,
    }

    /// <summary>The peer's static key: given for an initiator, learned from the first message by a responder.</summary>
    public ReadOnlySpan<byte> RemoteStatic => remoteStatic;

    /// <summary>The hash of the whole handshake, unique to this session (§11.2, channel binding).</summary>
    public ReadOnlySpan<byte> HandshakeHash => hash;

    /// <summary>Whether both messages are through, so that <see cref="Split"/> may be called.</summary>
    public bool Completed => step == Step.Done;

    /// <summary>Starts the side that dials.</summary>
    /// <param name="staticKey">Its own X25519 key; stays with the caller.</param>
    /// <param name="ephemeralKey">A key made for this handshake only; this object owns it.</param>
    /// <param name="responderStatic">The X25519 public key of whom it means to reach, 32 bytes.</param>
    /// <param name="prologue">What both sides must agree on.</param>
    public static NoiseHandshake Initiate(Key staticKey, Key ephemeralKey, ReadOnlySpan<byte> responderStatic, ReadOnlySpan<byte> prologue)
    {
        var handshake = new NoiseHandshake(initiator: true, staticKey, ephemeralKey, responderStatic, prologue);
        responderStatic.CopyTo(handshake.remoteStatic);
        return handshake;
    }

    /// <summary>Starts the side that is dialled.</summary>
    /// <inheritdoc cref="Initiate"/>
    public static NoiseHandshake Respond(Key staticKey, Key ephemeralKey, ReadOnlySpan<byte> prologue) =>
        new(initiator: false, staticKey, ephemeralKey, RawPublicKey(staticKey), prologue);

    /// <summary>Writes the message that is this side's turn to <paramref name="destination"/>.</summary>
    /// <param name="payload">Sent along; a first message's can be replayed and has no forward secrecy.</param>
    /// <param name="destination">At least the payload and <see cref="FirstMessageBytes"/> or <see cref="SecondMessageBytes"/>.</param>
    /// <returns>Bytes written; 0 when the peer's key is not a usable one, after which the handshake has failed.</returns>
    public int WriteMessage(ReadOnlySpan<byte> payload, Span<byte> destination)
    {
        Invariant.That(step == (initiator ? Step.First : Step.Second));
        byte[] ephemeral = RawPublicKey(ephemeralKey);
        ephemeral.CopyTo(destination);
        MixHash(ephemeral);
        int length = PublicKeyBytes;
        if (initiator)
        {
            if (!MixSharedKey(ephemeralKey, remoteStatic))
                return FailToWrite();
            length += EncryptAndHash(RawPublicKey(staticKey), destination[length..]);
            if (!MixSharedKey(staticKey, remoteStatic))
                return FailToWrite();
        }
        else if (!MixSharedKey(ephemeralKey, remoteEphemeral) || !MixSharedKey(ephemeralKey, remoteStatic))
        {
            return FailToWrite();
        }

        length += EncryptAndHash(payload, destination[length..]);
        step++;
        return length;
    }

    /// <summary>Takes the peer's message and writes its payload to <paramref name="payload"/>.</summary>
    /// <returns>False when it is not a valid message of this handshake; then the handshake has failed for good.</returns>
    public bool TryReadMessage(ReadOnlySpan<byte> message, Span<byte> payload, out int payloadBytes)
    {
        Invariant.That(step == (initiator ? Step.Second : Step.First));
        int overhead = initiator ? SecondMessageBytes : FirstMessageBytes;
        payloadBytes = message.Length - overhead;
        if (payloadBytes < 0 || payloadBytes > payload.Length || !TryRead(message, payload[..payloadBytes]))
        {
            step = Step.Failed;
            payloadBytes = 0;
            return false;
        }

        step++;
        return true;
    }

    /// <summary>The two ciphers of the link; the caller owns them.</summary>
    /// <param name="rekeyInterval">See <see cref="NoiseCipher"/>; the same on both sides.</param>
    public (NoiseCipher Send, NoiseCipher Receive) Split(ulong rekeyInterval = NoiseCipher.LinkRekeyInterval)
    {
        Invariant.That(Completed);
        Span<byte> keys = stackalloc byte[2 * HashBytes];
        DeriveTwo(chainingKey, default, keys[..HashBytes], keys[HashBytes..]);
        var fromInitiator = new NoiseCipher(keys[..HashBytes], rekeyInterval);
        var fromResponder = new NoiseCipher(keys[HashBytes..], rekeyInterval);
        CryptographicOperations.ZeroMemory(keys);
        return initiator ? (fromInitiator, fromResponder) : (fromResponder, fromInitiator);
    }

    /// <summary>Wipes the keys of the handshake.</summary>
    public void Dispose()
    {
        ephemeralKey.Dispose();
        cipher?.Dispose();
        CryptographicOperations.ZeroMemory(chainingKey);
    }

    // §4.3 HKDF with two outputs.
    private static void DeriveTwo(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second)
    {
        Span<byte> temporaryKey = stackalloc byte[HashBytes];
        HMACSHA256.HashData(key, input, temporaryKey);
        HMACSHA256.HashData(temporaryKey, [1], first);
        Span<byte> chained = stackalloc byte[HashBytes + 1];
        first[..HashBytes].CopyTo(chained);
        chained[HashBytes] = 2;
        HMACSHA256.HashData(temporaryKey, chained, second);
        CryptographicOperations.ZeroMemory(temporaryKey);
    }

    private static byte[] RawPublicKey(Key key) => key.PublicKey.Export(KeyBlobFormat.RawPublicKey);

    private bool TryRead(ReadOnlySpan<byte> message, Span<byte> payload)
    {
        message[..PublicKeyBytes].CopyTo(remoteEphemeral);
        MixHash(remoteEphemeral);
        ReadOnlySpan<byte> rest = message[PublicKeyBytes..];
        if (initiator)
        {
            return MixSharedKey(ephemeralKey, remoteEphemeral)
                && MixSharedKey(staticKey, remoteEphemeral)
                && DecryptAndHash(rest, payload);
        }

        const int EncryptedKeyBytes = PublicKeyBytes + NoiseCipher.TagBytes;
        return MixSharedKey(staticKey, remoteEphemeral)
            && DecryptAndHash(rest[..EncryptedKeyBytes], remoteStatic)
            && MixSharedKey(staticKey, remoteStatic)
            && DecryptAndHash(rest[EncryptedKeyBytes..], payload);
    }

    private int FailToWrite()
    {
        step = Step.Failed;
        return 0;
    }

    private void MixHash(ReadOnlySpan<byte> data)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(hash);
        sha.AppendData(data);
        sha.GetHashAndReset(hash);
    }

    /// <returns>False for a public key of low order, which would make the secret known to everybody (§12.1 permits the check).</returns>
    private bool MixSharedKey(Key own, ReadOnlySpan<byte> other)
    {
        if (!PublicKey.TryImport(KeyAgreementAlgorithm.X25519, other, KeyBlobFormat.RawPublicKey, out PublicKey? parsed))
            return false;
        using SharedSecret? secret = KeyAgreementAlgorithm.X25519.Agree(own, parsed!, Exportable);
        if (secret is null)
            return false;
        byte[] raw = secret.Export(SharedSecretBlobFormat.RawSharedSecret);
        Span<byte> key = stackalloc byte[HashBytes];
        Span<byte> nextChainingKey = stackalloc byte[HashBytes];
        DeriveTwo(chainingKey, raw, nextChainingKey, key);
        nextChainingKey.CopyTo(chainingKey);
        cipher?.Dispose();
        cipher = new NoiseCipher(key);
        CryptographicOperations.ZeroMemory(raw);
        CryptographicOperations.ZeroMemory(key);
        return true;
    }

    private int EncryptAndHash(ReadOnlySpan<byte> plaintext, Span<byte> destination)
    {
        Span<byte> ciphertext = destination[..(plaintext.Length + NoiseCipher.TagBytes)];
        cipher!.Encrypt(hash, plaintext, ciphertext);
        MixHash(ciphertext);
        return ciphertext.Length;
    }

    private bool DecryptAndHash(ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        if (!cipher!.TryDecrypt(hash, ciphertext, plaintext))
            return false;
        MixHash(ciphertext);
        return true;
    }
}

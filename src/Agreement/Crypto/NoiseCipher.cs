using System.Buffers.Binary;
using System.Security.Cryptography;
using NSec.Cryptography;

namespace Agreement.Crypto;

/// <summary>
/// A Noise CipherState for AES-256-GCM: a key and a nonce that counts messages (Noise revision 34, §5.1 and §12.4).
/// Both directions of a link have one each.
/// </summary>
/// <remarks>
/// libsodium needs the processor's AES instructions; where they are missing the platform's AES does the same, slower.
/// Measured per call for 64 B and 4 KiB: libsodium 0.1 and 0.8 µs, the platform 0.5 and 1.2 µs; equal at 64 KiB.
/// </remarks>
public sealed class NoiseCipher : IDisposable
{
    /// <summary>Length of a key, in bytes.</summary>
    public const int KeyBytes = 32;

    /// <summary>What encryption adds to a message, in bytes.</summary>
    public const int TagBytes = 16;

    /// <summary>Largest ciphertext, tag included, in bytes (Noise revision 34, §3).</summary>
    public const int MaximumMessageBytes = 65535;

    /// <summary>Messages between two rekeys of a link, chosen alike by both ends.</summary>
    public const ulong LinkRekeyInterval = 1 << 20;

    private const int NonceBytes = 12;

    private readonly ulong rekeyInterval;
    private readonly bool useSodium;
    private Key? sodiumKey;
    private AesGcm? platformKey;

    /// <summary>Starts with nonce 0.</summary>
    /// <param name="key"><see cref="KeyBytes"/> bytes; copied.</param>
    /// <param name="rekeyInterval">Rekeys by itself whenever the nonce reaches a multiple of this; 0 never does.</param>
    public NoiseCipher(ReadOnlySpan<byte> key, ulong rekeyInterval = 0)
        : this(key, rekeyInterval, Aes256Gcm.IsSupported)
    {
    }

    internal NoiseCipher(ReadOnlySpan<byte> key, ulong rekeyInterval, bool useSodium)
    {
        this.rekeyInterval = rekeyInterval;
        this.useSodium = useSodium;
        SetKey(key);
    }

    /// <summary>Messages so far; the nonce of the next one.</summary>
    public ulong Nonce { get; private set; }

    /// <summary>
    /// Encrypts one message and counts it. <paramref name="ciphertext"/> has the length of
    /// <paramref name="plaintext"/> and <see cref="TagBytes"/> more; the two may start at the same place, and otherwise
    /// must not overlap.
    /// </summary>
    public void Encrypt(ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        Seal(Nonce, associatedData, plaintext, ciphertext);
        Count();
    }

    /// <summary>
    /// Decrypts and checks one message. <paramref name="plaintext"/> is <see cref="TagBytes"/> shorter than
    /// <paramref name="ciphertext"/>; the two may start at the same place, and otherwise must not overlap.
    /// </summary>
    /// <returns>False when the message is not the next one of the peer; it is not counted, and plaintext is undefined.</returns>
    public bool TryDecrypt(ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        if (ciphertext.Length < TagBytes || !Open(Nonce, associatedData, ciphertext, plaintext))
            return false;
        Count();
        return true;
    }

    /// <summary>Replaces the key by a one-way function of it and keeps the nonce (Noise revision 34, §4.2 REKEY).</summary>
    public void Rekey()
    {
        Span<byte> zeros = stackalloc byte[KeyBytes];
        Span<byte> next = stackalloc byte[KeyBytes + TagBytes];
        zeros.Clear();
        Seal(ulong.MaxValue, default, zeros, next);
        SetKey(next[..KeyBytes]);
        CryptographicOperations.ZeroMemory(next);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        sodiumKey?.Dispose();
        platformKey?.Dispose();
    }

    private static void WriteNonce(ulong value, Span<byte> nonce)
    {
        // Four zero bytes, then the counter big-endian: AES-GCM's order, unlike ChaChaPoly's (§12.4).
        nonce[..4].Clear();
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], value);
    }

    private void SetKey(ReadOnlySpan<byte> key)
    {
        Dispose();
        if (useSodium)
            sodiumKey = Key.Import(AeadAlgorithm.Aes256Gcm, key, KeyBlobFormat.RawSymmetricKey);
        else
            platformKey = new AesGcm(key, TagBytes);
    }

    private void Seal(ulong nonceValue, ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        WriteNonce(nonceValue, nonce);
        if (platformKey is not null)
            platformKey.Encrypt(nonce, plaintext, ciphertext[..plaintext.Length], ciphertext[plaintext.Length..], associatedData);
        else
            AeadAlgorithm.Aes256Gcm.Encrypt(sodiumKey!, nonce, associatedData, plaintext, ciphertext);
    }

    private bool Open(ulong nonceValue, ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> ciphertext, Span<byte> plaintext)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        WriteNonce(nonceValue, nonce);
        if (platformKey is null)
            return AeadAlgorithm.Aes256Gcm.Decrypt(sodiumKey!, nonce, associatedData, ciphertext, plaintext);
        try
        {
            platformKey.Decrypt(nonce, ciphertext[..^TagBytes], ciphertext[^TagBytes..], plaintext, associatedData);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private void Count()
    {
        Nonce++;
        if (rekeyInterval != 0 && Nonce % rekeyInterval == 0)
            Rekey();
    }
}

using Agreement.Crypto;

namespace Agreement.Tests.Crypto;

public sealed class NoiseCipherTests
{
    private static readonly byte[] CipherKey = [.. Enumerable.Range(0, NoiseCipher.KeyBytes).Select(i => (byte)i)];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(NoiseCipher.MaximumMessageBytes - NoiseCipher.TagBytes)]
    public void Both_implementations_agree_also_in_place_and_across_rekeys(int plaintextBytes)
    {
        using var sodium = new NoiseCipher(CipherKey, rekeyInterval: 2, useSodium: true);
        using var platform = new NoiseCipher(CipherKey, rekeyInterval: 2, useSodium: false);
        byte[] plaintext = new byte[plaintextBytes];
        new Random(plaintextBytes).NextBytes(plaintext);
        byte[] ad = [1, 2, 3, 4];
        for (int i = 0; i < 5; i++)
        {
            byte[] buffer = [.. plaintext, .. new byte[NoiseCipher.TagBytes]];
            sodium.Encrypt(ad, buffer.AsSpan(0, plaintextBytes), buffer);
            Assert.True(platform.TryDecrypt(ad, buffer, buffer.AsSpan(0, plaintextBytes)));
            Assert.Equal(plaintext, buffer[..plaintextBytes]);
        }

        Assert.Equal(5ul, sodium.Nonce);
        Assert.Equal(5ul, platform.Nonce);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_message_opens_once_in_its_place_and_with_its_associated_data(bool useSodium)
    {
        using var send = new NoiseCipher(CipherKey, 0, useSodium);
        using var receive = new NoiseCipher(CipherKey, 0, useSodium);
        byte[] first = new byte[17];
        byte[] second = new byte[17];
        byte[] opened = new byte[1];
        send.Encrypt([9], [1], first);
        send.Encrypt([9], [2], second);

        Assert.False(receive.TryDecrypt([9], second, opened));
        Assert.False(receive.TryDecrypt([8], first, opened));
        Assert.False(receive.TryDecrypt([9], first.AsSpan(0, 15), default));
        Assert.True(receive.TryDecrypt([9], first, opened));
        Assert.False(receive.TryDecrypt([9], first, opened));
        Assert.True(receive.TryDecrypt([9], second, opened));
        Assert.Equal(2, opened[0]);
    }

    [Fact]
    public void Rekeying_changes_the_key_and_not_the_nonce()
    {
        using var rekeyed = new NoiseCipher(CipherKey);
        using var kept = new NoiseCipher(CipherKey);
        rekeyed.Rekey();
        Assert.Equal(0ul, rekeyed.Nonce);
        byte[] a = new byte[17];
        byte[] b = new byte[17];
        rekeyed.Encrypt(default, [1], a);
        kept.Encrypt(default, [1], b);
        Assert.NotEqual(a, b);

        // Noise revision 34, §4.2: the new key is the first 32 bytes of ENCRYPT(k, 2^64-1, empty, 32 zeros).
        byte[] sealedZeros = new byte[NoiseCipher.KeyBytes + NoiseCipher.TagBytes];
        using var aes = new System.Security.Cryptography.AesGcm(CipherKey, NoiseCipher.TagBytes);
        byte[] nonce = [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
        aes.Encrypt(nonce, new byte[32], sealedZeros.AsSpan(0, 32), sealedZeros.AsSpan(32));
        using var expected = new NoiseCipher(sealedZeros.AsSpan(0, 32));
        byte[] c = new byte[17];
        expected.Encrypt(default, [1], c);
        Assert.Equal(c, a);
    }
}

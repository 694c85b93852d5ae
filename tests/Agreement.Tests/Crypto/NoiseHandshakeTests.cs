using Agreement.Crypto;
using Agreement.Messages;
using NSec.Cryptography;

namespace Agreement.Tests.Crypto;

public sealed class NoiseHandshakeTests
{
    private static readonly byte[] Prologue = "zzfs link 1"u8.ToArray();

    // The vector of this protocol name in cacophony.txt, as github.com/mcginty/snow has it under tests/vectors.
    private static readonly (string Payload, string Ciphertext)[] PublishedMessages =
    [
        ("4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444e417bc55c7a8166c993356c1be41ef67818a292426f3015"
            + "56c7f26b21d25ddb097153891a9a956cff47b83e63ad8d701c1342c209cff1ca5ecd43402762ac249e3bd3a4c0a145fe07cb5dae28ea13a3"),
        ("4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843af2ccf9972e22afc67aeafcd25162f7f98c363b7762e3e4c"
            + "b7d272e39f27a5"),
        ("462e20412e20486179656b", "66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9"),
        ("4361726c204d656e676572", "71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3"),
        ("4a65616e2d426170746973746520536179", "4795a3423550c8bf00386bd496a3e2c76c10669d2a75ab8f79b5094c5412a25705"),
        ("457567656e2042f6686d20766f6e2042617765726b",
            "aa0bb39097555c918e40be82abc2b909eb79d9eb87adb07e268fc37323a6cf904fd01fb391"),
    ];

    [Fact]
    public void The_published_vector_comes_out_byte_for_byte()
    {
        byte[] prologue = Convert.FromHexString("4a6f686e2047616c74");
        using Key initiatorStatic = ImportKey("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1");
        using Key responderStatic = ImportKey("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893");
        byte[] responderPublic = Convert.FromHexString("31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62");
        using NoiseHandshake initiator = NoiseHandshake.Initiate(
            initiatorStatic,
            ImportKey("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"),
            responderPublic,
            prologue);
        using NoiseHandshake responder = NoiseHandshake.Respond(
            responderStatic,
            ImportKey("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"),
            prologue);

        Assert.Equal(PublishedMessages[0].Ciphertext, Exchange(initiator, responder, PublishedMessages[0].Payload));
        Assert.Equal(PublishedMessages[1].Ciphertext, Exchange(responder, initiator, PublishedMessages[1].Payload));

        const string Hash = "669c8640d9e42a3cda2f232f78597ceefb01daa6e3df81181ccce6fc6b5026bf";
        Assert.Equal(Hash, Convert.ToHexStringLower(initiator.HandshakeHash));
        Assert.Equal(Hash, Convert.ToHexStringLower(responder.HandshakeHash));
        Assert.Equal(PublicBytes(initiatorStatic), responder.RemoteStatic.ToArray());

        (NoiseCipher initiatorSends, NoiseCipher initiatorReceives) = initiator.Split();
        (NoiseCipher responderSends, NoiseCipher responderReceives) = responder.Split();
        for (int i = 2; i < PublishedMessages.Length; i++)
        {
            bool fromInitiator = i % 2 == 0;
            byte[] payload = Convert.FromHexString(PublishedMessages[i].Payload);
            byte[] ciphertext = new byte[payload.Length + NoiseCipher.TagBytes];
            (fromInitiator ? initiatorSends : responderSends).Encrypt(default, payload, ciphertext);
            Assert.Equal(PublishedMessages[i].Ciphertext, Convert.ToHexStringLower(ciphertext));
            byte[] opened = new byte[payload.Length];
            Assert.True((fromInitiator ? responderReceives : initiatorReceives).TryDecrypt(default, ciphertext, opened));
            Assert.Equal(payload, opened);
        }
    }

    [Fact]
    public void An_initiator_that_means_another_responder_is_not_understood()
    {
        using var parties = new Parties();
        using Key other = Key.Create(KeyAgreementAlgorithm.X25519);
        using NoiseHandshake initiator = parties.Initiate(PublicBytes(other));
        using NoiseHandshake responder = parties.Respond();
        byte[] first = Write(initiator);

        Assert.False(responder.TryReadMessage(first, default, out _));
    }

    [Fact]
    public void Another_prologue_is_not_understood()
    {
        using var parties = new Parties();
        using NoiseHandshake initiator = parties.Initiate();
        using NoiseHandshake responder =
            NoiseHandshake.Respond(parties.ResponderStatic, Key.Create(KeyAgreementAlgorithm.X25519), "zzfs link 2"u8);

        Assert.False(responder.TryReadMessage(Write(initiator), default, out _));
    }

    [Fact]
    public void A_responder_without_the_private_key_can_not_answer()
    {
        using var parties = new Parties();
        using NoiseHandshake initiator = parties.Initiate();
        byte[] first = Write(initiator);
        using NoiseHandshake responder = parties.Respond();
        Assert.True(responder.TryReadMessage(first, default, out _));

        // The answer of somebody else, to somebody else's first message.
        using var others = new Parties();
        using NoiseHandshake otherInitiator = others.Initiate();
        using NoiseHandshake otherResponder = others.Respond();
        Assert.True(otherResponder.TryReadMessage(Write(otherInitiator), default, out _));

        Assert.False(initiator.TryReadMessage(Write(otherResponder), default, out _));
    }

    [Fact]
    public void Every_flipped_bit_and_every_other_length_of_either_message_is_rejected()
    {
        using var parties = new Parties();
        using NoiseHandshake initiator = parties.Initiate();
        byte[] first = Write(initiator);
        for (int i = 0; i < first.Length; i++)
        {
            byte[] tampered = [.. first];
            tampered[i] ^= (byte)(1 << (i % 8));
            // The top bit of an X25519 key is ignored by the curve, but not by the hash.
            using NoiseHandshake responder = parties.Respond();
            Assert.False(responder.TryReadMessage(tampered, default, out _), $"byte {i}");
        }

        for (int length = 0; length < first.Length; length++)
        {
            using NoiseHandshake responder = parties.Respond();
            Assert.False(responder.TryReadMessage(first.AsSpan(0, length), default, out _), $"{length} bytes");
        }

        for (int i = 0; i < NoiseHandshake.SecondMessageBytes; i++)
        {
            using NoiseHandshake again = parties.Initiate();
            using NoiseHandshake responder = parties.Respond();
            Assert.True(responder.TryReadMessage(Write(again), default, out _));
            byte[] second = Write(responder);
            second[i] ^= 0x80;
            Assert.False(again.TryReadMessage(second, default, out _), $"byte {i}");
        }
    }

    [Fact]
    public void A_replayed_first_message_gives_the_replayer_no_keys()
    {
        using var parties = new Parties();
        using NoiseHandshake initiator = parties.Initiate();
        byte[] first = Write(initiator);
        using NoiseHandshake original = parties.Respond();
        Assert.True(original.TryReadMessage(first, default, out _));
        Assert.True(initiator.TryReadMessage(Write(original), default, out _));

        using NoiseHandshake replayed = parties.Respond();
        Assert.True(replayed.TryReadMessage(first, default, out _));
        _ = Write(replayed);

        // Neither the recorded traffic of the original session nor anything the initiator makes now fits the new keys.
        (NoiseCipher send, NoiseCipher receive) = initiator.Split();
        (NoiseCipher replayedSend, NoiseCipher replayedReceive) = replayed.Split();
        byte[] frame = new byte[17];
        send.Encrypt(default, [1], frame);
        Assert.False(replayedReceive.TryDecrypt(default, frame, new byte[1]));
        replayedSend.Encrypt(default, [1], frame);
        Assert.False(receive.TryDecrypt(default, frame, new byte[1]));
    }

    [Fact]
    public void A_key_of_low_order_is_rejected_on_both_sides()
    {
        using var parties = new Parties();
        using NoiseHandshake responder = parties.Respond();
        byte[] first = new byte[NoiseHandshake.FirstMessageBytes];
        Assert.False(responder.TryReadMessage(first, default, out _));

        using NoiseHandshake initiator = parties.Initiate(new byte[NoiseHandshake.PublicKeyBytes]);
        Assert.Equal(0, initiator.WriteMessage(default, first));
    }

    [Fact]
    public void Random_bytes_are_rejected_by_either_side()
    {
        using var parties = new Parties();
        var random = new Random(20);
        byte[] payload = new byte[64];
        for (int i = 0; i < 300; i++)
        {
            byte[] noise = new byte[random.Next(0, 160)];
            random.NextBytes(noise);
            using NoiseHandshake responder = parties.Respond();
            Assert.False(responder.TryReadMessage(noise, payload, out _));
            using NoiseHandshake initiator = parties.Initiate();
            _ = Write(initiator);
            Assert.False(initiator.TryReadMessage(noise, payload, out _));
        }
    }

    [Fact]
    public void A_payload_larger_than_expected_is_rejected()
    {
        using var parties = new Parties();
        using NoiseHandshake initiator = parties.Initiate();
        byte[] first = new byte[NoiseHandshake.FirstMessageBytes + 10];
        Assert.Equal(first.Length, initiator.WriteMessage(new byte[10], first));
        using NoiseHandshake responder = parties.Respond();

        Assert.False(responder.TryReadMessage(first, new byte[9], out _));
    }

    [Fact]
    public void Steps_out_of_turn_are_our_own_mistake()
    {
        using var parties = new Parties();
        using NoiseHandshake responder = parties.Respond();
        Assert.Throws<InvariantBrokenException>(() => responder.WriteMessage(default, new byte[200]));
        Assert.Throws<InvariantBrokenException>(() => responder.Split());
    }

    private static string Exchange(NoiseHandshake from, NoiseHandshake to, string payloadHex)
    {
        byte[] payload = Convert.FromHexString(payloadHex);
        byte[] message = new byte[payload.Length + NoiseHandshake.FirstMessageBytes];
        int length = from.WriteMessage(payload, message);
        byte[] opened = new byte[payload.Length];
        Assert.True(to.TryReadMessage(message.AsSpan(0, length), opened, out int payloadBytes));
        Assert.Equal(payload, opened.AsSpan(0, payloadBytes).ToArray());
        return Convert.ToHexStringLower(message.AsSpan(0, length));
    }

    private static byte[] Write(NoiseHandshake handshake)
    {
        byte[] message = new byte[NoiseHandshake.FirstMessageBytes];
        return message[..handshake.WriteMessage(default, message)];
    }

    private static Key ImportKey(string hex) =>
        Key.Import(KeyAgreementAlgorithm.X25519, Convert.FromHexString(hex), KeyBlobFormat.RawPrivateKey);

    private static byte[] PublicBytes(Key key) => key.PublicKey.Export(KeyBlobFormat.RawPublicKey);

    private sealed class Parties : IDisposable
    {
        public Key InitiatorStatic { get; } = Key.Create(KeyAgreementAlgorithm.X25519);

        public Key ResponderStatic { get; } = Key.Create(KeyAgreementAlgorithm.X25519);

        public NoiseHandshake Initiate(byte[]? responderStatic = null) =>
            NoiseHandshake.Initiate(
                InitiatorStatic,
                Key.Create(KeyAgreementAlgorithm.X25519),
                responderStatic ?? PublicBytes(ResponderStatic),
                Prologue);

        public NoiseHandshake Respond() =>
            NoiseHandshake.Respond(ResponderStatic, Key.Create(KeyAgreementAlgorithm.X25519), Prologue);

        public void Dispose()
        {
            InitiatorStatic.Dispose();
            ResponderStatic.Dispose();
        }
    }
}

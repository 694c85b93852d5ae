using System.Net;
using System.Net.Sockets;
using Agreement.Crypto;
using Agreement.Node;
using NSec.Cryptography;

namespace Agreement.Tests.Node;

/// <summary>A peer without manners: it speaks the protocol by hand over a blocking socket, as far as the test wants.</summary>
internal sealed class RawPeer : IDisposable
{
    private readonly EndpointHarness harness;
    private readonly Socket socket;
    private NoiseHandshake? handshake;

    public RawPeer(EndpointHarness harness, IPEndPoint address)
    {
        this.harness = harness;
        socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Connect(address);
    }

    public NoiseCipher SendCipher { get; private set; } = null!;

    public NoiseCipher ReceiveCipher { get; private set; } = null!;

    public static byte[] Encode(NoiseCipher cipher, FrameKind kind, ReadOnlySpan<byte> message)
    {
        byte[] frame = new byte[FrameCodec.EncodedBytes(message.Length)];
        FrameCodec.Encode(cipher, kind, message, frame);
        return frame;
    }

    public byte[] MakeFirst(Identity self, PartyPublicKeys peer)
    {
        handshake = NoiseHandshake.Initiate(
            self.LinkKey,
            Key.Create(KeyAgreementAlgorithm.X25519),
            peer.LinkKey.Span,
            [.. "zzfs link 1\0"u8, .. EndpointHarness.Volume]);
        byte[] first = new byte[NoiseHandshake.FirstMessageBytes];
        Assert.Equal(first.Length, handshake.WriteMessage(default, first));
        return first;
    }

    public void Send(ReadOnlySpan<byte> bytes) => socket.Send(bytes);

    /// <summary>Goes through the handshake, up to the frame that confirms it.</summary>
    public void Authenticate(Identity self, PartyPublicKeys peer)
    {
        Send(MakeFirst(self, peer));
        byte[] second = Receive(NoiseHandshake.SecondMessageBytes);
        Assert.True(handshake!.TryReadMessage(second, default, out _));
        (SendCipher, ReceiveCipher) = handshake.Split();
    }

    public void Confirm() => Send(Encode(SendCipher, FrameKind.KeepAlive, default));

    /// <summary>Receives while the loop turns.</summary>
    public byte[] Receive(int count)
    {
        byte[] bytes = new byte[count];
        int filled = 0;
        while (filled < count)
        {
            harness.RunUntil(() => socket.Poll(0, SelectMode.SelectRead));
            int received = socket.Receive(bytes.AsSpan(filled));
            Assert.NotEqual(0, received);
            filled += received;
        }

        return bytes;
    }

    /// <summary>Turns the loop until the other side closes, and says that it sent nothing before.</summary>
    public void AssertClosed()
    {
        harness.RunUntil(() => socket.Poll(0, SelectMode.SelectRead));
        try
        {
            Assert.Equal(0, socket.Receive(new byte[1]));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with bytes of ours unread.
        }
    }

    /// <summary>Whether the other side has closed or sent anything yet.</summary>
    public bool HasNews() => socket.Poll(0, SelectMode.SelectRead);

    public void Dispose()
    {
        socket.Dispose();
        handshake?.Dispose();
    }
}

using System.Net;
using System.Net.Sockets;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using static Agreement.Tests.Node.EndpointHarness;

namespace Agreement.Tests.Node;

/// <summary>What strangers and lying peers can send: each is counted and closed, and the honest link of A1 goes on.</summary>
public sealed class EndpointAttackTests : IDisposable
{
    private readonly EndpointHarness harness = new();
    private readonly TestEndpoint target;
    private readonly TestEndpoint honest;
    private readonly IPEndPoint address;

    public EndpointAttackTests()
    {
        target = harness.Start(A0, Fast with { MaximumUnauthenticated = 8, HandshakeTimeout = TimeSpan.FromMilliseconds(700) });
        honest = harness.Start(A1);
        address = target.Listen();
        harness.Connect(honest, target);
    }

    public void Dispose()
    {
        honest.Links.Send(A0, "still here"u8);
        harness.RunUntil(() => target.Messages.Any(m => m.From == A1));
        Assert.Equal(["+a0"], honest.Changes);
        harness.Dispose();
    }

    [Fact]
    public void Random_bytes_are_counted_and_the_connection_closed()
    {
        var random = new Random(3);
        for (int i = 0; i < 20; i++)
        {
            byte[] noise = new byte[random.Next(NoiseHandshake.FirstMessageBytes, 5000)];
            random.NextBytes(noise);
            using var stranger = new RawPeer(harness, address);
            stranger.Send(noise);
            stranger.AssertClosed();
        }

        Assert.Equal(20ul, target.Counter("handshake-malformed"));
    }

    [Fact]
    public void More_bytes_than_a_handshake_message_are_counted_even_behind_a_valid_one()
    {
        using var peer = new RawPeer(harness, address);
        byte[] first = peer.MakeFirst(harness.IdentityOf(E0), harness.KeysOf(A0));
        peer.Send([.. first, 0]);
        peer.AssertClosed();
        Assert.Equal(1ul, target.Counter("handshake-malformed"));
    }

    [Fact]
    public void A_connection_that_says_too_little_times_out()
    {
        using var terse = new RawPeer(harness, address);
        terse.Send([1]);
        using var slow = new RawPeer(harness, address);
        slow.Send(new byte[NoiseHandshake.FirstMessageBytes - 1]);
        terse.AssertClosed();
        slow.AssertClosed();
        Assert.Equal(2ul, target.Counter("handshake-timeout"));
    }

    [Fact]
    public void Idle_strangers_do_not_keep_an_honest_party_out()
    {
        var strangers = new List<RawPeer>();
        for (int i = 0; i < 80; i++)
        {
            strangers.Add(new RawPeer(harness, address));
            // Half of them say a little; the others stay with the kernel.
            if (i % 2 == 0)
                strangers[i].Send([1]);
        }

        TestEndpoint e = harness.Start(E0);
        e.Links.Dial(A0, address);
        harness.RunUntil(() => e.Links.IsConnected(A0));

        Assert.True(target.Counter("too-many-connections") >= 32);
        strangers.ForEach(s => s.Dispose());
    }

    [Fact]
    public void The_connection_that_has_waited_longest_makes_room()
    {
        var strangers = new List<RawPeer>();
        for (int i = 0; i < 9; i++)
        {
            strangers.Add(new RawPeer(harness, address));
            strangers[i].Send([1]);
        }

        harness.RunUntil(() => target.Counter("too-many-connections") == 1);

        Assert.Equal([true, false, false, false, false, false, false, false, false], strangers.Select(s => s.HasNews()));
        strangers.ForEach(s => s.Dispose());
    }

    [Fact]
    public void An_unknown_key_is_counted_by_the_one_and_a_rejection_by_the_other()
    {
        using Identity stranger = Identity.Generate();
        TestEndpoint e = harness.Start(E0, identity: stranger);
        e.Links.Dial(A0, address);
        harness.RunUntil(() => e.Counter("handshake-rejected") >= 1);
        Assert.True(target.Counter("unknown-key") >= 1);
        Assert.Empty(e.Changes);
    }

    [Fact]
    public void Another_volume_is_not_understood()
    {
        TestEndpoint e = harness.Start(E0, volume: "volume-2"u8.ToArray());
        e.Links.Dial(A0, address);
        harness.RunUntil(() => e.Counter("handshake-rejected") >= 1);
        Assert.True(target.Counter("handshake-malformed") >= 1);
    }

    [Fact]
    public void Our_own_key_is_a_stranger_s()
    {
        using var mirror = new RawPeer(harness, address);
        mirror.Send(mirror.MakeFirst(harness.IdentityOf(A0), harness.KeysOf(A0)));
        mirror.AssertClosed();
        Assert.Equal(1ul, target.Counter("unknown-key"));
    }

    [Fact]
    public void A_replayed_first_message_replaces_no_link()
    {
        using var owner = new RawPeer(harness, address);
        byte[] first = owner.MakeFirst(harness.IdentityOf(E0), harness.KeysOf(A0));
        using var genuine = new RawPeer(harness, address);
        genuine.Authenticate(harness.IdentityOf(E0), harness.KeysOf(A0));
        genuine.Confirm();
        harness.RunUntil(() => target.Links.IsConnected(E0));

        using var replayer = new RawPeer(harness, address);
        replayer.Send(first);
        replayer.Receive(NoiseHandshake.SecondMessageBytes);
        byte[] guess = new byte[FrameCodec.EncodedBytes(0)];
        guess[0] = (byte)(guess.Length - FrameCodec.HeaderBytes);
        replayer.Send(guess);
        replayer.AssertClosed();

        Assert.Equal(1ul, target.Counter("bad-frame"));
        Assert.True(target.Links.IsConnected(E0));
        Assert.Equal(0ul, target.Counter("replaced"));
    }

    [Fact]
    public void A_newcomer_that_does_not_confirm_times_out()
    {
        using var peer = new RawPeer(harness, address);
        peer.Authenticate(harness.IdentityOf(E0), harness.KeysOf(A0));
        peer.AssertClosed();
        Assert.Equal(1ul, target.Counter("handshake-timeout"));
        Assert.DoesNotContain("+e0", target.Changes);
    }

    [Theory]
    [InlineData((byte)FrameKind.Data, 0, "bad-frame")]
    [InlineData((byte)FrameKind.Data, 1, "oversized-frame")]
    [InlineData((byte)FrameKind.Refusal, 1, "oversized-frame")]
    public void A_newcomer_that_confirms_with_anything_else_is_closed(byte kind, int messageBytes, string counter)
    {
        using var peer = new RawPeer(harness, address);
        peer.Authenticate(harness.IdentityOf(E0), harness.KeysOf(A0));
        peer.Send(RawPeer.Encode(peer.SendCipher, (FrameKind)kind, new byte[messageBytes]));
        peer.AssertClosed();
        Assert.Equal(1ul, target.Counter(counter));
        Assert.DoesNotContain("+e0", target.Changes);
    }

    [Theory]
    [InlineData(0xFFFFFFFFu, "oversized-frame")]
    [InlineData(0x80000000u, "oversized-frame")]
    [InlineData(Limits.MaximumFrameBytes + 70_000u, "oversized-frame")]
    [InlineData(0u, "bad-frame")]
    [InlineData(16u, "bad-frame")]
    [InlineData(65535u + 16u, "bad-frame")]
    public void A_length_that_no_frame_has_closes_the_link(uint bodyBytes, string counter)
    {
        using RawPeer peer = LinkedPeer();
        peer.Send(BitConverter.GetBytes(bodyBytes));
        AssertLost(peer, counter);
    }

    [Fact]
    public void Any_flipped_bit_of_a_frame_closes_the_link_before_anything_is_delivered()
    {
        int frameBytes = FrameCodec.EncodedBytes(10);
        for (int i = 0; i < frameBytes; i++)
        {
            using RawPeer peer = LinkedPeer();
            byte[] frame = RawPeer.Encode(peer.SendCipher, FrameKind.Data, "0123456789"u8);
            frame[i] ^= 0x04;
            // A longer length would wait for the rest, so the rest comes.
            peer.Send([.. frame, .. new byte[8]]);
            if (i is 1 or 2)
                peer.Send(new byte[300_000]);
            harness.RunUntil(() => !target.Links.IsConnected(E0));
        }

        Assert.Empty(target.Messages);
        Assert.Equal((ulong)frameBytes, target.Counter("bad-frame") + target.Counter("oversized-frame"));
    }

    [Fact]
    public void An_unknown_kind_of_frame_closes_the_link()
    {
        using RawPeer peer = LinkedPeer();
        peer.Send(RawPeer.Encode(peer.SendCipher, (FrameKind)3, "x"u8));
        AssertLost(peer, "bad-frame");
    }

    [Fact]
    public void A_repeated_or_left_out_frame_closes_the_link()
    {
        using (RawPeer peer = LinkedPeer())
        {
            byte[] frame = RawPeer.Encode(peer.SendCipher, FrameKind.Data, "once"u8);
            peer.Send([.. frame, .. frame]);
            AssertLost(peer, "bad-frame");
        }

        Assert.Single(target.Messages);
        using (RawPeer peer = LinkedPeer())
        {
            _ = RawPeer.Encode(peer.SendCipher, FrameKind.Data, "lost"u8);
            peer.Send(RawPeer.Encode(peer.SendCipher, FrameKind.Data, "next"u8));
            harness.RunUntil(() => target.Counter("bad-frame") == 2);
        }

        Assert.Single(target.Messages);
    }

    [Fact]
    public void A_peer_that_dies_within_a_frame_is_a_closed_link_and_nothing_else()
    {
        RawPeer peer = LinkedPeer();
        byte[] frame = RawPeer.Encode(peer.SendCipher, FrameKind.Data, new byte[200_000]);
        peer.Send(frame.AsSpan(0, 150_000));
        harness.RunUntil(() => target.Counter("bytes-received") >= 150_000);
        peer.Dispose();
        harness.RunUntil(() => !target.Links.IsConnected(E0));
        Assert.Equal(1ul, target.Counter("peer-closed"));
        Assert.Empty(target.Messages);
    }

    [Fact]
    public void A_promise_of_a_large_frame_takes_no_memory()
    {
        using RawPeer peer = LinkedPeer();
        long before = target.Links.BufferBytes;
        byte[] frame = RawPeer.Encode(peer.SendCipher, FrameKind.Data, new byte[Limits.MaximumFrameBytes]);
        ulong received = target.Counter("bytes-received");
        peer.Send(frame.AsSpan(0, 1000));
        harness.RunUntil(() => target.Counter("bytes-received") >= received + 1000);
        Assert.Equal(before, target.Links.BufferBytes);

        // It still is a good frame when the rest comes.
        var rest = new Thread(() => peer.Send(frame.AsSpan(1000)));
        rest.Start();
        harness.RunUntil(() => target.Messages.Count == 1);
        rest.Join();
    }

    [Fact]
    public void A_frame_byte_by_byte_is_a_frame()
    {
        using RawPeer peer = LinkedPeer();
        foreach (byte one in RawPeer.Encode(peer.SendCipher, FrameKind.Data, "slowly"u8))
        {
            peer.Send([one]);
            harness.Loop.RunTurn(0);
        }

        harness.RunUntil(() => target.Messages.Count == 1);
        Assert.Equal("slowly"u8.ToArray(), target.Messages[0].Message);
    }

    [Fact]
    public void A_dialled_server_that_talks_nonsense_is_dialled_again_later()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        TestEndpoint e = harness.Start(E0);
        e.Links.Dial(C0, listener.LocalEndPoint!);
        for (int i = 0; i < 3; i++)
        {
            harness.RunUntil(() => listener.Poll(0, SelectMode.SelectRead));
            using Socket accepted = listener.Accept();
            accepted.Send(new byte[100]);
            harness.RunUntil(() => e.Counter("handshake-malformed") == (ulong)i + 1);
        }

        Assert.Empty(e.Changes);
    }

    private RawPeer LinkedPeer()
    {
        var peer = new RawPeer(harness, address);
        peer.Authenticate(harness.IdentityOf(E0), harness.KeysOf(A0));
        peer.Confirm();
        harness.RunUntil(() => target.Links.IsConnected(E0));
        return peer;
    }

    private void AssertLost(RawPeer peer, string counter)
    {
        harness.RunUntil(() => !target.Links.IsConnected(E0));
        Assert.True(target.Counter(counter) >= 1, counter);
        Assert.True(peer.HasNews());
    }
}

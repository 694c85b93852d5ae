using System.Net;
using System.Net.Sockets;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using static Agreement.Tests.Node.EndpointHarness;

namespace Agreement.Tests.Node;

/// <summary>How links come and go between honest parties.</summary>
public sealed class EndpointConnectionTests : IDisposable
{
    private readonly EndpointHarness harness = new();

    public void Dispose() => harness.Dispose();

    [Fact]
    public void A_party_that_is_not_there_yet_is_dialled_until_it_is()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        int port = FreePort();
        a.Links.Dial(A1, new IPEndPoint(IPAddress.Loopback, port));
        harness.RunUntil(() => a.Counter("dial-failed") >= 3);
        Assert.Empty(a.Changes);

        b.Listen(port);
        harness.RunUntil(() => a.Links.IsConnected(A1) && b.Links.IsConnected(A0));
    }

    [Fact]
    public void A_party_that_restarts_is_linked_again()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint first = harness.Start(A1);
        harness.Connect(a, first);
        int port = first.Listen().Port;
        first.Dispose();
        harness.RunUntil(() => !a.Links.IsConnected(A1));

        TestEndpoint second = harness.Start(A1);
        second.Listen(port);
        harness.RunUntil(() => a.Links.IsConnected(A1) && second.Links.IsConnected(A0));
        a.Links.Send(A1, [7]);
        harness.RunUntil(() => second.Messages.Count == 1);

        Assert.Equal(["+a1", "-a1", "+a1"], a.Changes);
    }

    [Fact]
    public void A_frozen_party_costs_one_connection_and_is_linked_as_soon_as_it_thaws()
    {
        EventLoop frozen = harness.NewLoop();
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1, Fast, frozen);
        a.Links.Dial(A1, b.Listen());
        long start = harness.Loop.NowMilliseconds;
        harness.RunUntil(() => harness.Loop.NowMilliseconds - start > 1300);
        Assert.Equal(0ul, a.Counter("dial-failed"));
        Assert.Empty(a.Changes);

        int turns = 0;
        harness.RunUntil(() => a.Links.IsConnected(A1) || ++turns > 20, frozen);

        Assert.True(a.Links.IsConnected(A1));
        Assert.Equal(1ul, b.Counter("established"));
        Assert.Equal(0ul, b.Counter("peer-closed"));
    }

    [Fact]
    public void A_party_that_freezes_is_given_up_and_linked_again_when_it_thaws()
    {
        EventLoop frozen = harness.NewLoop();
        LinkOptions options = Fast with { SilenceTimeout = TimeSpan.FromMilliseconds(200) };
        TestEndpoint a = harness.Start(A0, options);
        TestEndpoint b = harness.Start(A1, options, frozen);
        a.Links.Dial(A1, b.Listen());
        harness.RunUntil(() => a.Links.IsConnected(A1), frozen);

        harness.RunUntil(() => !a.Links.IsConnected(A1));
        Assert.Equal(1ul, a.Counter("peer-silent"));

        harness.RunUntil(() => a.Links.IsConnected(A1), frozen);
        a.Links.Send(A1, [1]);
        harness.RunUntil(() => b.Messages.Count == 1, frozen);
    }

    [Fact]
    public void A_replica_that_connects_again_replaces_its_older_link()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint older = harness.Start(E0);
        harness.Connect(older, a);
        older.Links.StopDialling(A0);

        TestEndpoint newer = harness.Start(E0);
        newer.Links.Dial(A0, a.Listen());
        harness.RunUntil(() => newer.Links.IsConnected(A0) && !older.Links.IsConnected(A0));
        a.Links.Send(E0, [5]);
        harness.RunUntil(() => newer.Messages.Count == 1);

        Assert.Equal(["+e0", "-e0", "+e0"], a.Changes);
        Assert.Equal([(A0, RefusalReason.Replaced)], older.Refusals);
        Assert.Equal(1ul, a.Counter("replaced"));
    }

    [Fact]
    public void A_second_mount_with_the_key_of_a_live_client_is_refused_and_hears_why_until_the_first_is_gone()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint first = harness.Start(C0);
        harness.Connect(first, a);

        TestEndpoint second = harness.Start(C0, seed: 2);
        second.Links.Dial(A0, a.Listen());
        harness.RunUntil(() => second.Refusals.Count >= 2);

        Assert.All(second.Refusals, r => Assert.Equal((A0, RefusalReason.AlreadyConnected), r));
        Assert.Empty(second.Changes);
        Assert.Equal(["+c0"], a.Changes);
        Assert.True(a.Counter("duplicate-client") >= 2);
        first.Links.Send(A0, [1]);
        harness.RunUntil(() => a.Messages.Count == 1);

        first.Dispose();
        harness.RunUntil(() => second.Links.IsConnected(A0));
    }

    [Fact]
    public void A_client_whose_older_link_fell_silent_is_let_in()
    {
        EventLoop frozen = harness.NewLoop();
        TestEndpoint a = harness.Start(A0, Fast with { ClientAliveTime = TimeSpan.FromMilliseconds(150) });
        TestEndpoint first = harness.Start(C0, Fast, frozen);
        first.Links.Dial(A0, a.Listen());
        harness.RunUntil(() => a.Links.IsConnected(C0) && first.Links.IsConnected(A0), frozen);

        TestEndpoint second = harness.Start(C0, seed: 2);
        second.Links.Dial(A0, a.Listen());
        harness.RunUntil(() => second.Links.IsConnected(A0));

        Assert.Equal(["+c0", "-c0", "+c0"], a.Changes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Two_parties_that_dial_each_other_end_with_one_link_that_stays(int seed)
    {
        TestEndpoint a = harness.Start(A0, seed: seed);
        TestEndpoint b = harness.Start(A1, seed: seed + 100);
        IPEndPoint addressOfA = a.Listen();
        IPEndPoint addressOfB = b.Listen();
        a.Links.Dial(A1, addressOfB);
        b.Links.Dial(A0, addressOfA);
        harness.RunUntil(() => a.Links.IsConnected(A1) && b.Links.IsConnected(A0));

        // A frame each way proves that both mean the same connection.
        a.Links.Send(A1, [1]);
        b.Links.Send(A0, [2]);
        harness.RunUntil(() => a.Messages.Count == 1 && b.Messages.Count == 1);
        long start = harness.Loop.NowMilliseconds;
        harness.RunUntil(() => harness.Loop.NowMilliseconds - start > 150);

        Assert.Equal(["+a1"], a.Changes);
        Assert.Equal(["+a0"], b.Changes);
        Assert.Empty(a.Refusals);
        Assert.Empty(b.Refusals);
    }

    [Fact]
    public void A_replaced_key_closes_the_link_and_only_the_new_one_is_let_in()
    {
        using Identity fresh = Identity.Generate();
        TestEndpoint a = harness.Start(A0);
        TestEndpoint old = harness.Start(E0);
        harness.Connect(old, a);
        a.Links.SetKeys(E0, fresh.PublicKeys);
        Assert.False(a.Links.IsConnected(E0));
        Assert.Equal(1ul, a.Counter("key-replaced"));
        harness.RunUntil(() => a.Counter("unknown-key") >= 2);
        Assert.False(a.Links.IsConnected(E0));

        TestEndpoint renewed = harness.Start(E0, identity: fresh);
        renewed.Links.Dial(A0, a.Listen());
        harness.RunUntil(() => renewed.Links.IsConnected(A0));

        a.Links.SetKeys(E0, null);
        Assert.False(a.Links.IsConnected(E0));
    }

    [Fact]
    public void A_party_that_is_no_longer_dialled_keeps_its_link_but_loses_the_next()
    {
        TestEndpoint a = harness.Start(A0);
        TestEndpoint b = harness.Start(A1);
        harness.Connect(a, b);
        a.Links.StopDialling(A1);
        Assert.True(a.Links.IsConnected(A1));
        b.Dispose();
        harness.RunUntil(() => !a.Links.IsConnected(A1));
        long start = harness.Loop.NowMilliseconds;
        harness.RunUntil(() => harness.Loop.NowMilliseconds - start > 100);
        Assert.Equal(0ul, a.Counter("dial-failed"));
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}

using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>How a client opens, uses, keeps, and loses its session (DESIGN §4, §6).</summary>
public class ClientSessionTests
{
    private static readonly OperationResult Ended = OperationResult.Failed(SessionOperation.SessionEnded);

    private readonly ClientHarness client = new();

    // "Clients learn e, its active set and the keys from f+1 agreement replicas."
    [Fact]
    public void A_client_begins_when_f_plus_1_agreement_replicas_name_the_same_state()
    {
        Assert.Empty(client.SendState(0).Messages);
        Assert.Empty(client.SendState(0).Messages);
        Assert.Empty(client.SendState(1, epoch: 9).Messages);
        Turn turn = client.SendState(2, view: 4);
        Request open = turn.Requests.Single();
        Assert.Equal((SessionId.None, PartyId.Client(0)), (open.Session, open.Client));
        Assert.True(SessionOperation.TryRead(open.Operation, out SessionOperation operation));
        Assert.Equal(new SessionOperation(SessionOperationKind.Open, 1, 2), operation);
        Assert.Equal(new Recipients(0b1111, 0b11, null), turn.Messages.Single().To);
    }

    // What is said once may be lost: a client that never heard of f + 1 would never begin.
    [Fact]
    public void A_client_that_knows_too_little_of_the_cluster_asks_now_and_then()
    {
        client.SendState(0);
        int asked = 0;
        for (int i = 0; i < 60; i++)
            asked += client.Tick(50).Of(MessageKind.FetchClusterState).Count(message => message.To == new Recipients(0b1111, 0, null));
        Assert.InRange(asked, 4, 7);
        client.AnswerAll(client.SendState(1).Requests.Single(), new OperationResult { Number = 7 });
        Assert.Empty(client.Tick(1000).Of(MessageKind.FetchClusterState));
    }

    [Fact]
    public void An_older_epoch_or_incarnation_is_not_believed_any_more()
    {
        var view = new ZZFs.Client.ClusterView(new Quorum(1));
        var newer = new ClusterState(new Incarnation(1), new Epoch(2), 7, default);
        Assert.False(view.Add(0, newer));
        Assert.True(view.Add(1, newer));
        foreach (ClusterState older in (ClusterState[])[newer with { Epoch = new Epoch(1) }, newer with { Incarnation = default }])
        {
            Assert.False(view.Add(2, older));
            Assert.False(view.Add(3, older));
        }

        Assert.Equal(newer, view.Current);
        Assert.False(view.Add(2, newer));
    }

    [Fact]
    public void Operations_wait_for_a_session_and_then_for_a_slot()
    {
        client.Submit("a");
        client.Submit("b");
        client.Submit("c");
        Assert.False(client.Session.IsOpen);
        IReadOnlyList<Request> sent = client.Open().Requests;
        Assert.Equal([(42ul, 0, 1ul), (42ul, 1, 1ul)], sent.Select(request => (request.Session.Value, (int)request.Slot, request.SlotSequence)));
        Request third = client.AnswerAll(sent[1], OperationResult.Success).Requests.Single();
        Assert.Equal((1, 2ul), ((int)third.Slot, third.SlotSequence));
        Assert.Equal(["b"], client.Completed.Select(done => done.Tag));
        Assert.Equal(2, client.Session.Unfinished);
    }

    [Fact]
    public void Requests_are_signed_for_the_current_incarnation_and_carry_their_flags()
    {
        client.SendState(0, incarnation: 6);
        Turn turn = client.SendState(1, incarnation: 6);
        client.AnswerAll(turn.Requests.Single(), new OperationResult { Number = 42 });
        Request request = client.Submit("a", RequestFlags.Sync).Requests.Single();
        Assert.Equal((new Incarnation(6), RequestFlags.Sync), (request.Incarnation, request.Flags));
        Span<byte> signed = stackalloc byte[Request.SignedBytes];
        Request.WriteSigned(request.Digest, signed);
        Assert.True(new HashSignatures().Verify(PartyId.Client(0), signed, request.Signature.Span));
    }

    // "If they don't come in time it resends to all agreement replicas."
    [Fact]
    public void What_is_not_answered_is_sent_again_ever_more_rarely()
    {
        client.Open();
        Request request = client.Submit("a").Requests.Single();
        foreach (int patience in (int[])[400, 800, 1600, 3200, 4000, 4000])
        {
            Assert.Empty(client.Tick(patience - 1).Messages);
            Turn turn = client.Tick(1);
            Assert.Equal(request.Digest, turn.Requests.Single().Digest);
            Assert.Equal(new Recipients(0b1111, 0b11, null), turn.Of(MessageKind.Request).Single().To);
            Assert.Equal(new FetchReply(request.Session, request.Slot, request.SlotSequence, request.Digest), turn.ReplyRequests.Single());
        }

        Assert.Equal(6ul, client.Session.Resends);
    }

    [Fact]
    public void An_opening_is_sent_again_with_the_same_nonce()
    {
        client.SendState(0);
        Request open = client.SendState(1).Requests.Single();
        Assert.Equal(open.Digest, client.Tick(400).Requests.Single().Digest);
    }

    [Theory]
    [InlineData(PartyRole.Agreement)]
    [InlineData(PartyRole.Execution)]
    public void A_new_link_is_sent_all_that_is_under_way(PartyRole role)
    {
        var party = new PartyId(role, 1);
        client.SendState(0);
        Request open = client.SendState(1).Requests.Single();
        Assert.Equal([open.Digest], client.Connected(party).Requests.Select(request => request.Digest));
        client.AnswerAll(open, new OperationResult { Number = 42 });
        Request[] sent = [client.Submit("a").Requests.Single(), client.Submit("b").Requests.Single()];
        client.Submit("waits");
        Turn turn = client.Connected(party);
        Assert.Equal(sent.Select(request => request.Digest), turn.Requests.Select(request => request.Digest));
        Assert.All(turn.Messages, message => Assert.True(message.GoesTo(party)));
    }

    [Fact]
    public void An_unused_session_is_renewed_before_its_lease_ends()
    {
        client.Open();
        Assert.Empty(client.Tick(20_000).Messages);
        Request renewal = client.Tick(1).Requests.Single();
        Assert.True(SessionOperation.TryRead(renewal.Operation, out SessionOperation operation));
        Assert.Equal(SessionOperationKind.Renew, operation.Kind);
        client.AnswerAll(renewal, OperationResult.Success);
        Assert.Empty(client.Tick(20_000).Messages);
    }

    // "what was in flight returns EIO": it may or may not have happened. What never left goes on in a new session.
    [Fact]
    public void When_the_session_has_ended_what_was_in_flight_fails_and_the_rest_goes_on_in_a_new_one()
    {
        client.Open();
        Request first = client.Submit("a").Requests.Single();
        client.Submit("b");
        client.Submit("waits");
        Turn turn = client.AnswerAll(first, Ended);
        Assert.Equal([("a", Errno.EIO), ("b", Errno.EIO)], client.Completed.Select(done => ((string)done.Tag!, done.Result.Error)));
        Request open = turn.Requests.Single();
        Assert.Equal(SessionId.None, open.Session);
        Assert.True(SessionOperation.TryRead(open.Operation, out SessionOperation operation));
        Assert.Equal((UInt128)2, operation.Nonce);
        Request again = client.AnswerAll(open, new OperationResult { Number = 43 }).Requests.Single();
        Assert.Equal((43ul, 1ul), (again.Session.Value, again.SlotSequence));
    }

    [Fact]
    public void One_replica_alone_ends_no_session()
    {
        client.Open();
        Request first = client.Submit("a").Requests.Single();
        client.Answer(0, first, Ended);
        Assert.Empty(client.Completed);
        Assert.True(client.Session.IsOpen);
    }

    [Fact]
    public void A_closed_session_stays_closed()
    {
        client.Open();
        Request close = client.Close("close").Requests.Single();
        client.AnswerAll(close, OperationResult.Success);
        Assert.Equal([("close", Errno.None)], client.Completed.Select(done => ((string)done.Tag!, done.Result.Error)));
        Assert.Empty(client.Tick(100_000).Messages);
        client.SendState(0, epoch: 1);
        Assert.Empty(client.SendState(1, epoch: 1).Messages);
    }

    // The reply to a close can't be had again: the session that kept it is gone. That it is gone is what was wanted.
    [Fact]
    public void A_close_whose_reply_was_lost_has_succeeded()
    {
        client.Open();
        Request close = client.Close("close").Requests.Single();
        Assert.Empty(client.AnswerAll(close, Ended).Requests);
        Assert.Equal([("close", Errno.None)], client.Completed.Select(done => ((string)done.Tag!, done.Result.Error)));
        Assert.Empty(client.Tick(100_000).Messages);
    }

    [Fact]
    public void Messages_of_the_wrong_kind_of_party_are_counted()
    {
        client.Receive(PartyId.Execution(0), new ClusterState(default, default, 3, default).Write);
        client.Receive(PartyId.Agreement(0), new FetchOrders(default).Write);
        client.Receive(PartyId.Client(1), new FetchOrders(default).Write);
        client.Receive(PartyId.Agreement(0), []);
        Assert.Equal(4ul, client.Session.Rejections[Rejection.Malformed]);
    }
}

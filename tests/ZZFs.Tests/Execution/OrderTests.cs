using System.Runtime.CompilerServices;
using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Execution;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>Which batches an execution replica executes, and where it gets their bodies (DESIGN §6).</summary>
public class OrderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void F_plus_1_equal_orders_are_executed_and_f_are_not(int faults)
    {
        var replica = new ExecutionHarness(faults: faults);
        Order order = replica.NextOrder([]);
        for (int sender = 0; sender < faults; sender++)
            replica.SendOrder(sender, order);
        replica.SendOrder(0, order);
        Assert.Equal(0ul, replica.Replica.Executed.Value);
        replica.SendOrder(faults, order);
        Assert.Equal(1ul, replica.Replica.Executed.Value);
    }

    // "f+1 ORDERs that match in everything but e": an epoch may begin between two of them.
    [Fact]
    public void Orders_of_different_epochs_match()
    {
        var replica = new ExecutionHarness();
        Order order = replica.NextOrder([]);
        replica.SendOrder(0, order);
        replica.SendOrder(1, order with { Epoch = new Epoch(1) });
        Assert.Equal(1ul, replica.Replica.Executed.Value);
    }

    // One liar's statement neither matches nor stands in the way (DESIGN §13, UpRight).
    [Fact]
    public void Orders_that_differ_otherwise_do_not_match_and_block_nothing()
    {
        var replica = new ExecutionHarness(faults: 2);
        Order order = replica.NextOrder([]);
        replica.SendOrder(0, order with { Incarnation = new Incarnation(1) });
        replica.SendOrder(1, order with { History = Digest.Of([1]) });
        replica.SendOrder(2, order with { Batch = new Batch(EntryKind.Requests, default, []) });
        replica.SendOrder(3, order);
        replica.SendOrder(4, order);
        Assert.Equal(0ul, replica.Replica.Executed.Value);
        replica.SendOrder(5, order);
        Assert.Equal(1ul, replica.Replica.Executed.Value);
    }

    [Fact]
    public void Execution_is_in_order_and_a_gap_is_asked_for()
    {
        var replica = new ExecutionHarness();
        Order first = replica.NextOrder([]);
        Order second = replica.NextOrder([]);
        replica.SendOrder(0, second);
        replica.SendOrder(1, second);
        Assert.Equal(0ul, replica.Replica.Executed.Value);
        Assert.Empty(replica.Tick(1).OrderRequests);
        Turn turn = replica.Tick(20);
        Assert.Equal([new FetchOrders(first.Number)], turn.OrderRequests);
        Assert.Equal(0b1111u, turn.Messages.Single().To.Agreement);
        replica.SendOrder(2, first);
        replica.SendOrder(3, first);
        Assert.Equal(2ul, replica.Replica.Executed.Value);
        Assert.False(replica.Replica.HasWork && replica.Tick(10).OrderRequests.Count > 0);
    }

    // A single agreement replica may lie: its word alone must not keep a replica busy asking for what is not there.
    [Fact]
    public void F_statements_about_numbers_ahead_are_no_reason_to_hurry()
    {
        var replica = new ExecutionHarness();
        Order ahead = replica.NextOrder([]) with { Number = new SequenceNumber(500) };
        replica.SendOrder(3, ahead);
        Assert.False(replica.Replica.HasWork);
        replica.SendOrder(2, ahead);
        Assert.True(replica.Replica.HasWork);
    }

    [Fact]
    public void Orders_far_ahead_are_refused_and_counted()
    {
        var replica = new ExecutionHarness();
        replica.SendOrder(0, replica.NextOrder([]) with { Number = new SequenceNumber(OrderedQueue.Window + 1) });
        replica.SendOrder(0, replica.NextOrder([]) with { Number = new SequenceNumber(ulong.MaxValue) });
        Assert.Equal(2ul, replica.Rejected(Rejection.OutsideWindow));
    }

    [Fact]
    public void The_end_of_the_order_is_asked_for_now_and_then()
    {
        var replica = new ExecutionHarness();
        Assert.Single(replica.Tick(500).OrderRequests);
        Assert.Empty(replica.Tick(400).OrderRequests);
        Assert.Single(replica.Tick(100).OrderRequests);
    }

    [Fact]
    public void A_new_link_to_an_agreement_replica_is_asked_for_what_was_missed()
    {
        var replica = new ExecutionHarness();
        replica.Execute();
        Turn turn = replica.Connected(PartyId.Agreement(2));
        Assert.Equal([new FetchOrders(new SequenceNumber(2))], turn.OrderRequests);
        Assert.Equal(0b0100u, turn.Messages.Single().To.Agreement);
        Assert.Empty(replica.Connected(PartyId.Client(0)).Messages);
    }

    // DESIGN §5: "Order entries carry a chained history digest, so that divergence is seen at once."
    [Fact]
    public void A_replica_whose_history_is_not_the_ordered_one_executes_no_more()
    {
        var replica = new ExecutionHarness();
        replica.Execute();
        Order order = replica.NextOrder([]) with { History = Digest.Of([1]) };
        replica.SendOrder(0, order);
        replica.SendOrder(1, order);
        Assert.True(replica.Replica.HasDiverged);
        Assert.Equal(1ul, replica.Replica.Executed.Value);
        Assert.Equal(1ul, replica.Rejected(Rejection.Mismatch));
    }

    [Fact]
    public void Missing_bodies_are_fetched_from_one_after_the_other_of_those_who_committed_them()
    {
        var replica = new ExecutionHarness();
        Request request = AskToOpen(0, 1);
        Order order = replica.NextOrder([request]);
        replica.SendOrder(1, order);
        Turn turn = replica.SendOrder(3, order);
        Assert.Equal([request.Digest], turn.BodyRequests.Single().Digests);
        uint first = turn.Of(MessageKind.FetchBodies).Single().To.Agreement;
        Assert.Empty(replica.Tick(5).BodyRequests);
        uint second = replica.Tick(5).Of(MessageKind.FetchBodies).Single().To.Agreement;
        Assert.Equal(0b1010u, first | second);
        Assert.Single(replica.SendBodies(1, request).Replies);
    }

    // A lying agreement replica could else push out what clients sent ahead.
    [Fact]
    public void Bodies_that_were_not_asked_for_are_not_taken()
    {
        var replica = new ExecutionHarness();
        Request request = AskToOpen(0, 1);
        replica.SendBodies(2, request);
        Order order = replica.NextOrder([request]);
        replica.SendOrder(0, order);
        Assert.Single(replica.SendOrder(1, order).BodyRequests);
        Assert.Equal(0ul, replica.Replica.Executed.Value);
    }

    [Fact]
    public void A_body_comes_only_over_its_own_clients_link()
    {
        var replica = new ExecutionHarness();
        replica.Receive(PartyId.Client(1), AskToOpen(0, 1).Encoded.Span);
        replica.Receive(AskToOpen(7, 1));
        Assert.Equal(2ul, replica.Rejected(Rejection.WrongSender));
    }

    [Fact]
    public void Messages_of_the_wrong_kind_of_party_are_counted()
    {
        var replica = new ExecutionHarness();
        replica.Receive(PartyId.Client(0), writer => replica.NextOrder([]).Write(writer, MessageKind.Order));
        replica.Receive(PartyId.Execution(1), AskToOpen(0, 1).Encoded.Span);
        replica.Receive(PartyId.Agreement(0), AskToOpen(0, 1).Encoded.Span);
        replica.Receive(PartyId.Client(0), new Synced(default, default, default).Write);
        replica.Receive(PartyId.Agreement(0), []);
        Assert.Equal(5ul, replica.Rejected(Rejection.Malformed));
    }

    // Its bound is in bytes: what was executed must not stay in memory behind a body that nobody orders.
    [Fact]
    public void An_executed_body_is_free_though_an_older_one_still_waits()
    {
        var cache = new BodyCache(1);
        Assert.True(cache.Add(Ask(0, new SessionId(1), 1, Write())));
        WeakReference executed = AddAndRemove(cache);
        GC.Collect();
        Assert.False(executed.IsAlive);
        GC.KeepAlive(cache);
    }

    [Fact]
    public void The_oldest_bodies_of_a_client_go_first_and_others_stay()
    {
        var cache = new BodyCache(2);
        Request other = Ask(1, new SessionId(2), 1, Write());
        cache.Add(other);
        Request[] requests = [.. Enumerable.Range(1, 513).Select(sequence => Ask(0, new SessionId(1), (ulong)sequence, Write()))];
        foreach (Request request in requests)
            cache.Add(request);
        Assert.Null(cache.Find(requests[0].Digest));
        Assert.NotNull(cache.Find(requests[1].Digest));
        Assert.NotNull(cache.Find(requests[^1].Digest));
        Assert.NotNull(cache.Find(other.Digest));
    }

    [Fact]
    public void A_client_may_have_only_so_many_bytes_of_bodies_here()
    {
        var cache = new BodyCache(1);
        Request[] requests = [.. Enumerable.Range(1, 26).Select(sequence => Ask(0, new SessionId(1), (ulong)sequence, Write(1 << 20)))];
        foreach (Request request in requests)
            cache.Add(request);
        Assert.Equal(23, requests.Count(request => cache.Find(request.Digest) is not null));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference AddAndRemove(BodyCache cache)
    {
        Request request = Ask(0, new SessionId(1), 2, Write());
        cache.Add(request);
        cache.Remove(request);
        return new WeakReference(request);
    }
}

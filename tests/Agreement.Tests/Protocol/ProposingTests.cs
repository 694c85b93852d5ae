using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>What a primary proposes, and when (TOCS 2002 §4.3, DESIGN §4 and §5).</summary>
public class ProposingTests
{
    // DESIGN §5: "propose at once when idle".
    [Fact]
    public void An_idle_primary_proposes_a_request_at_once()
    {
        var primary = new ReplicaHarness(0);
        Request request = Ask(0, 1);
        Turn turn = primary.Receive(request);
        PrePrepare proposed = Assert.Single(turn.PrePrepares);
        Assert.Equal(new SequenceNumber(1), proposed.Number);
        Assert.Equal([request.Digest], proposed.Batch.Requests);
        Assert.Equal(0b1110u, turn.Of(MessageKind.PrePrepare).Single().To.Agreement);
        Assert.Equal([LogRecordKind.Body, LogRecordKind.PrePrepared], turn.RecordKinds);
    }

    // DESIGN §4: "A replica verifies a signature before it proposes".
    [Fact]
    public void A_primary_proposes_only_what_its_client_signed()
    {
        var primary = new ReplicaHarness(0);
        var forged = Request.Create(PartyId.Client(0), RequestFlags.None, new SessionId(1), 0, 1, default, [1], HashSignatures.Forge);
        Assert.Empty(primary.Receive(forged).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
        Assert.Single(primary.Receive(Ask(0, 2)).PrePrepares);
    }

    // DESIGN §4: a body is valid when it came over its own client's link; refusing follows only from one's own link.
    [Fact]
    public void A_request_over_the_link_of_another_client_is_refused()
    {
        var primary = new ReplicaHarness(0);
        Turn turn = primary.Receive(PartyId.Client(1), Ask(0, 1).Encoded.Span);
        Assert.Empty(turn.PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.WrongSender));
    }

    // DESIGN §4: "A replica verifies a signature before it proposes or forwards a request".
    [Fact]
    public void A_request_that_a_replica_passes_on_is_proposed_if_its_signature_is_right()
    {
        var primary = new ReplicaHarness(0);
        Request forged = Request.Create(PartyId.Client(0), RequestFlags.None, new SessionId(1), 0, 1, default, new byte[3], HashSignatures.Forge);
        Assert.Empty(primary.Receive(PartyId.Agreement(1), forged.Encoded.Span).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
        Assert.Single(primary.Receive(PartyId.Agreement(1), Ask(0, 1).Encoded.Span).PrePrepares);
    }

    [Theory]
    [InlineData(PartyRole.Execution)]
    [InlineData(PartyRole.Controller)]
    public void A_request_over_the_link_of_a_replica_is_refused(PartyRole role)
    {
        var primary = new ReplicaHarness(0);
        Assert.Empty(primary.Receive(new PartyId(role, 1), Ask(0, 1).Encoded.Span).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.Malformed));
    }

    [Fact]
    public void A_client_that_the_cluster_does_not_know_is_refused()
    {
        var primary = new ReplicaHarness(0, clients: 2);
        Assert.Empty(primary.Receive(Ask(2, 1)).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.WrongSender));
    }

    [Fact]
    public void A_backup_proposes_nothing() => Assert.Empty(new ReplicaHarness(1).Receive(Ask(0, 1)).Messages);

    // DESIGN §5: "batch while a window of proposals is in flight".
    [Fact]
    public void Requests_gather_to_a_batch_while_the_window_of_proposals_is_full()
    {
        var primary = new ReplicaHarness(0);
        var proposals = new List<Batch>();
        for (ushort slot = 0; slot < 4; slot++)
            proposals.Add(Assert.Single(primary.Receive(Ask(0, 1, slot)).PrePrepares).Batch);
        for (ushort slot = 4; slot < 9; slot++)
            Assert.Empty(primary.Receive(Ask(0, 1, slot)).PrePrepares);
        Vote(primary, 1, proposals[0]);
        Turn delivered = primary.Commit(2, 1, proposals[0].Digest);
        Assert.Equal(5, Assert.Single(delivered.PrePrepares).Batch.Requests.Count);
    }

    [Fact]
    public void A_batch_has_at_most_the_agreed_number_of_requests()
    {
        var primary = new ReplicaHarness(0);
        List<Batch> first = FillWindow(primary);
        for (ushort slot = 10; slot < 10 + Limits.MaximumBatchRequests + 5; slot++)
            primary.Receive(Ask(0, 1, slot));
        Vote(primary, 1, first[0]);
        Turn turn = primary.Commit(2, 1, first[0].Digest);
        Assert.Equal(Limits.MaximumBatchRequests, Assert.Single(turn.PrePrepares).Batch.Requests.Count);
        Vote(primary, 2, first[1]);
        Assert.Equal(5, Assert.Single(primary.Commit(2, 2, first[1].Digest).PrePrepares).Batch.Requests.Count);
    }

    [Fact]
    public void A_batch_of_several_requests_stays_within_the_agreed_bytes()
    {
        var primary = new ReplicaHarness(0);
        List<Batch> first = FillWindow(primary);
        for (ushort slot = 10; slot < 13; slot++)
            primary.Receive(Ask(0, 1, slot, bytes: 500_000));
        Vote(primary, 1, first[0]);
        Assert.Equal(2, Assert.Single(primary.Commit(2, 1, first[0].Digest).PrePrepares).Batch.Requests.Count);
    }

    // DESIGN §4: rules that keep a bad client from hurting others; a flood of one must not delay another.
    [Fact]
    public void Clients_take_turns_however_much_one_of_them_asks()
    {
        var primary = new ReplicaHarness(0);
        List<Batch> first = FillWindow(primary);
        for (ushort slot = 10; slot < 210; slot++)
            primary.Receive(Ask(0, 1, slot));
        Request other = Ask(1, 1);
        primary.Receive(other);
        Vote(primary, 1, first[0]);
        Assert.Contains(other.Digest, primary.Commit(2, 1, first[0].Digest).PrePrepares.Single().Batch.Requests);
    }

    [Fact]
    public void A_client_that_has_too_much_waiting_is_refused_and_others_are_not()
    {
        var primary = new ReplicaHarness(0, options: new ReplicaOptions { CheckpointInterval = 16, ClientPendingRequests = 3, HeldGraceMilliseconds = 0 });
        FillWindow(primary);
        for (ushort slot = 10; slot < 15; slot++)
            primary.Receive(Ask(0, 1, slot));
        Assert.Equal(2ul, primary.Rejected(Rejection.ClientOverLimit));
        primary.Receive(Ask(1, 1));
        Assert.Equal(2ul, primary.Rejected(Rejection.ClientOverLimit));
    }

    [Fact]
    public void A_client_may_have_only_so_many_bytes_waiting()
    {
        var primary = new ReplicaHarness(0, options: new ReplicaOptions { CheckpointInterval = 16, ClientPendingBytes = 2500, HeldGraceMilliseconds = 0 });
        FillWindow(primary);
        for (ushort slot = 10; slot < 14; slot++)
            primary.Receive(Ask(0, 1, slot, bytes: 1000));
        Assert.Equal(2ul, primary.Rejected(Rejection.ClientOverLimit));
    }

    // What nobody orders must go, though its client says nothing more: else a replica works for it for ever.
    [Fact]
    public void A_request_that_nobody_orders_is_dropped_after_a_time()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Ask(0, 1));
        Assert.True(backup.Replica.HasWork);
        backup.Tick(100_000);
        Assert.True(backup.Replica.HasWork);
        backup.Tick(3_000);
        Assert.False(backup.Replica.HasWork);
    }

    // DESIGN §5: the top R numbers of every window are kept for configurations.
    [Fact]
    public void The_top_numbers_of_the_window_are_not_used_for_requests()
    {
        var primary = new ReplicaHarness(0, options: new ReplicaOptions { CheckpointInterval = 8, ProposalsInFlight = 100, HeldGraceMilliseconds = 0 });
        int proposed = 0;
        for (ushort slot = 0; slot < 100; slot++)
            proposed += primary.Receive(Ask(0, 1, slot)).PrePrepares.Count;
        Assert.Equal(primary.Options.Window - Replica.ReservedNumbers, proposed);
    }

    // A window must reach the next checkpoint without its reserved numbers, or the order stops for ever.
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(128)]
    public void The_window_reaches_the_next_checkpoint_for_every_interval(int interval)
    {
        var options = new ReplicaOptions { CheckpointInterval = interval };
        Assert.True(options.Window - Replica.ReservedNumbers >= interval);
        Assert.Single(new ReplicaHarness(0, options: options).Receive(Ask(0, 1)).PrePrepares);
    }

    // DESIGN §8: proposals are held back while too much waits for a stable checkpoint.
    [Fact]
    public void A_primary_pauses_while_the_bodies_above_the_low_mark_are_too_many()
    {
        var options = new ReplicaOptions { CheckpointInterval = 16, MaximumLogBytes = 1000, ProposalsInFlight = 100, HeldGraceMilliseconds = 0 };
        var primary = new ReplicaHarness(0, options: options);
        Assert.Single(primary.Receive(Ask(0, 1, 0, bytes: 1000)).PrePrepares);
        Assert.Empty(primary.Receive(Ask(0, 1, 1, bytes: 1000)).PrePrepares);
    }

    // DESIGN §4: duplicates in batches are legal, but a retransmission is no reason to order at once.
    [Fact]
    public void A_request_that_was_ordered_is_ordered_again_only_after_a_delay()
    {
        var primary = new ReplicaHarness(0);
        Request request = Ask(0, 1);
        Batch batch = primary.Receive(request).PrePrepares.Single().Batch;
        primary.Deliver(batch);
        Assert.Empty(primary.Receive(request).PrePrepares);
        primary.Tick(primary.Options.ReorderMilliseconds + 1);
        Assert.Equal([request.Digest], primary.Receive(request).PrePrepares.Single().Batch.Requests);
    }

    // CCF, MinBFT (DESIGN §13): retransmitted old requests must cost nothing.
    [Fact]
    public void A_request_older_than_what_its_slot_has_executed_is_refused()
    {
        var primary = new ReplicaHarness(0);
        primary.Deliver(primary.Receive(Ask(0, 5)).PrePrepares.Single().Batch);
        Assert.Empty(primary.Receive(Ask(0, 4)).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.OldRequest));
        Assert.Single(primary.Receive(Ask(0, 1, slot: 1)).PrePrepares);
    }

    // DESIGN §4: "Of two requests under one slotSeq the first ordered wins".
    [Fact]
    public void A_second_request_under_a_slot_sequence_that_was_delivered_is_not_proposed()
    {
        var primary = new ReplicaHarness(0);
        primary.Deliver(primary.Receive(Ask(0, 1, bytes: 10)).PrePrepares.Single().Batch);
        Assert.Empty(primary.Receive(Ask(0, 1, bytes: 11)).PrePrepares);
        Assert.Single(primary.Receive(Ask(0, 2)).PrePrepares);
    }

    // DESIGN §5: all abstract times come from the proposal, so they never go back.
    [Fact]
    public void Proposed_times_only_grow()
    {
        var primary = new ReplicaHarness(0);
        long last = 0;
        for (ushort slot = 0; slot < 4; slot++)
        {
            long time = primary.Receive(Ask(0, 1, slot)).PrePrepares.Single().Batch.Timestamp.Nanoseconds;
            Assert.True(time > last && time >= Wall);
            last = time;
        }
    }

    private static List<Batch> FillWindow(ReplicaHarness primary)
    {
        var batches = new List<Batch>();
        for (ushort slot = 0; slot < primary.Options.ProposalsInFlight; slot++)
            batches.Add(primary.Receive(Ask(0, 1, slot)).PrePrepares.Single().Batch);
        return batches;
    }

    private static void Vote(ReplicaHarness primary, ulong number, Batch batch)
    {
        primary.Prepare(1, number, batch.Digest);
        primary.Prepare(2, number, batch.Digest);
        primary.Commit(1, number, batch.Digest);
    }
}

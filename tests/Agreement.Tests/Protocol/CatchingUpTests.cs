using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>COMMITTED statements, Progress, and what is sent again (DESIGN §5 "Catching up").</summary>
public class CatchingUpTests
{
    private static readonly Batch First = Null(1);
    private static readonly Batch Other = Null(2);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void F_plus_1_equal_statements_prove_a_batch(int faults)
    {
        var backup = new ReplicaHarness(1, faults);
        for (int peer = 2; peer < faults + 2; peer++)
            Assert.Empty(backup.Committed(peer, State(1, First)).Orders);
        Turn turn = backup.Committed(0, State(1, First));
        Assert.Equal(First.Digest, turn.Orders.Single().Batch.Digest);
        Assert.Equal([LogRecordKind.Learned, LogRecordKind.Delivered], turn.RecordKinds);
    }

    [Fact]
    public void Statements_that_differ_in_batch_or_history_prove_nothing_and_discard_nothing()
    {
        var backup = new ReplicaHarness(1);
        backup.Committed(0, State(1, First));
        backup.Committed(2, State(1, Other));
        backup.Committed(3, State(1, First) with { History = Digest.Of([1]) });
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
        backup.Committed(2, State(1, First));
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void A_repeated_statement_counts_once()
    {
        var backup = new ReplicaHarness(1);
        backup.Committed(0, State(1, First));
        backup.Committed(0, State(1, First));
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void A_learned_batch_is_delivered_only_in_order_and_with_its_bodies()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        Batch second = Batch([request], after: 5);
        Digest history = State(1, First).History;
        var statement = new Order(default, default, new SequenceNumber(2), History.Extend(history, new SequenceNumber(2), second.Digest), second);
        backup.Committed(0, statement);
        Turn turn = backup.Committed(2, statement);
        Assert.Equal([request.Digest], turn.BodyRequests.Single().Digests);
        Assert.Equal(0b0100u, turn.Of(MessageKind.FetchBodies).Single().To.Agreement);
        backup.Committed(0, State(1, First));
        Assert.Equal(1ul, backup.Committed(2, State(1, First)).Orders.Single().Number.Value);

        // f + 1 committed it, so a correct one checked it: no signature is needed.
        var unsigned = Request.Create(PartyId.Client(0), RequestFlags.None, new SessionId(1), 0, 1, default, new byte[20], HashSignatures.Forge);
        Assert.Equal(2ul, backup.SendBodies(2, unsigned).Orders.Single().Number.Value);
    }

    // A learned batch was proposed to others, perhaps in another view: a vote for it would claim what never happened here.
    // A primary that comes back learns what later views committed, and waits for bodies; its own batch must not take that place.
    [Fact]
    public void A_primary_proposes_nothing_where_it_learned_that_something_was_committed()
    {
        var primary = new ReplicaHarness(0);
        Batch committed = Batch([Ask(1, 1)]);
        Order statement = State(1, committed);
        primary.Committed(1, statement);
        primary.Committed(2, statement);
        Request request = Ask(0, 1);
        Assert.Equal(2ul, Assert.Single(primary.Receive(request).PrePrepares).Number.Value);
        Assert.Equal(0ul, primary.Replica.Delivered.Value);
        primary.SendBodies(1, Ask(1, 1));
        Assert.Equal((1ul, statement.History), (primary.Replica.Delivered.Value, primary.Replica.HistoryDigest));
    }

    [Fact]
    public void A_learned_batch_gets_no_vote()
    {
        var backup = new ReplicaHarness(1);
        backup.Committed(0, State(2, First));
        Turn turn = backup.Committed(2, State(2, First));
        Assert.Empty(turn.Prepares);
        Assert.Empty(backup.Receive(Ask(0, 1)).Prepares);
    }

    // TOCS 2002 §4.3: a replica never votes for two batches in one view and number, though it learns that another was
    // committed than the one that a lying primary sent to it; not before a restart and not after.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_replica_that_learns_of_another_batch_than_it_voted_for_does_not_vote_twice(bool restarts)
    {
        var backup = new ReplicaHarness(1);
        Request mine = Ask(0, 1);
        Request theirs = Ask(1, 1);
        backup.Receive(mine);
        Assert.Single(backup.PrePrepare(1, Batch([mine])).Prepares);
        Batch committed = Batch([theirs]);
        backup.Committed(0, State(1, committed));
        Assert.Empty(backup.Committed(2, State(1, committed)).Prepares);
        Turn turn = backup.SendBodies(2, theirs);
        Assert.Empty(turn.Prepares);
        Assert.Equal(committed.Digest, turn.Orders.Single().Batch.Digest);
        if (restarts)
            backup.Restart();
        turn = backup.Progress(3);
        Assert.Empty(turn.Prepares);
        Assert.Empty(turn.Commits);
        Assert.Equal(committed.Digest, turn.Statements.Single().Batch.Digest);
    }

    [Fact]
    public void Progress_of_a_lagging_peer_is_answered_with_statements_and_votes()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(First);
        backup.PrePrepare(2, Null(5));
        Turn turn = backup.Progress(3);
        Assert.Equal([1ul], turn.Statements.Select(statement => statement.Number.Value));
        Assert.Equal([1ul, 2ul], turn.Prepares.Select(vote => vote.Number.Value));
        Assert.Equal([1ul], turn.Commits.Select(vote => vote.Number.Value));
        Assert.All(turn.Messages, message => Assert.Equal(0b1000u, message.To.Agreement));
        Assert.Empty(backup.Progress(3, delivered: 2).Messages);
        Assert.Empty(backup.Progress(3, delivered: ulong.MaxValue).Messages);
    }

    [Fact]
    public void The_primary_sends_its_proposal_again()
    {
        var primary = new ReplicaHarness(0);
        Batch batch = primary.Receive(Ask(0, 1)).PrePrepares.Single().Batch;
        Turn turn = primary.Progress(3);
        Assert.Equal(batch.Digest, turn.PrePrepares.Single().Batch.Digest);
        Assert.Empty(turn.Prepares);
    }

    [Fact]
    public void One_progress_message_is_answered_with_a_bounded_number_of_numbers()
    {
        var backup = new ReplicaHarness(1, options: new ReplicaOptions { CheckpointInterval = 128 });
        for (int i = 0; i < 100; i++)
            backup.Deliver(Null(i));
        Assert.Equal(64, backup.Progress(3).Statements.Count);
    }

    [Fact]
    public void A_replica_that_stalls_tells_its_progress_soon_and_else_rarely()
    {
        var backup = new ReplicaHarness(1);
        backup.Tick(backup.Options.ProgressMilliseconds);
        Assert.Empty(backup.Tick(backup.Options.StallMilliseconds).Progress);
        backup.PrePrepare(1, First);
        Assert.Empty(backup.Tick(backup.Options.StallMilliseconds - 1).Progress);
        Assert.Single(backup.Tick(1).Progress);
    }

    [Fact]
    public void A_new_link_to_a_peer_begins_with_our_progress()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(First);
        Turn turn = backup.Connected(PartyId.Agreement(2));
        Assert.Equal(new Progress(default, true, default, new SequenceNumber(1)), turn.Progress.Single());
        Assert.Equal(0b0100u, turn.Messages.Single().To.Agreement);
    }

    [Theory]
    [InlineData(PartyRole.Execution)]
    [InlineData(PartyRole.Client)]
    public void A_new_link_begins_with_the_state_of_the_cluster(PartyRole role)
    {
        var backup = new ReplicaHarness(1);
        var party = new PartyId(role, 1);
        Turn turn = backup.Connected(party);
        Assert.Equal(new ClusterState(default, default, 3, default), turn.ClusterStates.Single());
        Assert.True(turn.Messages.Single().GoesTo(party));
    }

    [Fact]
    public void An_execution_replica_is_sent_the_order_from_where_it_asks()
    {
        var backup = new ReplicaHarness(1);
        for (int i = 0; i < 4; i++)
            backup.Deliver(Null(i));
        Turn turn = backup.Receive(PartyId.Execution(1), new FetchOrders(new SequenceNumber(3)).Write);
        Assert.Equal([3ul, 4ul], turn.Orders.Select(order => order.Number.Value));
        Assert.Equal(0b10u, turn.Of(MessageKind.Order).First().To.Execution);
        Assert.Empty(backup.Receive(PartyId.Execution(1), new FetchOrders(new SequenceNumber(ulong.MaxValue)).Write).Orders);
    }

    [Fact]
    public void An_execution_replica_behind_the_low_mark_is_sent_the_certificate_and_what_follows()
    {
        var backup = new ReplicaHarness(1);
        Order order = backup.Deliver(First).Orders.Single();
        backup.Deliver(Null(5));
        backup.Checkpoint(Certify(0, 1, order.History));
        backup.Checkpoint(Certify(1, 1, order.History));
        Turn turn = backup.Receive(PartyId.Execution(1), new FetchOrders(default).Write);
        Assert.Equal(1ul, turn.Certificates.Single().State.Number.Value);
        Assert.Equal([2ul], turn.Orders.Select(sent => sent.Number.Value));
    }

    private static Order State(ulong number, Batch batch) =>
        new(default, default, new SequenceNumber(number), History.Extend(default, new SequenceNumber(number), batch.Digest), batch);
}

using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>PRE-PREPARE, PREPARE, COMMIT, delivery (TOCS 2002 §4.3, DESIGN §5).</summary>
public class NormalCaseTests
{
    // TOCS 2002 §4.3: a backup that accepts a pre-prepare logs it and multicasts PREPARE.
    [Fact]
    public void A_backup_logs_a_proposal_with_its_bodies_and_votes_for_it()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        Batch batch = Batch([request]);
        backup.Receive(request);
        Turn turn = backup.PrePrepare(1, batch);
        Assert.Equal([new Vote(default, new SequenceNumber(1), batch.Digest)], turn.Prepares);
        Assert.Equal(0b1101u, turn.Of(MessageKind.Prepare).Single().To.Agreement);
        Assert.Equal([LogRecordKind.Body, LogRecordKind.PrePrepared], turn.RecordKinds);
    }

    // DESIGN §4: "PREPARE leaves only when every body of the batch is held and logged".
    [Fact]
    public void A_backup_votes_only_when_it_holds_every_body()
    {
        var backup = new ReplicaHarness(1);
        Request[] requests = [Ask(0, 1), Ask(1, 1)];
        backup.Receive(requests[0]);
        Turn turn = backup.PrePrepare(1, Batch(requests));
        Assert.Empty(turn.Prepares);
        Assert.Empty(turn.Records);
        turn = backup.Receive(requests[1]);
        Assert.Single(turn.Prepares);
        Assert.Equal([LogRecordKind.Body, LogRecordKind.Body, LogRecordKind.PrePrepared], turn.RecordKinds);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Only_the_primary_of_the_view_proposes(int impostor)
    {
        var backup = new ReplicaHarness(1);
        Assert.Empty(backup.PrePrepare(1, Null(), primary: impostor).Prepares);
        Assert.Equal(1ul, backup.Rejected(Rejection.WrongSender));
    }

    [Fact]
    public void Proposals_of_another_view_are_refused_and_votes_of_a_later_one_kept_apart()
    {
        var backup = new ReplicaHarness(1);
        Assert.Empty(backup.PrePrepare(1, Null(), view: 4).Prepares);
        backup.PrePrepare(1, Null());
        backup.Prepare(2, 1, Null().Digest, view: 1);
        Assert.Empty(backup.Prepare(3, 1, Null().Digest, view: 1).Commits);
        Assert.Equal(1ul, backup.Rejected(Rejection.WrongView));
    }

    [Fact]
    public void A_primary_accepts_no_proposal_in_its_own_view()
    {
        var primary = new ReplicaHarness(0);
        Assert.Empty(primary.PrePrepare(1, Null(), primary: 1).Messages);
        Assert.Equal(1ul, primary.Rejected(Rejection.WrongView));
    }

    // TOCS 2002 §4.3: prepared with the pre-prepare and 2f PREPAREs from different backups; a backup's own counts.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_backup_commits_at_2f_prepares_with_its_own(int faults)
    {
        var backup = new ReplicaHarness(1, faults);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        for (int peer = 2; peer < 2 * faults; peer++)
            Assert.Empty(backup.Prepare(peer, 1, batch.Digest).Commits);
        Turn turn = backup.Prepare(2 * faults, 1, batch.Digest);
        Assert.Equal([new Vote(default, new SequenceNumber(1), batch.Digest)], turn.Commits);
        Assert.Equal([LogRecordKind.Prepared], turn.RecordKinds);
    }

    [Fact]
    public void The_primary_commits_at_2f_prepares_of_backups()
    {
        var primary = new ReplicaHarness(0);
        Batch batch = primary.Receive(Ask(0, 1)).PrePrepares.Single().Batch;
        Assert.Empty(primary.Prepare(1, 1, batch.Digest).Commits);
        Assert.Single(primary.Prepare(2, 1, batch.Digest).Commits);
    }

    // TOCS 2002 §4.3: the primary's part is its pre-prepare; a PREPARE of it is none.
    [Fact]
    public void A_prepare_of_the_primary_does_not_count()
    {
        var backup = new ReplicaHarness(1);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        Assert.Empty(backup.Prepare(0, 1, batch.Digest).Commits);
        Assert.Single(backup.Prepare(2, 1, batch.Digest).Commits);
    }

    [Fact]
    public void A_repeated_prepare_counts_once()
    {
        var primary = new ReplicaHarness(0);
        Batch batch = primary.Receive(Ask(0, 1)).PrePrepares.Single().Batch;
        primary.Prepare(1, 1, batch.Digest);
        Assert.Empty(primary.Prepare(1, 1, batch.Digest).Commits);
    }

    // TOCS 2002 §4.3: votes that come before the proposal are kept.
    [Fact]
    public void Votes_before_the_proposal_count()
    {
        var backup = new ReplicaHarness(1);
        Batch batch = Null();
        backup.Prepare(2, 1, batch.Digest);
        backup.Commit(0, 1, batch.Digest);
        backup.Commit(2, 1, batch.Digest);
        Turn turn = backup.PrePrepare(1, batch);
        Assert.Single(turn.Prepares);
        Assert.Single(turn.Commits);
        Assert.Equal(new SequenceNumber(1), Assert.Single(turn.Orders).Number);
    }

    // UpRight (DESIGN §13): a vote collector that drops others on a mismatch can be starved by one liar.
    [Fact]
    public void A_vote_for_another_value_discards_no_vote()
    {
        var backup = new ReplicaHarness(1, faults: 2);
        Batch batch = Null();
        Digest lie = Digest.Of([1]);
        backup.PrePrepare(1, batch);
        backup.Prepare(2, 1, batch.Digest);
        backup.Prepare(3, 1, lie);
        backup.Prepare(4, 1, lie);
        Assert.Empty(backup.Prepare(3, 1, batch.Digest).Commits);
        backup.Prepare(5, 1, batch.Digest);
        Assert.Single(backup.Prepare(6, 1, batch.Digest).Commits);
    }

    [Fact]
    public void Votes_for_another_value_than_the_proposal_prepare_nothing()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null());
        Digest other = Null(after: 5).Digest;
        backup.Prepare(2, 1, other);
        Assert.Empty(backup.Prepare(3, 1, other).Commits);
    }

    // TOCS 2002 §4.3: committed-local at prepared and 2f + 1 COMMITs, one's own among them.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_batch_is_delivered_at_2f_plus_1_commits(int faults)
    {
        var backup = new ReplicaHarness(1, faults);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        for (int peer = 2; peer <= 2 * faults; peer++)
            backup.Prepare(peer, 1, batch.Digest);
        for (int peer = 2; peer <= 2 * faults; peer++)
            Assert.Empty(backup.Commit(peer, 1, batch.Digest).Orders);
        Assert.Empty(backup.Commit(2, 1, batch.Digest).Orders);
        Turn turn = backup.Commit(0, 1, batch.Digest);
        Assert.Single(turn.Orders);
        Assert.Equal((1u << (faults + 1)) - 1, turn.Of(MessageKind.Order).Single().To.Execution);
        Assert.Equal([LogRecordKind.Delivered], turn.RecordKinds);
    }

    [Fact]
    public void Commits_alone_deliver_nothing_that_is_not_prepared()
    {
        var backup = new ReplicaHarness(1);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        foreach (int peer in (int[])[0, 2, 3])
            Assert.Empty(backup.Commit(peer, 1, batch.Digest).Orders);
    }

    [Fact]
    public void Commits_for_another_value_do_not_count()
    {
        var backup = new ReplicaHarness(1);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        backup.Prepare(2, 1, batch.Digest);
        backup.Commit(2, 1, Digest.Of([1]));
        Assert.Empty(backup.Commit(3, 1, batch.Digest).Orders);
        Assert.Single(backup.Commit(0, 1, batch.Digest).Orders);
    }

    // DESIGN §6: "strictly in order of n"; §5: "Order entries carry a chained history digest".
    [Fact]
    public void Delivery_is_in_order_and_chains_the_history()
    {
        var backup = new ReplicaHarness(1);
        Batch[] batches = [Null(1), Null(2), Null(3)];
        foreach (int index in (int[])[1, 2])
            Assert.Empty(CommitAll(backup, (ulong)index + 1, batches[index]).Orders);
        IReadOnlyList<Order> orders = CommitAll(backup, 1, batches[0]).Orders;
        Assert.Equal([1ul, 2ul, 3ul], orders.Select(order => order.Number.Value));
        Digest history = default;
        for (int i = 0; i < 3; i++)
        {
            history = History.Extend(history, new SequenceNumber((ulong)i + 1), batches[i].Digest);
            Assert.Equal(history, orders[i].History);
            Assert.Equal(batches[i].Digest, orders[i].Batch.Digest);
        }

        Assert.Equal(history, backup.Replica.HistoryDigest);
    }

    // TOCS 2002 §4.3: a backup accepts no second proposal for a view and number with another digest.
    [Fact]
    public void Of_two_proposals_for_one_number_the_first_stands_and_the_second_is_counted()
    {
        var backup = new ReplicaHarness(1);
        Batch first = Null(1);
        Batch second = Null(2);
        backup.PrePrepare(1, first);
        Assert.Empty(backup.PrePrepare(1, second).Messages);
        Assert.Equal(1ul, backup.Rejected(Rejection.Equivocation));
        backup.Prepare(2, 1, second.Digest);
        Assert.Empty(backup.Prepare(3, 1, second.Digest).Commits);
    }

    [Fact]
    public void A_repeated_proposal_is_no_equivocation_and_brings_no_second_vote()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null());
        Assert.Empty(backup.PrePrepare(1, Null()).Messages);
        Assert.Equal(0ul, backup.Rejected(Rejection.Equivocation));
    }

    private static Turn CommitAll(ReplicaHarness backup, ulong number, Batch batch)
    {
        backup.PrePrepare(number, batch);
        backup.Prepare(2, number, batch.Digest);
        backup.Commit(0, number, batch.Digest);
        return backup.Commit(2, number, batch.Digest);
    }
}

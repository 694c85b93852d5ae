using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>A process that dies loses nothing; what is durable is said only when it is (DESIGN §5).</summary>
public class RestartTests
{
    [Fact]
    public void A_backup_repeats_the_votes_of_its_former_life()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        backup.Receive(request);
        Batch batch = Batch([request]);
        backup.PrePrepare(1, batch);
        backup.Prepare(2, 1, batch.Digest);
        backup.PrePrepare(2, Null(5));
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Turn turn = backup.Progress(3);
        Assert.Equal([1ul, 2ul], turn.Prepares.Select(vote => vote.Number.Value));
        Assert.Equal([1ul], turn.Commits.Select(vote => vote.Number.Value));
    }

    [Fact]
    public void A_backup_that_voted_accepts_no_other_proposal_after_a_restart()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null(1));
        backup.Restart();
        Assert.Empty(backup.PrePrepare(1, Null(2)).Messages);
        Assert.Equal(1ul, backup.Rejected(Rejection.Equivocation));
    }

    [Fact]
    public void A_backups_own_vote_still_counts_after_a_restart()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null());
        backup.Restart();
        Assert.Single(backup.Prepare(2, 1, Null().Digest).Commits);
        backup.Restart();
        backup.Commit(2, 1, Null().Digest);
        Assert.Single(backup.Commit(3, 1, Null().Digest).Orders);
    }

    // A proposal that others may hold must never be replaced by another one.
    [Fact]
    public void A_primary_never_proposes_something_else_for_a_number_after_a_restart()
    {
        var primary = new ReplicaHarness(0);
        Batch first = primary.Receive(Ask(0, 1)).PrePrepares.Single().Batch;
        primary.Restart();
        PrePrepare next = primary.Receive(Ask(1, 1)).PrePrepares.Single();
        Assert.Equal(2ul, next.Number.Value);
        Assert.True(next.Batch.Timestamp.CompareTo(first.Timestamp) > 0);
        Assert.Equal([first.Digest, next.Batch.Digest], primary.Progress(2).PrePrepares.Select(proposed => proposed.Batch.Digest));
    }

    [Fact]
    public void Delivery_goes_on_where_it_stood()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        backup.Receive(request);
        backup.Deliver(Batch([request]));
        Digest history = backup.Deliver(Null(5)).Orders.Single().History;
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Assert.Equal(History.Extend(history, new SequenceNumber(3), Null(6).Digest), backup.Deliver(Null(6)).Orders.Single().History);
    }

    [Fact]
    public void A_stable_checkpoint_outlives_a_restart()
    {
        var backup = new ReplicaHarness(1);
        for (int i = 0; i < 3; i++)
            backup.Deliver(Null(i));
        Digest history = backup.Replica.HistoryDigest;
        backup.Deliver(Null(4));
        backup.Checkpoint(Certify(0, 3, history));
        backup.Checkpoint(Certify(1, 3, history));
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Assert.Equal(3ul, backup.Replica.LowWaterMark.Value);
        Assert.Equal(4ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void A_jump_to_a_checkpoint_outlives_a_restart()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(Null(1));
        backup.Checkpoint(Certify(0, 16, Digest.Of([9])));
        backup.Checkpoint(Certify(1, 16, Digest.Of([9])));
        backup.Deliver(Null(2));
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Assert.Equal(17ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void What_was_learned_outlives_a_restart()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        Batch batch = Batch([request]);
        var statement = new Order(default, default, new SequenceNumber(1), History.Extend(default, new SequenceNumber(1), batch.Digest), batch);
        backup.Receive(request);
        backup.Committed(0, statement);
        backup.Committed(2, statement);
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
    }

    // Segments below a stable checkpoint are deleted, so a log may begin with deliveries whose predecessors are gone.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_log_that_begins_in_the_middle_is_whole_if_a_later_checkpoint_covers_what_is_gone(bool goesOn)
    {
        var backup = new ReplicaHarness(1);
        for (int i = 0; i < 6; i++)
            backup.Deliver(Null(i));
        int recordsOfThree = backup.Log.Count / 2;
        Digest history = backup.Replica.HistoryDigest;
        backup.Deliver(Null(7));
        backup.Checkpoint(Certify(0, 6, history));
        backup.Checkpoint(Certify(1, 6, history));
        if (goesOn)
            backup.Deliver(Null(8));
        string before = backup.Describe();
        backup.Log.RemoveRange(0, recordsOfThree);
        backup.Restart();
        Assert.Equal(before, backup.Describe());
    }

    [Fact]
    public void A_log_from_which_a_delivered_number_is_missing_is_damaged()
    {
        var backup = new ReplicaHarness(1);
        for (int i = 0; i < 3; i++)
            backup.Deliver(Null(i));
        backup.Log.RemoveRange(0, backup.Log.Count / 3);
        bool whole = true;
        backup.Restart(replica =>
        {
            foreach (byte[] record in backup.Log)
                Assert.True(replica.Restore(record));
            whole = replica.EndRestore();
        });
        Assert.False(whole);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 99, 1 })]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 2, 2, 3 })]
    [InlineData(new byte[] { 3, 5 })]
    [InlineData(new byte[] { 4, 7, 1 })]
    [InlineData(new byte[] { 5, 15, 1, 0, 0, 0 })]
    [InlineData(new byte[] { 6, 1 })]
    [InlineData(new byte[] { 7, 1 })]
    public void A_record_that_makes_no_sense_is_refused(byte[] record) => Assert.False(new ReplicaHarness(1).Replica.Restore(record));

    // SYNCED⟨r, n, history digest⟩: delivered up to n, with all bodies and P and Q entries on disk.
    [Fact]
    public void Durability_is_claimed_only_when_the_log_is_synced_that_far()
    {
        var backup = new ReplicaHarness(1);
        Digest first = backup.Deliver(Null(1)).Orders.Single().History;
        ulong records = backup.Replica.Output.RecordCount;
        Digest second = backup.Deliver(Null(2)).Orders.Single().History;
        Assert.Empty(backup.LogSynced(records - 1).Synced);
        Turn turn = backup.LogSynced(records);
        Assert.Equal(new Synced(default, new SequenceNumber(1), first), turn.Synced.Single());
        Assert.Equal(new Recipients(0b1101, 0b11, null), turn.Of(MessageKind.Synced).Single().To);
        Assert.Empty(backup.LogSynced(records).Synced);
        Assert.Equal(new Synced(default, new SequenceNumber(2), second), backup.LogSynced(backup.Replica.Output.RecordCount).Synced.Single());
    }

    [Fact]
    public void What_is_voted_for_but_not_delivered_is_not_called_synced()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null());
        Assert.Empty(backup.LogSynced(backup.Replica.Output.RecordCount).Synced);
    }

    [Fact]
    public void A_checkpoint_that_was_jumped_to_is_synced_with_its_record()
    {
        var backup = new ReplicaHarness(1);
        Digest history = Digest.Of([9]);
        backup.Checkpoint(Certify(0, 16, history));
        backup.Checkpoint(Certify(1, 16, history));
        Assert.Empty(backup.LogSynced(0).Synced);
        Assert.Equal(new Synced(default, new SequenceNumber(16), history), backup.LogSynced(1).Synced.Single());
    }

    [Fact]
    public void An_ordered_fsync_asks_for_a_sync()
    {
        var backup = new ReplicaHarness(1);
        Request plain = Ask(0, 1);
        Request sync = Ask(0, 2, flags: RequestFlags.Sync);
        backup.Receive(plain);
        backup.Receive(sync);
        Assert.False(backup.Deliver(Batch([plain])).SyncWanted);
        Assert.True(backup.Deliver(Batch([sync], after: 5)).SyncWanted);
    }

    [Fact]
    public void An_execution_replica_is_told_again_what_is_synced()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(Null());
        Assert.Empty(backup.Connected(PartyId.Execution(0)).Synced);
        backup.LogSynced(backup.Replica.Output.RecordCount);
        Assert.Single(backup.Connected(PartyId.Execution(0)).Synced);
        Assert.Single(backup.Receive(PartyId.Execution(1), new FetchOrders(new SequenceNumber(2)).Write).Synced);
    }
}

using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Leaving a view and entering another (TOCS 2002 §4.5, DESIGN §5).</summary>
public class ViewChangeTests
{
    // Nobody leaves a view alone: f liars and one that is cut off can't take a replica out of it.
    [Fact]
    public void A_replica_goes_on_in_its_view_until_2f_plus_1_want_another()
    {
        var backup = new ReplicaHarness(2);
        Assert.Empty(backup.Want(3, 1).Wants);
        Assert.True(backup.Replica.InView);
        Assert.Single(backup.PrePrepare(1, Null()).Prepares);
        Turn left = backup.Want(1, 1);
        Assert.Single(left.Wants);
        Assert.Equal(1ul, Assert.Single(left.ViewChanges).View.Value);
        Assert.False(backup.Replica.InView);
    }

    [Fact]
    public void The_lowest_view_that_f_plus_1_want_is_wanted_too()
    {
        var backup = new ReplicaHarness(2);
        backup.Want(3, 9);
        Assert.Equal(1ul, Assert.Single(backup.Want(1, 1).Wants).View.Value);
    }

    // DESIGN §5: synced before they leave: VIEW-CHANGE, NEW-VIEW, entry into a view.
    [Fact]
    public void What_changes_the_view_is_synced_before_it_leaves()
    {
        var backup = new ReplicaHarness(2);
        Turn left = backup.LeaveFor(1);
        Assert.True(left.SyncBeforeSending);
        Assert.Equal([LogRecordKind.LeftView], left.RecordKinds);
        Turn entered = backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)), 1);
        Assert.True(entered.SyncBeforeSending);
        Assert.Contains(LogRecordKind.EnteredView, entered.RecordKinds);
        Assert.True(backup.Replica.InView);
    }

    [Fact]
    public void Nothing_is_voted_for_in_a_view_that_was_left()
    {
        var backup = new ReplicaHarness(2);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        backup.LeaveFor(1);
        Assert.Empty(backup.PrePrepare(2, batch).Prepares);
        backup.Prepare(1, 1, batch.Digest);
        Assert.Empty(backup.Prepare(3, 1, batch.Digest).Commits);
    }

    // What was prepared before may still be committed by the votes of others who had not left yet.
    [Fact]
    public void What_was_prepared_before_may_still_be_delivered()
    {
        var backup = new ReplicaHarness(2);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        backup.Prepare(1, 1, batch.Digest);
        backup.Prepare(3, 1, batch.Digest);
        backup.LeaveFor(1);
        backup.Commit(0, 1, batch.Digest);
        backup.Commit(1, 1, batch.Digest);
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void A_view_change_tells_what_was_prepared_and_pre_prepared()
    {
        var backup = new ReplicaHarness(2);
        Batch prepared = Null(1);
        Batch proposed = Null(2);
        backup.PrePrepare(1, prepared);
        backup.Prepare(1, 1, prepared.Digest);
        backup.Prepare(3, 1, prepared.Digest);
        backup.PrePrepare(2, proposed);
        ViewChange change = Assert.Single(backup.LeaveFor(1).ViewChanges);
        Assert.Equal(new ViewedDigest(default, prepared.Digest), change.Entries[0].Prepared);
        Assert.Null(change.Entries[1].Prepared);
        Assert.Equal([new ViewedDigest(default, proposed.Digest)], change.Entries[1].PrePrepared);
        Assert.True(change.IsSigned(new HashSignatures()));
    }

    [Fact]
    public void A_new_primary_begins_its_view_with_2f_plus_1_view_changes()
    {
        var primary = new ReplicaHarness(1);
        primary.LeaveFor(1);
        Assert.Empty(primary.ViewChange(Change(2, 1)).NewViews);
        NewView announced = Assert.Single(primary.ViewChange(Change(3, 1)).NewViews);
        Assert.Equal(3, announced.ViewChanges.Count);
        Assert.True(announced.IsValid(new Quorum(1), primary.Options.Window, new HashSignatures()));
        Assert.True(primary.Replica is { InView: true, IsPrimary: true });
    }

    [Fact]
    public void Forged_view_changes_count_for_nothing()
    {
        var primary = new ReplicaHarness(1);
        primary.LeaveFor(1);
        primary.ViewChange(Change(2, 1));
        ViewChange forged = Change(3, 1) with { Signature = new byte[Request.SignatureBytes] };
        Assert.Empty(primary.ViewChange(forged).NewViews);
        Assert.Empty(primary.Receive(PartyId.Agreement(0), Change(3, 1).Write).NewViews);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
        Assert.Equal(1ul, primary.Rejected(Rejection.WrongSender));
    }

    [Fact]
    public void A_new_view_that_does_not_follow_from_its_view_changes_is_refused()
    {
        var backup = new ReplicaHarness(2);
        Digest batch = Null().Digest;
        ViewChange undecided = Change(0, 1, Entry(1, batch, 0));
        backup.NewView(Announce(1, 4, undecided, Change(1, 1), Change(3, 1)), 1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1)), 1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(1, 1)), 1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 2)), 1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)) with { Signature = new byte[64] }, 1);
        Assert.Equal(0ul, backup.Replica.View.Value);
        Assert.Equal(1ul, backup.Rejected(Rejection.Mismatch));
        Assert.Equal(4ul, backup.Rejected(Rejection.BadSignature));
    }

    // What a new view chose is voted for at once if it is at hand, and fetched if it is not.
    [Fact]
    public void The_batches_that_a_new_view_chose_are_prepared_again()
    {
        var backup = new ReplicaHarness(2);
        Batch known = Null(1);
        Batch unknown = Null(2);
        backup.PrePrepare(1, known);
        ViewChangeEntry[] entries = [Entry(1, known.Digest, 0), Entry(2, unknown.Digest, 0)];
        Turn entered = backup.NewView(Announce(1, 4, Change(0, 1, entries), Change(1, 1, entries), Change(3, 1)), 1);
        Vote vote = Assert.Single(entered.Prepares);
        Assert.Equal((1ul, 1ul, known.Digest), (vote.View.Value, vote.Number.Value, vote.Batch));
        Assert.Equal(unknown.Digest, Assert.Single(entered.BatchRequests).Batch);
        Turn fetched = backup.Receive(PartyId.Agreement(0), new ProposedBatch(new SequenceNumber(2), unknown).Write);
        Assert.Equal(unknown.Digest, Assert.Single(fetched.Prepares).Batch);
    }

    [Fact]
    public void Another_batch_than_the_chosen_one_is_not_taken()
    {
        var backup = new ReplicaHarness(2);
        ViewChangeEntry entry = Entry(1, Null(1).Digest, 0);
        backup.NewView(Announce(1, 4, Change(0, 1, entry), Change(1, 1, entry), Change(3, 1)), 1);
        Assert.Empty(backup.Receive(PartyId.Agreement(0), new ProposedBatch(new SequenceNumber(1), Null(2)).Write).Prepares);
        Assert.Empty(backup.PrePrepare(1, Null(2), primary: 1, view: 1).Prepares);
        Assert.Single(backup.PrePrepare(1, Null(1), primary: 1, view: 1).Prepares);
    }

    // DESIGN §13 (Concord, SmartBFT): a replica that missed a view change is told of it by whoever sees that.
    [Fact]
    public void A_peer_in_an_earlier_view_is_sent_the_new_view()
    {
        var backup = new ReplicaHarness(2);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)), 1);
        SentMessage sent = Assert.Single(backup.Progress(3).Of(MessageKind.NewView));
        Assert.True(sent.GoesTo(PartyId.Agreement(3)) && !sent.GoesTo(PartyId.Agreement(0)));
    }

    // A replica in an inactive view always has a timer running, and sends again what it said.
    [Fact]
    public void A_view_that_does_not_begin_is_given_up_each_time_later()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        long first = TimeUntilWant(backup, 2);
        backup.LeaveFor(2);
        long second = TimeUntilWant(backup, 3);
        Assert.InRange(second, (2 * first) - 40, (2 * first) + 40);
    }

    [Fact]
    public void View_changes_are_sent_again_while_the_view_does_not_begin()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        Assert.Single(backup.Tick(backup.Options.ViewChangeResendMilliseconds).ViewChanges);
    }

    [Fact]
    public void A_restart_keeps_the_view_that_was_left_and_what_was_said_of_it()
    {
        var backup = new ReplicaHarness(2);
        backup.PrePrepare(1, Null(1));
        ViewChange said = Assert.Single(backup.LeaveFor(1).ViewChanges);
        backup.Restart();
        Assert.True(backup.Replica is { InView: false, View.Value: 1 });
        ViewChange again = Assert.Single(backup.Tick(200).ViewChanges);
        Assert.Equal(said.Signature.ToArray(), again.Signature.ToArray());
        Assert.Empty(backup.PrePrepare(2, Null(2)).Prepares);
    }

    [Fact]
    public void A_restart_keeps_the_view_that_was_entered_and_its_proposals()
    {
        var backup = new ReplicaHarness(2);
        backup.PrePrepare(1, Null(1));
        ViewChangeEntry entry = Entry(1, Null(1).Digest, 0);
        backup.NewView(Announce(1, 4, Change(0, 1, entry), Change(1, 1, entry), Change(3, 1)), 1);
        string before = backup.Describe();
        backup.Restart();
        Assert.Equal(before, backup.Describe());
        Assert.True(backup.Replica is { InView: true, View.Value: 1 });
    }

    // Requests that only the old primary's proposals held wait again, for the new primary to propose.
    [Fact]
    public void Requests_that_the_new_view_dropped_are_proposed_by_its_primary()
    {
        var primary = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        primary.Receive(request);
        primary.PrePrepare(1, Batch([request]));
        primary.LeaveFor(1);
        primary.ViewChange(Change(2, 1));
        Turn begun = primary.ViewChange(Change(3, 1));
        Assert.Equal([request.Digest], Assert.Single(begun.PrePrepares).Batch.Requests);
    }

    private static long TimeUntilWant(ReplicaHarness backup, ulong view)
    {
        for (long waited = 10; waited < 60_000; waited += 10)
        {
            if (backup.Tick(10).Wants.Any(want => want.View.Value == view))
                return waited;
        }

        throw new InvalidOperationException("no other view was ever wanted");
    }
}

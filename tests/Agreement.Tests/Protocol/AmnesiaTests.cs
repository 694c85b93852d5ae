using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Replicas whose log may have lost votes, and log incarnations (DESIGN §5).</summary>
public class AmnesiaTests
{
    [Fact]
    public void An_amnesic_replica_votes_for_nothing()
    {
        ReplicaHarness backup = Amnesic(1);
        Batch batch = Null();
        backup.PrePrepare(1, batch);
        backup.Prepare(2, 1, batch.Digest);
        Turn turn = backup.Prepare(3, 1, batch.Digest);
        Assert.Empty(turn.Prepares);
        Assert.Empty(turn.Commits);
    }

    [Fact]
    public void It_stays_so_over_a_restart()
    {
        ReplicaHarness backup = Amnesic(1);
        backup.Restart();
        Assert.True(backup.Replica.IsAmnesic);
    }

    // What f + 1 say that they committed is right whatever was forgotten.
    [Fact]
    public void It_learns_what_others_committed_and_ends_with_a_checkpoint_at_its_ceiling()
    {
        ReplicaHarness backup = Amnesic(1);
        Assert.Equal((ulong)backup.Options.Window, backup.Replica.Ceiling.Value);
        backup.Checkpoint(Certify(0, 16, Null().Digest));
        backup.Checkpoint(Certify(1, 16, Null().Digest));
        Assert.True(backup.Replica.IsAmnesic);
        backup.Checkpoint(Certify(0, 32, Null().Digest));
        backup.Checkpoint(Certify(1, 32, Null().Digest));
        Assert.False(backup.Replica.IsAmnesic);
        Assert.Single(backup.PrePrepare(33, Null()).Prepares);
    }

    [Fact]
    public void A_stable_checkpoint_that_was_lost_raises_the_ceiling()
    {
        var backup = new ReplicaHarness(1);
        var writer = new MessageWriter();
        writer.WriteByte((byte)LogRecordKind.Stable);
        new StableCertificate([Certify(0, 48, Null().Digest), Certify(1, 48, Null().Digest)]).Write(writer);
        backup.Replica.BecomeAmnesic([writer.ToArray()]);
        Assert.Equal(48ul + (ulong)backup.Options.Window, backup.Replica.Ceiling.Value);
    }

    // "It says so, and the primary fills up to C with null entries so that this ends soon."
    [Fact]
    public void The_primary_fills_the_order_up_to_its_ceiling()
    {
        var primary = new ReplicaHarness(0);
        Turn turn = primary.Receive(PartyId.Agreement(2), new Progress(default, true, default, default, default, new SequenceNumber(32)).Write);
        Assert.All(turn.PrePrepares, proposed => Assert.Empty(proposed.Batch.Requests));
        Assert.Equal(primary.Options.ProposalsInFlight, turn.PrePrepares.Count);
    }

    [Fact]
    public void Its_view_change_comes_late_and_marked()
    {
        ReplicaHarness backup = Amnesic(2);
        Assert.Empty(backup.LeaveFor(1).ViewChanges);
        Assert.True(Assert.Single(backup.Tick(backup.Options.AmnesicMilliseconds).ViewChanges).Amnesic);
    }

    [Fact]
    public void The_primary_uses_marked_view_changes_only_when_it_must()
    {
        var primary = new ReplicaHarness(1);
        primary.LeaveFor(1);
        Assert.Empty(primary.ViewChange(Marked(0, 1)).NewViews);
        NewView announced = Assert.Single(primary.ViewChange(Change(3, 1)).NewViews);
        Assert.Contains(announced.ViewChanges, change => change.Amnesic);

        var other = new ReplicaHarness(1);
        other.LeaveFor(1);
        other.ViewChange(Change(2, 1));
        announced = Assert.Single(other.ViewChange(Change(3, 1)).NewViews);
        Assert.DoesNotContain(announced.ViewChanges, change => change.Amnesic);
    }

    // The new incarnation has an entry of its own behind what is proposed again, and ends amnesia.
    [Fact]
    public void A_new_incarnation_begins_after_what_is_proposed_again()
    {
        ReplicaHarness backup = Amnesic(2);
        ViewChangeEntry entry = Entry(1, Null(1).Digest, 0);
        Turn entered = backup.NewView(Announce(1, 4, Marked(0, 1, entry), Change(1, 1, entry), Change(3, 1)), 1);
        Assert.False(backup.Replica.IsAmnesic);
        Assert.Equal(1ul, backup.Replica.Incarnation.Value);
        Vote vote = Assert.Single(entered.Prepares, vote => vote.Number.Value == 2);
        Assert.Equal(Ballot(Agreement.Messages.Batch.Begin(new Incarnation(1))), vote.Batch);
    }

    // What was delivered and is not in the new incarnation is undone, and delivered anew under it.
    [Fact]
    public void What_the_new_incarnation_lacks_is_undone()
    {
        var backup = new ReplicaHarness(2);
        backup.Deliver(Null(1));
        backup.Deliver(Null(2));
        ViewChangeEntry kept = Entry(1, Null(1).Digest, 0);
        backup.NewView(Announce(1, 4, Marked(0, 1, kept), Change(1, 1, kept), Change(3, 1)), 1);
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
        Batch begin = Agreement.Messages.Batch.Begin(new Incarnation(1));
        Digest first = Ballot(Null(1));
        Digest second = Ballot(begin);
        foreach (int peer in (int[])[0, 1, 3])
        {
            backup.Prepare(peer, 1, first, view: 1);
            backup.Prepare(peer, 2, second, view: 1);
        }

        var orders = new List<Order>();
        foreach (int peer in (int[])[0, 1, 3])
        {
            orders.AddRange(backup.Commit(peer, 1, first, view: 1).Orders);
            orders.AddRange(backup.Commit(peer, 2, second, view: 1).Orders);
        }

        orders.AddRange(backup.Tick(10).Orders);
        Assert.Equal(2ul, backup.Replica.Delivered.Value);
        Assert.Equal(1ul, backup.Replica.StateIncarnation.Value);
        Assert.All(orders, order => Assert.Equal(1ul, order.Incarnation.Value));
        Assert.Equal(2, orders.Select(order => order.Number).Distinct().Count());
    }

    [Fact]
    public void Statements_of_another_incarnation_prove_nothing()
    {
        var backup = new ReplicaHarness(2);
        var statement = new Order(new Incarnation(7), default, new SequenceNumber(1), Null().Digest, Null());
        backup.Committed(0, statement);
        backup.Committed(1, statement);
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
    }

    // Votes name the incarnation too: a bad primary that begins its view with one for some and without for others can't have
    // both commit together.
    private static Digest Ballot(Batch batch) => Digest.Of([.. batch.Digest.ToArray(), 1, 0, 0, 0, 0, 0, 0, 0]);

    // What was learned after our VIEW-CHANGE left is not in it: a new view could miss it, so it is not called durable.
    [Fact]
    public void What_is_learned_between_views_is_not_durable_before_it_is_prepared()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        var statement = new Order(default, default, new SequenceNumber(1), History.Extend(default, new SequenceNumber(1), Null(1).Digest), Null(1));
        backup.Committed(0, statement);
        backup.Committed(1, statement);
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
        Assert.Empty(backup.LogSynced(1000).Synced);
        ViewChangeEntry entry = Entry(1, Null(1).Digest, 0);
        backup.NewView(Announce(1, 4, Change(0, 1, entry), Change(1, 1, entry), Change(3, 1)), 1);
        Assert.Empty(backup.LogSynced(1000).Synced);
        backup.Prepare(0, 1, Null(1).Digest, view: 1);
        backup.Prepare(3, 1, Null(1).Digest, view: 1);
        Assert.Equal(1ul, Assert.Single(backup.LogSynced(1000).Synced).Number.Value);
        backup.Restart();
        Assert.Equal(1ul, Assert.Single(backup.LogSynced(1000).Synced).Number.Value);
    }

    // A liar may name the current view for what was committed in an earlier one. Only f + 1 COMMITs, or an honest statement,
    // show that no other incarnation can commit anything else in this view.
    [Fact]
    public void What_is_learned_is_not_durable_because_a_liar_names_the_current_view()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)), 1);
        backup.Committed(0, Statement(1, Null(1), view: 0));
        backup.Committed(1, Statement(1, Null(1), view: 1));
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
        Assert.Empty(backup.LogSynced(1000).Synced);
        backup.Commit(0, 1, Null(1).Digest, view: 1);
        Assert.Empty(backup.LogSynced(1000).Synced);
        backup.Commit(3, 1, Null(1).Digest, view: 1);
        Assert.Equal(1ul, Assert.Single(backup.LogSynced(1000).Synced).Number.Value);
    }

    // What it learned with a liar's help it does not pass on as if it had seen more than the others' words show.
    [Fact]
    public void A_statement_names_the_lowest_view_that_was_named_until_it_is_prepared_in_a_later_one()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)), 1);
        backup.Committed(0, Statement(1, Null(1), view: 0));
        backup.Committed(1, Statement(1, Null(1), view: 1));
        Assert.Equal(0ul, Assert.Single(backup.Progress(3).Statements).View.Value);
        backup.Commit(0, 1, Null(1).Digest, view: 1);
        backup.Commit(3, 1, Null(1).Digest, view: 1);
        Assert.Equal(1ul, Assert.Single(backup.Progress(3).Statements).View.Value);
    }

    // Its VIEW-CHANGE told of the batch that was taken back, not of the one that has the number now.
    [Fact]
    public void What_is_learned_in_place_of_what_was_taken_back_is_not_durable_before_it_is_prepared()
    {
        var backup = new ReplicaHarness(2);
        backup.Committed(0, Statement(1, Null(1), view: 0));
        backup.Committed(1, Statement(1, Null(1), view: 0));
        Assert.Equal(1ul, Assert.Single(backup.LogSynced(1000).Synced).Number.Value);
        backup.LeaveFor(2);
        ViewChange[] ofTheNextIncarnation = [Under(1, Change(0, 2)), Change(1, 2), Change(3, 2)];
        backup.NewView(Announce(2, 4, ofTheNextIncarnation), 2);
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
        Order other = Statement(1, Null(2), view: 1) with { Incarnation = backup.Replica.Incarnation };
        backup.Committed(0, other);
        backup.Committed(1, other);
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
        Assert.Empty(backup.LogSynced(2000).Synced);
    }

    // It was prepared here in this view already when others said that they had seen it committed in an earlier one.
    [Fact]
    public void What_was_prepared_in_this_view_is_durable_though_it_is_learned_as_committed_in_an_earlier_one()
    {
        var backup = new ReplicaHarness(2);
        backup.PrePrepare(1, Null(1));
        backup.PrePrepare(2, Null(2));
        backup.LeaveFor(1);
        ViewChangeEntry[] entries = [Entry(1, Null(1).Digest, 0), Entry(2, Null(2).Digest, 0)];
        backup.NewView(Announce(1, 4, Change(0, 1, entries), Change(1, 1, entries), Change(3, 1)), 1);
        for (ulong number = 1; number <= 2; number++)
        {
            backup.Prepare(0, number, Null((long)number).Digest, view: 1);
            backup.Prepare(3, number, Null((long)number).Digest, view: 1);
        }

        Order first = Statement(1, Null(1), view: 0);
        Order second = first with { Number = new SequenceNumber(2), Batch = Null(2), History = History.Extend(first.History, new SequenceNumber(2), Null(2).Digest) };
        foreach (Order statement in (Order[])[second, first])
        {
            backup.Committed(0, statement);
            backup.Committed(3, statement);
        }

        Assert.Equal(2ul, backup.Replica.Delivered.Value);
        Assert.Equal(2ul, backup.LogSynced(1000).Synced[^1].Number.Value);
    }

    private static Order Statement(ulong number, Batch batch, ulong view) => new(
        default, default, new SequenceNumber(number), History.Extend(default, new SequenceNumber(number), batch.Digest), batch, new View(view));

    private static ViewChange Under(ulong incarnation, ViewChange change) =>
        (change with { Incarnation = new Incarnation(incarnation) }).Sign(HashSignatures.Of(change.Sender));

    private static ViewChange Marked(int sender, ulong view, params ViewChangeEntry[] entries) =>
        (Change(sender, view, entries) with { Amnesic = true }).Sign(HashSignatures.Of(PartyId.Agreement(sender)));

    private static ReplicaHarness Amnesic(int id)
    {
        var replica = new ReplicaHarness(id);
        replica.Replica.BecomeAmnesic();
        replica.LogSynced(0);
        return replica;
    }
}

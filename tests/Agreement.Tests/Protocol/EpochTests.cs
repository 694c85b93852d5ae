using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Configuration entries and the votes that justify them (DESIGN §9).</summary>
public class EpochTests
{
    [Fact]
    public void F_plus_1_recovers_begin_an_epoch_with_all_replicas_active()
    {
        var primary = new ReplicaHarness(0);
        Assert.Empty(primary.Receive(PartyId.Agreement(1), Vote(1).Write).PrePrepares);
        Turn justified = primary.Receive(PartyId.Agreement(2), Vote(2).Write);
        Assert.Contains(justified.Recovers, vote => vote.Sender == PartyId.Agreement(0));
        Batch entry = Assert.Single(justified.PrePrepares).Batch;
        Assert.Equal(EntryKind.Configuration, entry.Kind);
        Assert.True(justified.SyncBeforeSending);
        primary.Deliver(entry);
        Assert.Equal((1ul, 7u), (primary.Replica.Epoch.Value, primary.Replica.ActiveExecution));
    }

    [Fact]
    public void Recovers_of_one_replica_count_once_and_forged_ones_not_at_all()
    {
        var primary = new ReplicaHarness(0);
        primary.Receive(PartyId.Agreement(1), Vote(1).Write);
        Assert.Empty(primary.Receive(PartyId.Agreement(2), Vote(1).Write).PrePrepares);
        Recover forged = Recover.Create(PartyId.Agreement(2), default, default, HashSignatures.Forge);
        Assert.Empty(primary.Receive(PartyId.Agreement(2), forged.Write).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
    }

    // DESIGN §13: "RECOVER must be bound to the epoch, or it can be replayed later."
    [Fact]
    public void Recovers_of_an_epoch_that_is_over_justify_nothing()
    {
        ReplicaHarness primary = InEpochOne(0);
        Assert.Empty(primary.Receive(PartyId.Agreement(1), Vote(1).Write).PrePrepares);
        Assert.Empty(primary.Receive(PartyId.Agreement(3), Vote(3).Write).PrePrepares);
        Assert.Equal(1ul, primary.Replica.Epoch.Value);
    }

    // "A CONFIG whose e+1 isn't next is a no-op at delivery."
    [Fact]
    public void An_entry_whose_epoch_is_not_next_has_no_effect()
    {
        ReplicaHarness backup = InEpochOne(1);
        backup.Deliver(Entry(9));
        Assert.Equal(1ul, backup.Replica.Epoch.Value);
    }

    [Fact]
    public void A_backup_prepares_no_entry_that_is_not_justified()
    {
        var backup = new ReplicaHarness(1);
        Assert.Empty(backup.PrePrepare(1, Agreement.Messages.Batch.Configure(new Timestamp(Wall), new EpochChange([Vote(2)]))).Prepares);
        var twice = new EpochChange([Vote(2), Vote(2)]);
        Assert.Empty(backup.PrePrepare(2, Agreement.Messages.Batch.Configure(new Timestamp(Wall), twice)).Prepares);
    }

    // DESIGN §5: the top numbers are reserved; a backup prepares an entry there only when it has delivered all below.
    [Fact]
    public void A_full_window_still_has_room_for_an_epoch()
    {
        var backup = new ReplicaHarness(1);
        ulong last = (ulong)(backup.Options.Window - Replica.ReservedNumbers);
        Batch entry = Entry(0);
        for (ulong number = 1; number < last; number++)
            backup.Deliver(Null((long)number));
        Assert.Empty(backup.PrePrepare(last + 1, entry).Prepares);
        backup.Deliver(Null((long)last));
        backup.Deliver(entry);
        Assert.Equal(1ul, backup.Replica.Epoch.Value);
    }

    [Fact]
    public void A_primary_that_does_not_propose_a_justified_epoch_is_changed()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(PartyId.Agreement(2), Vote(2).Write);
        backup.Receive(PartyId.Agreement(3), Vote(3).Write);
        bool wanted = false;
        for (int i = 0; i < 200 && !wanted; i++)
            wanted = backup.Tick(10).Wants.Count > 0;
        Assert.True(wanted);
    }

    private static ReplicaHarness InEpochOne(int id)
    {
        var replica = new ReplicaHarness(id);
        replica.Deliver(id == 0 ? Propose(replica) : Entry(0));
        Assert.Equal(1ul, replica.Replica.Epoch.Value);
        return replica;
    }

    private static Batch Propose(ReplicaHarness primary)
    {
        primary.Receive(PartyId.Agreement(1), Vote(1).Write);
        return primary.Receive(PartyId.Agreement(2), Vote(2).Write).PrePrepares.Single().Batch;
    }

    private static Batch Entry(ulong epoch) =>
        Agreement.Messages.Batch.Configure(new Timestamp(Wall + 1_000_000), new EpochChange([Vote(2, epoch), Vote(3, epoch)]));

    private static Recover Vote(int sender, ulong epoch = 0) =>
        Recover.Create(PartyId.Agreement(sender), new Epoch(epoch), default, HashSignatures.Of(PartyId.Agreement(sender)));
}

using Agreement.Messages;
using Agreement.Tests.Protocol;

namespace Xen.Tests;

/// <summary>DESIGN §9, "Controllers": what makes an order, and what doesn't.</summary>
public class WakeDecisionTests
{
    private const uint Replica = 2;
    private readonly WakeDecision decision = new(new Quorum(1), Replica, new HashSignatures());

    [Fact]
    public void Without_votes_there_is_no_order() => Assert.Null(decision.Order);

    [Fact]
    public void F_plus_1_recovers_of_an_epoch_wake()
    {
        Assert.False(decision.Take([Votes.Recover(0, 3)]));
        Assert.Null(decision.Order);
        Assert.True(decision.Take([Votes.Recover(3, 3)]));
        Assert.Equal(Votes.Wake(3), decision.Order);
    }

    [Fact]
    public void F_plus_1_sleeps_of_an_epoch_put_to_sleep()
    {
        Assert.True(decision.Take([Votes.Sleep(1, Replica, 4), Votes.Sleep(2, Replica, 4)]));
        Assert.Equal(Votes.SleepOrder(4), decision.Order);
    }

    [Fact]
    public void One_replica_counts_once()
    {
        Assert.False(decision.Take([Votes.Recover(0, 3), Votes.Recover(0, 3)]));
        Assert.False(decision.Take([Votes.Recover(0, 3)]));
        Assert.Equal(2UL, decision.Rejections[VoteRejection.Repeated]);
    }

    [Fact]
    public void Votes_of_different_epochs_or_kinds_make_nothing_together() => Assert.False(
        decision.Take([Votes.Recover(0, 3), Votes.Recover(1, 4), Votes.Sleep(2, Replica, 3), Votes.Sleep(3, Replica, 4)]));

    [Fact]
    public void Within_an_epoch_sleep_comes_before_wake()
    {
        Wake(5);
        Assert.False(decision.Take([Votes.Sleep(0, Replica, 5), Votes.Sleep(1, Replica, 5)]));
        Assert.Equal(2UL, decision.Rejections[VoteRejection.Old]);
        Assert.True(decision.Take([Votes.Sleep(0, Replica, 6), Votes.Sleep(1, Replica, 6)]));
        Assert.True(decision.Take([Votes.Recover(0, 6), Votes.Recover(1, 6)]));
        Assert.Equal(Votes.Wake(6), decision.Order);
    }

    [Fact]
    public void Replayed_orders_change_nothing()
    {
        Wake(5);
        Assert.True(decision.Take([Votes.Sleep(0, Replica, 9), Votes.Sleep(1, Replica, 9)]));
        Wake(5, raised: false);
        Assert.False(decision.Take([Votes.Sleep(0, Replica, 5), Votes.Sleep(1, Replica, 5)]));
        Assert.Equal(Votes.SleepOrder(9), decision.Order);
        Assert.Equal(4UL, decision.Rejections[VoteRejection.Old]);
    }

    [Fact]
    public void Of_two_orders_in_one_call_the_higher_stands()
    {
        Assert.True(decision.Take([Votes.Recover(0, 7), Votes.Sleep(0, Replica, 7), Votes.Sleep(1, Replica, 7), Votes.Recover(1, 7)]));
        Assert.Equal(Votes.Wake(7), decision.Order);
    }

    [Fact]
    public void A_liar_that_signed_other_epochs_can_not_take_back_what_others_hold_of_it()
    {
        Assert.False(decision.Take([Votes.Recover(3, ulong.MaxValue)]));
        Assert.True(decision.Take([Votes.Recover(3, 2), Votes.Recover(0, 2)]));
        Assert.Equal(Votes.Wake(2), decision.Order);
    }

    [Fact]
    public void Votes_that_are_none_are_counted()
    {
        Assert.False(decision.Take([
            Array.Empty<byte>(),
            new byte[] { 1, 2, 3 },
            Votes.Recover(0, 3)[..^1],
            Votes.Recover(4, 3),
            Votes.Sleep(4, Replica, 3),
            Votes.Sleep(0, Replica + 1, 3),
            Votes.Sleep(1, Replica + 1, 3),
            Votes.Recover(0, 3, HashSignatures.Forge),
            Votes.Recover(1, 3, HashSignatures.Of(PartyId.Agreement(0))),
            Votes.Recover(2, 3, HashSignatures.Of(PartyId.Execution(2))),
        ]));
        Assert.Null(decision.Order);
        Assert.Equal(
            new SortedDictionary<string, ulong> { ["votes-malformed"] = 3, ["votes-wrong-sender"] = 2, ["votes-wrong-replica"] = 2, ["votes-bad-signature"] = 3 },
            decision.Rejections.Snapshot());
        Wake(3);
    }

    [Fact]
    public void What_is_too_much_for_one_call_is_not_looked_at()
    {
        List<ReadOnlyMemory<byte>> votes = [.. Enumerable.Range(0, Limits.MaximumVotesPerCall).Select(_ => new ReadOnlyMemory<byte>([0]))];
        Assert.False(decision.Take([.. votes, Votes.Recover(0, 3), Votes.Recover(1, 3)]));
        Assert.Equal((ulong)votes.Count + 2, decision.Rejections[VoteRejection.Malformed]);
    }

    [Fact]
    public void What_a_caller_does_with_its_buffer_afterwards_does_not_matter()
    {
        byte[] first = Votes.Recover(0, 3).ToArray();
        Assert.False(decision.Take([first]));
        Array.Clear(first);
        byte[] second = Votes.Recover(1, 3).ToArray();
        Assert.True(decision.Take([second]));
        Array.Clear(second);
        Assert.True(new WakeDecision(new Quorum(1), Replica, new HashSignatures()).Take(decision.Votes));
    }

    private void Wake(ulong epoch, bool raised = true) =>
        Assert.Equal(raised, decision.Take([Votes.Recover(0, epoch), Votes.Recover(1, epoch)]));
}

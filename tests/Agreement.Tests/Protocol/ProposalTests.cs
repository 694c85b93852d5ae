using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>
/// Proposals that the primary keeps from some come from those that voted for them (DESIGN §5: "a slow primary is changed
/// too"; one that is slow towards f correct replicas is not, and must gain nothing by it).
/// </summary>
public class ProposalTests
{
    private static readonly Batch Proposed = Null();

    [Fact]
    public void A_missing_proposal_is_fetched_from_f_plus_1_that_voted_for_it()
    {
        var backup = new ReplicaHarness(1);
        backup.Prepare(2, 1, Proposed.Digest);
        Assert.Empty(backup.Tick(100).ProposalRequests);
        backup.Prepare(3, 1, Proposed.Digest);
        Assert.True(backup.Replica.HasWork);
        Assert.Empty(backup.Tick(1).ProposalRequests);
        Turn turn = backup.Tick(backup.Options.ProposalGraceMilliseconds);
        Assert.Equal([new FetchProposals(default, new SequenceNumber(1), 1)], turn.ProposalRequests);
        Assert.Equal(0b1100u, Assert.Single(turn.Of(MessageKind.FetchProposals)).To.Agreement);

        Vote vote = Assert.Single(backup.PrePrepare(1, Proposed, primary: 3).Prepares);
        Assert.Equal((1ul, Proposed.Digest), (vote.Number.Value, vote.Batch));
        Assert.Empty(backup.Tick(1000).ProposalRequests);
    }

    // Its primary may be told apart from the others only by what f + 1 say: f may be liars.
    [Fact]
    public void What_too_few_voted_for_is_taken_from_the_primary_only()
    {
        var backup = new ReplicaHarness(1);
        backup.Prepare(3, 1, Proposed.Digest);
        Assert.Empty(backup.PrePrepare(1, Proposed, primary: 3).Prepares);
        Assert.Equal(1ul, backup.Rejected(Rejection.WrongSender));
        backup.Prepare(2, 1, Null(5).Digest);
        Assert.Empty(backup.PrePrepare(1, Proposed, primary: 3).Prepares);
        Assert.Single(backup.PrePrepare(1, Proposed).Prepares);
    }

    [Fact]
    public void Another_batch_than_the_one_that_was_voted_for_is_refused()
    {
        var backup = new ReplicaHarness(1);
        backup.Prepare(2, 1, Proposed.Digest);
        backup.Prepare(3, 1, Proposed.Digest);
        Assert.Empty(backup.PrePrepare(1, Null(5), primary: 3).Prepares);
        Assert.Single(backup.PrePrepare(1, Proposed, primary: 3).Prepares);
    }

    [Fact]
    public void All_that_are_missing_are_asked_for_together_and_again_later_and_later()
    {
        var backup = new ReplicaHarness(1);
        foreach (ulong number in (ulong[])[1, 2, 4])
        {
            backup.Prepare(2, number, Proposed.Digest);
            backup.Prepare(3, number, Proposed.Digest);
        }

        int asked = 0;
        for (int milliseconds = 0; milliseconds < 700; milliseconds++)
            asked += backup.Tick(1).ProposalRequests.Count(request => request == new FetchProposals(default, new SequenceNumber(1), 0b1011));
        Assert.InRange(asked, 6, 9);
    }

    [Fact]
    public void A_backup_hands_on_what_it_voted_for_in_this_view()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Proposed);
        backup.PrePrepare(3, Null(9));
        Turn turn = Ask(backup, new FetchProposals(default, new SequenceNumber(1), 0b111));
        Assert.Equal([1ul, 3ul], turn.PrePrepares.Select(message => message.Number.Value));
        Assert.All(turn.Of(MessageKind.PrePrepare), message => Assert.Equal(0b100u, message.To.Agreement));
        Assert.Empty(Ask(backup, new FetchProposals(new View(1), new SequenceNumber(1), 0b111)).PrePrepares);
        Assert.Empty(Ask(backup, new FetchProposals(default, new SequenceNumber(ulong.MaxValue), ulong.MaxValue)).PrePrepares);
    }

    // Votes come before the NEW-VIEW of a slow primary, too.
    [Fact]
    public void Votes_that_came_before_the_view_was_entered_count()
    {
        var backup = new ReplicaHarness(2);
        backup.LeaveFor(1);
        backup.Prepare(0, 1, Proposed.Digest, view: 1);
        backup.Prepare(3, 1, Proposed.Digest, view: 1);
        backup.NewView(Announce(1, 4, Change(0, 1), Change(1, 1), Change(3, 1)), 1);
        Assert.True(backup.Replica.InView);
        Assert.Equal([new FetchProposals(new View(1), new SequenceNumber(1), 1)], backup.Tick(10).ProposalRequests);
    }

    private static Turn Ask(ReplicaHarness backup, FetchProposals wanted) => backup.Receive(PartyId.Agreement(2), wanted.Write);
}

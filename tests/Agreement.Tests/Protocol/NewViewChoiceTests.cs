using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>What a set of VIEW-CHANGEs decides (TOCS 2002, figure 4).</summary>
public class NewViewChoiceTests
{
    private static readonly Digest One = Batch([Ask(0, 1)]).Digest;
    private static readonly Digest Two = Batch([Ask(0, 2)]).Digest;
    private static readonly View View = new(5);

    [Fact]
    public void Fewer_than_2f_plus_1_decide_nothing() => Assert.Null(Choose(Change(0, 5), Change(1, 5)));

    [Fact]
    public void Nothing_prepared_means_nothing_proposed_again() =>
        Assert.Empty(Choose(Change(0, 5), Change(1, 5, Entry(1, One, 0, prepared: false)), Change(2, 5))!.Digests);

    // A1 and A2: what one correct replica prepared, f + 1 pre-prepared.
    [Fact]
    public void What_may_be_committed_is_chosen() =>
        Assert.Equal([One], Choose(Change(0, 5), Change(1, 5, Entry(1, One, 3)), Change(2, 5, Entry(1, One, 3, prepared: false)))!.Digests);

    [Fact]
    public void A_gap_below_it_becomes_null() => Assert.Equal(
        [Agreement.Messages.Batch.Null.Digest, One],
        Choose(Change(0, 5), Change(1, 5, Entry(2, One, 3)), Change(2, 5, Entry(2, One, 3)))!.Digests);

    // A2: a liar alone claims that something was prepared. Three are not enough to tell; the fourth is.
    [Fact]
    public void What_only_one_claims_needs_another_message()
    {
        ViewChange liar = Change(0, 5, Entry(1, Two, 4));
        Assert.Null(Choose(liar, Change(1, 5), Change(2, 5)));
        Assert.Empty(Choose(liar, Change(1, 5), Change(2, 5), Change(3, 5))!.Digests);
    }

    // A liar claims another batch under a higher view than what was committed.
    [Fact]
    public void A_claim_without_f_plus_1_pre_prepares_can_not_replace_what_was_prepared()
    {
        ViewChange liar = Change(0, 5, Entry(1, Two, 4));
        ViewChange[] others = [Change(1, 5, Entry(1, One, 3)), Change(2, 5, Entry(1, One, 3)), Change(3, 5, Entry(1, One, 3))];
        Assert.Null(Choose(liar, others[0], others[1]));
        Assert.Equal([One], Choose([liar, .. others])!.Digests);
    }

    [Fact]
    public void Of_two_prepared_the_higher_view_wins() => Assert.Equal(
        [Two],
        Choose(Change(0, 5, Entry(1, One, 1)), Change(1, 5, Entry(1, Two, 2)), Change(2, 5, Entry(1, Two, 2, prepared: false)))!.Digests);

    // A departure from figure 4, for batches that were learned under different views.
    [Fact]
    public void The_same_batch_under_different_views_is_one_batch() => Assert.Equal(
        [One], Choose(Change(0, 5, Entry(1, One, 1)), Change(1, 5, Entry(1, One, 4)), Change(2, 5))!.Digests);

    // Null that may be committed must be proposed again even at the end.
    [Fact]
    public void A_prepared_null_at_the_end_is_kept()
    {
        Digest none = Agreement.Messages.Batch.Null.Digest;
        Assert.Equal([none], Choose(Change(0, 5, Entry(1, none, 1)), Change(1, 5, Entry(1, none, 1)), Change(2, 5))!.Digests);
    }

    [Fact]
    public void The_highest_proven_checkpoint_is_where_it_begins()
    {
        var stable = new StableCertificate([Certify(0, 16, One), Certify(1, 16, One)]);
        ViewChange ahead = Change(0, 5) with { Stable = stable, Entries = [Entry(17, One, 2)] };
        NewViewChoice choice = Choose(ahead, Change(1, 5, Entry(3, Two, 2)), Change(2, 5, Entry(17, One, 2)))!;
        Assert.Equal(17ul, choice.First.Value);
        Assert.Equal([One], choice.Digests);
    }

    // DESIGN §5: "a NEW-VIEW that uses a marked one opens a new log incarnation r, numbered by that view".
    [Fact]
    public void A_marked_message_opens_an_incarnation()
    {
        NewViewChoice choice = Choose(Change(0, 5) with { Amnesic = true }, Change(1, 5), Change(2, 5))!;
        Assert.True(choice.Opens);
        Assert.Equal(5ul, choice.Incarnation.Value);
    }

    // What only one replica remembers after a loss of power may have been acknowledged.
    [Fact]
    public void The_only_batch_that_is_remembered_is_taken_when_an_incarnation_begins()
    {
        ViewChange[] forgetful = [Change(1, 5) with { Amnesic = true }, Change(2, 5) with { Amnesic = true }];
        NewViewChoice choice = Choose([Change(0, 5, Entry(1, One, 3)), .. forgetful])!;
        Assert.Equal([One], choice.Digests);
        Assert.Equal([new SequenceNumber(1)], choice.Unvouched);
        Assert.Null(Choose(Change(0, 5, Entry(1, One, 3)), Change(3, 5, Entry(1, Two, 4)), forgetful[0]));
    }

    // What is durable has nothing before it that is not, so behind a gap nothing is: what is kept of the old order is a
    // beginning of it, in which every result is the one that its client was told.
    [Fact]
    public void Nothing_behind_a_gap_is_kept_when_an_incarnation_begins()
    {
        ViewChangeEntry[] entries = [Entry(1, One, 3), Entry(3, Two, 3)];
        ViewChange[] all = [Change(0, 5, entries), Change(1, 5, entries), Change(2, 5)];
        Assert.Equal([One, Agreement.Messages.Batch.Null.Digest, Two], Choose(all)!.Digests);
        Assert.Equal([One], Choose(all[0], all[1], all[2] with { Amnesic = true })!.Digests);
    }

    [Fact]
    public void The_incarnation_is_handed_on_by_views_that_open_none()
    {
        ViewChangeEntry entry = Entry(1, BeginsThird, 3);
        NewViewChoice choice = Choose(InThird(0, entry), InThird(1, entry), Change(2, 5))!;
        Assert.False(choice.Opens);
        Assert.Equal(3ul, choice.Incarnation.Value);
    }

    [Fact]
    public void The_incarnation_is_handed_on_when_a_checkpoint_covers_its_entry()
    {
        var stable = new StableCertificate([Certify(0, 16, One, incarnation: 3), Certify(1, 16, One, incarnation: 3)]);
        Assert.False(Choose(InThird(0) with { Stable = stable }, InThird(1), Change(2, 5))!.Opens);
    }

    // View 3 opened an incarnation and ended before anybody prepared its entry: no execution replica and no client would
    // hear of it, and of what it lost some could come back.
    [Fact]
    public void An_incarnation_without_its_entry_is_opened_anew()
    {
        NewViewChoice choice = Choose(
            InThird(0, Entry(2, BeginsThird, 3, prepared: false)), Change(1, 5, Entry(1, One, 1), Entry(2, Two, 1)), Change(2, 5, Entry(1, One, 1), Entry(2, Two, 1)))!;
        Assert.True(choice.Opens);
        Assert.Equal(5ul, choice.Incarnation.Value);
        Assert.Equal([One, Two], choice.Digests);
    }

    [Fact]
    public void An_incarnation_that_did_not_get_over_a_gap_is_opened_anew()
    {
        ViewChangeEntry entry = Entry(2, BeginsThird, 3);
        NewViewChoice choice = Choose(InThird(0, entry), InThird(1, entry), Change(2, 5))!;
        Assert.True(choice.Opens);
        Assert.Empty(choice.Digests);
    }

    private static Digest BeginsThird => Agreement.Messages.Batch.Begin(new Incarnation(3)).Digest;

    private static ViewChange InThird(int sender, params ViewChangeEntry[] entries) =>
        Change(sender, 5, entries) with { Incarnation = new Incarnation(3) };

    private static NewViewChoice? Choose(params ViewChange[] changes) => NewViewChoice.Compute(View, changes, new Quorum(1));
}

namespace Specification;

/// <summary>amnesia.pml: what 2f + 1 said to have on disk survives power losses, and nothing else is lost silently.</summary>
public sealed class AmnesiaTests
{
    [SpinTheory]
    [InlineData(2_000_000, "SITE", "LEARNERS=0")]
    [InlineData(3_000_000, "SITE", "ONE_AT_FIRST", "LEARNERS=4")]
    [InlineData(1_000_000, "LOSERS=2", "LEARNERS=0")]
    [InlineData(2_000_000, "LOSERS=2", "ONE_AT_FIRST", "LEARNERS=4")]
    [InlineData(4_000_000, "LOSERS=2", "TWICE", "THIRD_VIEW", "ONE_AT_FIRST", "LEARNERS=0")]
    public void Holds_in_every_state(long statesAtLeast, params string[] macros)
    {
        Search search = Search.Of("amnesia", ["TWO_BATCHES", .. macros]);
        Assert.True(search.Violation is null, $"{search.Violation} does not hold.\n{search.Trace}");
        Assert.True(search.States >= statesAtLeast, $"Only {search.States} states were visited.");
    }

    [SpinTheory]
    [InlineData("ACKED_WEAK", "SITE", "LEARNERS=0")]
    [InlineData("SYNCED_TOO_EARLY", "SITE", "LEARNERS=0")]
    [InlineData("AMNESIC_VOTES", "SITE", "LEARNERS=0")]
    [InlineData("UNMARKED", "LOSERS=2", "LEARNERS=0")]
    [InlineData("BALLOTS_UNBOUND", "LOSERS=2", "TWICE", "THIRD_VIEW", "ONE_AT_FIRST", "LEARNERS=0")]
    [InlineData("LEARNED_IS_DURABLE", "SITE", "ONE_AT_FIRST", "LEARNERS=4")]
    [InlineData("NAMED_IS_DURABLE", "SITE", "ONE_AT_FIRST", "LEARNERS=4")]
    [InlineData("HEARSAY_NAMED", "LOSERS=1", "THIRD_VIEW", "ONE_AT_FIRST", "LEARNERS=3")]
    [InlineData("NOTHING_REMEMBERED", "SITE", "LEARNERS=0")]
    [InlineData("WITNESS", "SITE", "LEARNERS=0")]
    public void A_planted_fault_is_found(params string[] macros) =>
        Assert.NotNull(Search.Of("amnesia", ["TWO_BATCHES", .. macros]).Violation);
}

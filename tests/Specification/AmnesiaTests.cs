namespace Specification;

/// <summary>amnesia.pml: what 2f + 1 said to have on disk survives power losses, and nothing else is lost silently.</summary>
public sealed class AmnesiaTests
{
    [SpinTheory]
    [InlineData(3_000_000, "SITE", "TWO_BATCHES")]
    [InlineData(1_000_000, "LOSERS=2", "TWO_BATCHES")]
    public void Holds_in_every_state(long statesAtLeast, params string[] macros)
    {
        Search search = Search.Of("amnesia", macros);
        Assert.True(search.Violation is null, $"{search.Violation} does not hold.\n{search.Trace}");
        Assert.True(search.States >= statesAtLeast, $"Only {search.States} states were visited.");
    }

    [SpinTheory]
    [InlineData("ACKED_WEAK", "SITE")]
    [InlineData("SYNCED_TOO_EARLY", "SITE")]
    [InlineData("AMNESIC_VOTES", "SITE")]
    [InlineData("UNMARKED", "LOSERS=2")]
    [InlineData("WITNESS", "SITE")]
    public void A_planted_fault_is_found(string fault, string losses) =>
        Assert.NotNull(Search.Of("amnesia", fault, losses, "TWO_BATCHES").Violation);
}

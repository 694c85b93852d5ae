namespace Specification;

/// <summary>view-change.pml: agreement within and across views, and that correct replicas' VIEW-CHANGEs decide.</summary>
public sealed class ViewChangeTests
{
    [SpinTheory]
    [InlineData(5_000_000)]
    [InlineData(4_000_000, "LEARNER", "ONE_AT_FIRST", "TWO_BATCHES")]
    public void Holds_in_every_state(long statesAtLeast, params string[] macros)
    {
        Search search = Search.Of("view-change", macros);
        Assert.True(search.Violation is null, $"{search.Violation} does not hold.\n{search.Trace}");
        Assert.True(search.States >= statesAtLeast, $"Only {search.States} states were visited.");
    }

    [SpinTheory]
    [InlineData("A1_WEAK")]
    [InlineData("A2_IGNORED")]
    [InlineData("B_WEAK")]
    [InlineData("PREPARED_SHORT")]
    [InlineData("COMMITTED_SHORT")]
    [InlineData("VALUES_MIXED")]
    [InlineData("VOTES_AFTER_LEAVING")]
    [InlineData("P_NOT_RAISED")]
    [InlineData("P_FORGOTTEN")]
    [InlineData("LEARNED_WEAK", "LEARNER", "ONE_AT_FIRST", "TWO_BATCHES")]
    [InlineData("WITNESS")]
    public void A_planted_fault_is_found(params string[] macros) => Assert.NotNull(Search.Of("view-change", macros).Violation);
}

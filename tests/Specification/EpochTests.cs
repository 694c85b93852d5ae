namespace Specification;

/// <summary>epoch.pml: who counts in an epoch, and what may begin one.</summary>
public sealed class EpochTests
{
    [SpinTheory]
    [InlineData(500)]
    [InlineData(100_000, "RETURNS")]
    public void Holds_in_every_state(long statesAtLeast, params string[] macros)
    {
        Search search = Search.Of("epoch", macros);
        Assert.True(search.Violation is null, $"{search.Violation} does not hold.\n{search.Trace}");
        Assert.True(search.States >= statesAtLeast, $"Only {search.States} states were visited.");
    }

    [SpinTheory]
    [InlineData("EPOCHS_MIXED")]
    [InlineData("EPOCH_UNCHECKED")]
    [InlineData("ACCEPTED_WEAK")]
    [InlineData("CONFIG_WEAK")]
    [InlineData("WAKE_WEAK")]
    [InlineData("RECOVER_UNBOUND", "RETURNS")]
    [InlineData("SPEAKS_EARLY", "RETURNS")]
    [InlineData("WITNESS")]
    public void A_planted_fault_is_found(params string[] macros) => Assert.NotNull(Search.Of("epoch", macros).Violation);
}

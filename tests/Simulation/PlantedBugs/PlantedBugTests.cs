using Xunit.Abstractions;

namespace Simulation.PlantedBugs;

public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const string Protocol = "src/Agreement/Protocol/";
    private const string Execution = "src/ZZFs/Execution/";

    private static readonly PlantedBug[] Bugs =
    [
        new("Batches are prepared by 2f", "src/Agreement/Messages/Quorum.cs", "Prepares => 2 * Faults", "Prepares => (2 * Faults) - 1", "equivocation"),
        new("Votes are not counted per value", Protocol + "LogSlot.cs", "views[sender] == view.Value && digests[sender] == digest", "views[sender] == view.Value", "equivocation"),
        new("A new view takes null though something was prepared", Protocol + "NewViewChoice.cs", "return without >= quorum.Strong", "return without >= 1", "forged view changes", 160),
        new("A checkpoint is stable with one signature", Protocol + "Replica.Checkpoints.cs", "return matching.Count >= quorum.Weak", "return matching.Count >= 1", "lying executors"),
        new("The log is cut behind a checkpoint that not f + 1 hold whole", Protocol + "Replica.Checkpoints.cs", "other.Root == checkpoint.Root && other.Complete", "other.Root == checkpoint.Root", "incomplete signers"),
        new("A reply is accepted from f", "src/ZZFs/Client/ReplyCollector.cs", "if (BitOperations.PopCount(voters) < quorum.Weak)", "if (BitOperations.PopCount(voters) < quorum.Faults)", "lying executors"),
        new("Numbers have no upper bound", Protocol + "MessageLog.cs", "number > LowWaterMark && number <= Horizon", "number > LowWaterMark", "nonsense"),
        new("Votes for an old epoch justify the next", Protocol + "Replica.Epochs.cs", "if (recovers[i]?.Epoch == Epoch)", "if (recovers[i] is not null)", "false alarms"),
        new("A view that does not begin has no timer", Protocol + "Replica.ViewChange.cs", "if (!InView && now - leftAt >= patience)", "if (now < 0)", "mute", 40),
        new("No numbers are kept for configurations", Protocol + "Replica.NormalCase.cs", "new(log.HighWaterMark.Value - ReservedNumbers)", "new(log.HighWaterMark.Value)", "full window"),
        new("An amnesic replica votes", Protocol + "Replica.NormalCase.cs", "slot.Batch is null || !InView || IsAmnesic ||", "slot.Batch is null || !InView ||", "power loss"),
        new("A reply to an fsync does not wait for disks", Execution + "ExecutionReplica.Requests.cs", "if (slot.IsSync && durability.Durable < slot.Number)", "if (slot.IsSync && slot.Number.Value == 0)", "slow disks"),
        new("What f + 1 disks hold counts as durable", Execution + "DurabilityTracker.cs", "sorted.Length - quorum.Strong", "sorted.Length - quorum.Weak", "slow disks"),
        new("A request that nobody verified starts the timer", Protocol + "RequestPool.cs", "if (!entry.Verified && !isValid(entry.Request))\n            {\n                Refuse(entry);", "if (waited < 0)\n            {\n                Refuse(entry);", "hostile clients"),
        new("One replica that holds a request vouches for it", Protocol + "RequestPool.cs", "PopCount(holders & entry.HeldBy) + 1 >= quorum.Strong", "PopCount(holders & entry.HeldBy) + 1 >= 2", "false holders"),
        new("Requests of one batch are held by different replicas", Protocol + "RequestPool.cs", "PopCount(holders & entry.HeldBy)", "PopCount(entry.HeldBy)", "false holders", 60, First: 5021),
        new("A repeated request is executed again", Execution + "ExecutionReplica.Requests.cs", "if (!isNext && !isRepetition)", "if (request.SlotSequence < slot.Sequence)", "lossy"),
        new("One agreement replica decides the order", Execution + "OrderedQueue.cs", "if (count >= quorum.Weak)", "if (count >= 1)", "forged orders"),
        new("An affidavit of an fsync leaves before 2f + 1 disks have it", Protocol + "Replica.Affidavits.cs", "IsDurable(SequenceNumber number) => number <= LowWaterMark || number <= DurableNumber();", "IsDurable(SequenceNumber number) => true;", "starved of fsyncs"),
        new("An affidavit is sworn on f reports", Protocol + "Replica.Affidavits.cs", "return slot.Reports.Find(i, TermsOf(slot), quorum.Weak);", "return slot.Reports.Find(i, TermsOf(slot), quorum.Faults);", "false reports"),
        new("Batches are accepted without their bodies", Protocol + "Replica.NormalCase.cs", "HoldsBodies(slot.Batch, out long bytes) && (", "(HoldsBodies(slot.Batch, out long bytes) || bytes >= 0) && (", "nonsense"),
        new("A batch is committed by 2f", Protocol + "Replica.Delivery.cs", "Ballot(slot.Batch)) >= quorum.Strong", "Ballot(slot.Batch)) >= quorum.Strong - 1", "lonely commit"),
        new("A new view ignores Q sets", Protocol + "NewViewChoice.cs", "&& WasProposed(entries, candidate, quorum))", "&& quorum.Weak > 0)", "claimed null"),
        new("A new view ignores P sets", Protocol + "NewViewChoice.cs", "&& CanHaveCommittedNothingElse(entries, candidate, quorum)\n                &&", "&&", "old prepared"),
        new("Votes reach above the high water mark", Protocol + "Replica.NormalCase.cs", "_ when slot.Number > log.HighWaterMark => false,\n            EntryKind.Requests => HoldsBodies(slot.Batch, out long bytes) && (IsChosen(slot) || (slot.Number <= HighestForRequests && HasRoomFor(slot.Batch, bytes))),", "EntryKind.Requests => HoldsBodies(slot.Batch),", "running ahead"),
        new("The log is never cut", Protocol + "Replica.Checkpoints.cs", "Output.TruncateUpTo = state.Number;", "Output.TruncateUpTo = default;", "long run", 1),
        new("A new incarnation keeps what stands behind a gap", Protocol + "NewViewChoice.cs", "if (opens)\n                    break;", "", "site power", 300),
        new("An incarnation without its entry is handed on", Protocol + "NewViewChoice.cs", "choice is not null && LacksBeginning(choice, gap)", "choice is not null && LacksBeginning(choice, gap) && view.Value == 0", "unheard incarnation"),
        new("A primary may be as slow as it likes", Protocol + "PrimaryPace.cs", "held <= Bound", "held <= int.MaxValue", "slow primary", 1),
        new("Proposals come from the primary only", Protocol + "Replica.Proposals.cs", "            highestVoted = slot.Number;", "            highestVoted = default;", "slow primary to some", 1),
        new("Anybody may hand proposals on", Protocol + "Replica.Proposals.cs", "except: (1u << Primary) | (1u << id)) >= quorum.Weak;", "except: (1u << Primary) | (1u << id)) >= 0;", "proposing for the primary"),
        new("A checkpoint is signed before its files are on disk", Execution + "ExecutionReplica.Checkpoints.cs", "begun.Add(StateAt(due, default, annex.Written));", "begun.Add(StateAt(due, default, annex.Written)); AddUnsigned(begun[^1]); SignDurableCheckpoints();", "lossy"),
        new("A checkpoint is prepared before it is durable", Execution + "ExecutionReplica.Checkpoints.cs", "begun.Count == 0 || begun[0].Number > durability.Durable", "begun.Count == 0", "site power", 100),
        new("A file keeps its bytes when it is cut short", "src/ZZFs/Abstraction/ConformanceWrapper.Content.cs", "content.Clear(file, size, file.SizeBytes);", "", "files"),
    ];

    public static TheoryData<PlantedBug> All => [.. Bugs];

    [Theory]
    [MemberData(nameof(All))]
    public void Finds_it(PlantedBug bug)
    {
        string? failure = MutantCompiler.FindFailure(bug, bug.Scenario, bug.Seeds, bug.First);
        output.WriteLine($"{bug.Name}: {failure}");
        Assert.NotNull(failure);
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Finds_nothing_in_the_source_as_it_is(string scenario, int seeds, int first) =>
        Assert.True(MutantCompiler.FindFailure(null, scenario, seeds, first) is var failure && failure is null, failure);

    public static TheoryData<string, int, int> Scenarios()
    {
        var scenarios = new TheoryData<string, int, int>();
        foreach (IGrouping<(string Scenario, int First), PlantedBug> bugs in Bugs.GroupBy(bug => (bug.Scenario, bug.First)))
            scenarios.Add(bugs.Key.Scenario, bugs.Max(bug => bug.Seeds), bugs.Key.First);
        return scenarios;
    }

    [Fact]
    public void Refuses_an_edit_whose_text_is_not_there() =>
        Assert.Throws<InvalidOperationException>(() => MutantCompiler.FindFailure(Bugs[0] with { Text = "no such text" }, "lossy", 1));
}

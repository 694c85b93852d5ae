using Agreement.Messages;
using Agreement.Node;
using ZZFs.Cli.Scrubbing;

namespace ZZFs.Tests.Cli;

/// <summary>What a replica answers about a scrub counts only if it is the scrub that was asked for.</summary>
public sealed class ScrubCommandTests
{
    private static readonly SequenceNumber Newest = new(20);

    private readonly Queue<ScrubStatus> answers = new();
    private readonly List<SequenceNumber?> asked = [];

    [Fact]
    public async Task A_scrub_is_followed_to_its_end()
    {
        ScrubStatus end = new() { Checkpoint = new(21), Damages = 1 };
        Answer(new() { IsRunning = true }, new() { IsRunning = true, Checkpoint = new(21) }, end);
        Assert.Same(end, await ScrubAsync());
        Assert.Equal([Newest, null, null], asked);
    }

    // It has read nothing yet, and would else be taken for a replica without damage.
    [Fact]
    public async Task A_replica_that_was_restarted_meanwhile_scrubs_again()
    {
        ScrubStatus end = new() { Checkpoint = Newest };
        Answer(new() { IsRunning = true, Checkpoint = Newest }, new(), end);
        Assert.Same(end, await ScrubAsync());
        Assert.Equal([Newest, null, Newest], asked);
    }

    [Fact]
    public async Task What_was_begun_earlier_for_somebody_else_is_not_enough()
    {
        ScrubStatus end = new() { Checkpoint = Newest };
        Answer(new() { IsRunning = true, Checkpoint = new(10) }, new() { Checkpoint = new(10) }, end);
        Assert.Same(end, await ScrubAsync());
    }

    [Fact]
    public async Task A_replica_that_never_gets_to_the_end_was_not_scrubbed()
    {
        Answer([.. Enumerable.Repeat(new ScrubStatus(), 100)]);
        Assert.Null(await ScrubAsync());
    }

    private void Answer(params ScrubStatus[] all)
    {
        foreach (ScrubStatus one in all)
            answers.Enqueue(one);
    }

    private Task<ScrubStatus?> ScrubAsync() => ScrubCommand.ScrubUntilAsync(
        (begin, _) =>
        {
            asked.Add(begin);
            return Task.FromResult(answers.Dequeue());
        },
        Newest,
        _ => { },
        CancellationToken.None);
}

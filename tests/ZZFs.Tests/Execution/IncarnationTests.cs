using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Execution;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>New log incarnations: what is rolled back, executed again, and counted (DESIGN §5, §6).</summary>
public class IncarnationTests
{
    private readonly ExecutionHarness replica = new(interval: 3);

    // "On f+1 ORDERs of a higher incarnation r it rolls back to its last stable snapshot and replays."
    [Fact]
    public void A_new_incarnation_rolls_back_to_the_last_checkpoint_and_replays()
    {
        SessionId session = replica.Open();
        for (ulong sequence = 1; sequence <= 2; sequence++)
            replica.Execute(Ask(0, session, sequence, Write()));
        replica.MakeDurable();
        for (ulong sequence = 3; sequence <= 4; sequence++)
            replica.Execute(Ask(0, session, sequence, Write()));
        Assert.Equal((5ul, 3ul, 4ul), (replica.Replica.Executed.Value, replica.Service.LastCheckpoint.Value, replica.Service.Writes));
        replica.LoseAfter(new SequenceNumber(4), incarnation: 7);
        Request kept = Ask(0, session, 3, Write());
        replica.Receive(kept);
        Reply again = replica.SendAgain().Replies.Single();
        Assert.Equal((7ul, 4ul, kept.Digest), (again.Incarnation.Value, again.Number.Value, again.RequestDigest));
        Assert.Equal((4ul, 3ul), (replica.Replica.Executed.Value, replica.Service.Writes));
        Assert.Equal(7ul, replica.Replica.LogIncarnation.Value);
        Assert.False(replica.Replica.HasDiverged);
    }

    // What is only on some disks the new incarnation may lack: nothing of it may be left, prepared or not.
    [Fact]
    public void A_new_incarnation_takes_back_checkpoints_that_are_not_durable()
    {
        SessionId session = replica.Open();
        for (ulong sequence = 1; sequence <= 5; sequence++)
            replica.Execute(Ask(0, session, sequence, Write()));
        replica.LoseAfter(new SequenceNumber(2), incarnation: 7);
        replica.Receive(AskToOpen(0, 1));
        replica.Receive(Ask(0, session, 1, Write()));
        replica.SendAgain();
        Assert.Equal((2ul, 1ul), (replica.Replica.Executed.Value, replica.Service.Writes));
        Request other = Ask(0, session, 2, Write(), slot: 1);
        replica.Execute(other);
        Checkpoint own = replica.MakeDurable().Checkpoints.Single();
        Assert.Equal((3ul, replica.LastHistory), (own.Number.Value, own.State.History));
    }

    // Its number was durable when the work began, so it is part of the new incarnation.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Work_that_a_new_incarnation_interrupts_is_done_again_or_counts(bool isDone)
    {
        replica.WorkWaits = true;
        for (int i = 0; i < 4; i++)
            replica.Execute();
        replica.MakeDurable();
        ICheckpointWork work = replica.Waiting!;
        if (isDone)
            work.Run();
        replica.LoseAfter(new SequenceNumber(3), incarnation: 7);
        replica.SendSynced(0, replica.Last, replica.LastHistory);
        replica.SendSynced(1, replica.Last, replica.LastHistory);
        Assert.Equal(isDone ? 3ul : 0ul, replica.Replica.Executed.Value);

        // Too late.
        Assert.Empty(replica.Ready(work).Checkpoints);
        replica.WorkWaits = false;
        replica.SendAgain();
        Assert.Equal(3ul, replica.MakeDurable().Checkpoints.Single().Number.Value);
        Assert.Equal((3ul, 3ul), (replica.Replica.Executed.Value, replica.Replica.LastCheckpoint.Value));
    }

    [Fact]
    public void What_is_ordered_after_a_rollback_is_asked_for_at_once()
    {
        for (int i = 0; i < 3; i++)
            replica.Execute();
        replica.MakeDurable();
        replica.Execute();
        replica.Execute();
        replica.LoseAfter(new SequenceNumber(3), incarnation: 7);
        Order order = replica.NextOrder([]);
        replica.SendOrder(0, order);
        Turn turn = replica.SendOrder(1, order);
        Assert.Equal([new FetchOrders(new SequenceNumber(4))], turn.OrderRequests);
        Assert.Equal(0b1111u, turn.Of(MessageKind.FetchOrders).Single().To.Agreement);
    }

    // f liars can name any incarnation; the (f+1)-th highest is a correct one's.
    [Fact]
    public void F_replicas_alone_begin_no_incarnation()
    {
        replica.Execute();
        Order order = replica.NextOrder([]);
        replica.SendOrder(3, order with { Incarnation = new Incarnation(99) });
        Assert.Equal(0ul, replica.Replica.LogIncarnation.Value);
        replica.SendOrder(2, order with { Incarnation = new Incarnation(7) });
        Assert.Equal(7ul, replica.Replica.LogIncarnation.Value);
    }

    [Fact]
    public void A_statement_at_or_below_what_was_executed_names_an_incarnation_too()
    {
        Order first = replica.NextOrder([]);
        replica.SendOrder(0, first);
        replica.SendOrder(1, first);
        replica.SendOrder(2, first with { Incarnation = new Incarnation(7) });
        replica.SendSynced(3, default, default, incarnation: 7);
        Assert.Equal((7ul, 0ul), (replica.Replica.LogIncarnation.Value, replica.Replica.Executed.Value));
    }

    [Fact]
    public void Orders_of_an_older_incarnation_do_not_count_any_more()
    {
        Order old = replica.NextOrder([]);
        replica.SendOrder(0, old);
        replica.SendSynced(2, default, default, incarnation: 7);
        replica.SendSynced(3, default, default, incarnation: 7);
        replica.SendOrder(0, old);
        replica.SendOrder(1, old);
        Assert.Equal(0ul, replica.Replica.Executed.Value);
        replica.SendOrder(2, old with { Incarnation = new Incarnation(7) });
        replica.SendOrder(3, old with { Incarnation = new Incarnation(7) });
        Assert.Equal(1ul, replica.Replica.Executed.Value);
    }

    [Fact]
    public void What_was_on_disk_under_an_older_incarnation_counts_no_more()
    {
        Request sync = Ask(0, replica.Open(), 1, Write(), flags: RequestFlags.Sync);
        replica.Execute(sync);
        replica.SendSynced(0, replica.Last, replica.LastHistory);
        replica.SendSynced(1, replica.Last, replica.LastHistory);
        replica.LoseAfter(replica.Last, incarnation: 7);
        replica.Receive(AskToOpen(0, 1));
        replica.Receive(sync);
        replica.SendAgain();
        Assert.Empty(replica.SendSynced(2, replica.Last, replica.LastHistory).Replies);
        Assert.Empty(replica.SendSynced(0, replica.Last, replica.LastHistory).Replies);
        Reply reply = replica.SendSynced(1, replica.Last, replica.LastHistory).Replies.Single();
        Assert.Equal((7ul, sync.Digest), (reply.Incarnation.Value, reply.RequestDigest));
    }

    [Fact]
    public void F_plus_1_other_histories_of_what_was_executed_mean_that_we_diverged()
    {
        Order first = replica.NextOrder([]);
        replica.SendOrder(0, first);
        replica.SendOrder(1, first);
        Order other = first with { History = Digest.Of([1]) };
        replica.SendOrder(3, other);
        replica.SendOrder(3, other);
        Assert.False(replica.Replica.HasDiverged);
        replica.SendOrder(2, other);
        Assert.True(replica.Replica.HasDiverged);
    }

    // "Requests of an older r are no-ops after the incarnation entry", which comes later in the log than r's first ORDERs.
    [Fact]
    public void Requests_of_an_older_incarnation_have_no_effect_after_its_entry()
    {
        SessionId session = replica.Open();
        replica.LoseAfter(replica.Last, incarnation: 7);
        replica.Receive(AskToOpen(0, 1));
        replica.SendAgain();
        Assert.Single(replica.Execute(Ask(0, session, 1, Write())).Replies);
        replica.Execute(Batch.Begin(new Incarnation(7)));
        Assert.Empty(replica.Execute(Ask(0, session, 2, Write())).Replies);
        Assert.Equal(1ul, replica.Service.Writes);
        Assert.Single(replica.Execute(Ask(0, session, 2, Write(), incarnation: 7)).Replies);
        Assert.Equal(7ul, replica.Service.Contexts[^1].Incarnation.Value);
        replica.Execute(Batch.Begin(new Incarnation(6)));
        Assert.Single(replica.Execute(Ask(0, session, 3, Write(), incarnation: 7)).Replies);
    }

    // A gap is allowed to a session that an incarnation took something from, not to one that was opened in it.
    [Fact]
    public void A_session_of_the_present_incarnation_has_no_gap_before_its_first_request()
    {
        replica.LoseAfter(default, incarnation: 7);
        replica.Execute(Batch.Begin(new Incarnation(7)));
        byte[] open = Session(new SessionOperation(SessionOperationKind.Open, 1, 8));
        SessionId session = Opened(replica.Execute(Ask(0, SessionId.None, 1, open, incarnation: 7)));
        replica.Execute(Ask(0, session, 2, Write(), incarnation: 7));
        Assert.Equal(0ul, replica.Service.Writes);
        Assert.Single(replica.Execute(Ask(0, session, 1, Write(), incarnation: 7)).Replies);
        Assert.Equal(1ul, replica.Service.Writes);
    }

    [Fact]
    public void A_checkpoint_certifies_the_incarnation_that_the_entries_up_to_it_began()
    {
        replica.SendSynced(0, default, default, incarnation: 7);
        replica.SendSynced(1, default, default, incarnation: 7);
        replica.LoseAfter(default, incarnation: 7);
        replica.Execute();
        replica.Execute();
        replica.Execute();
        Assert.Equal(0ul, replica.MakeDurable().Checkpoints.Single().State.Incarnation.Value);
        replica.Execute(Batch.Begin(new Incarnation(7)));
        replica.Execute();
        replica.Execute();
        Assert.Equal(7ul, replica.MakeDurable().Checkpoints.Single().State.Incarnation.Value);
    }

    [Fact]
    public void Reports_name_the_log_incarnation()
    {
        replica.SendSynced(0, default, default, incarnation: 7);
        replica.SendSynced(1, default, default, incarnation: 7);
        replica.LoseAfter(default, incarnation: 7);
        replica.Execute(Batch.Begin(new Incarnation(7)));
        ExecReport report = replica.Tick(8).Reports.Single();
        Assert.Equal((7ul, 1ul), (report.Incarnation.Value, report.Number.Value));
        Assert.Empty(report.Replies);
    }
}

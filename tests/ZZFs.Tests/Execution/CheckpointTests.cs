using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Tests.Abstraction;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>Checkpoints, reports, and restart from a checkpoint (DESIGN §6, §8).</summary>
public class CheckpointTests
{
    [Fact]
    public void A_checkpoint_is_taken_after_k_numbers()
    {
        var replica = new ExecutionHarness(interval: 4);
        for (int i = 0; i < 3; i++)
            replica.Execute();
        replica.MakeDurable();
        Assert.Equal(0ul, replica.Service.LastCheckpoint.Value);
        replica.Execute();
        replica.MakeDurable();
        Assert.Equal(4ul, replica.Service.LastCheckpoint.Value);
        for (int i = 0; i < 4; i++)
            replica.Execute();
        replica.MakeDurable();
        Assert.Equal(8ul, replica.Service.LastCheckpoint.Value);
    }

    [Fact]
    public void A_checkpoint_is_taken_after_enough_bytes_of_requests()
    {
        const int Part = 1 << 20;
        var replica = new ExecutionHarness();
        SessionId session = replica.Open();
        for (ulong sequence = 1; sequence <= CheckpointSchedule.MaximumBytes / Part; sequence++)
        {
            replica.MakeDurable();
            Assert.Equal(0ul, replica.Service.LastCheckpoint.Value);
            replica.Execute(Ask(0, session, sequence, Write(Part)));
        }

        replica.MakeDurable();
        SequenceNumber taken = replica.Service.LastCheckpoint;
        Assert.Equal(replica.Last, taken);
        replica.Execute(Ask(0, session, (CheckpointSchedule.MaximumBytes / Part) + 1, Write(Part)));
        replica.MakeDurable();
        Assert.Equal(taken, replica.Service.LastCheckpoint);
    }

    // "It signs CHECKPOINT when the snapshot is on disk and 2f+1 SYNCED at or above n are known".
    [Fact]
    public void A_checkpoint_is_signed_only_when_the_order_up_to_it_is_durable()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        Assert.Empty(replica.Execute().Checkpoints);
        Turn turn = replica.MakeDurable();
        Checkpoint checkpoint = turn.Checkpoints.Single();
        Assert.True(checkpoint.IsSigned(new HashSignatures()));
        Assert.Equal((2ul, PartyId.Execution(0), true), (checkpoint.Number.Value, checkpoint.Sender, checkpoint.Complete));
        Assert.Equal(replica.LastHistory, checkpoint.State.History);
        Assert.Equal(replica.Service.LastCheckpointDigest, checkpoint.State.State);
        Assert.Equal(Digest.Of(replica.Service.LastCheckpointAnnex.Span), checkpoint.State.Annex);
        Assert.Equal(0b1111u, turn.Of(MessageKind.Checkpoint).Single().To.Agreement);
    }

    // A replica goes back to what was prepared; it must be what every later log incarnation contains (DESIGN §6).
    [Fact]
    public void A_checkpoint_is_prepared_only_when_the_order_up_to_it_is_durable_and_execution_goes_on()
    {
        var replica = new ExecutionHarness(interval: 2) { WorkWaits = true };
        for (int i = 0; i < 3; i++)
            replica.Execute();
        Assert.Null(replica.Waiting);
        Assert.True(replica.Replica.HasWork);
        Assert.Single(replica.Tick(500).OrderRequests);
        replica.MakeDurable();
        Assert.Equal(2ul, replica.Waiting!.Number.Value);
        Assert.Equal(3ul, replica.Replica.Executed.Value);
    }

    // "It signs CHECKPOINT when the snapshot is on disk".
    [Fact]
    public void A_checkpoint_is_signed_only_when_its_work_is_done()
    {
        var replica = new ExecutionHarness(interval: 2) { WorkWaits = true };
        for (int i = 0; i < 5; i++)
            replica.Execute();
        Assert.Empty(replica.MakeDurable().Checkpoints);
        Assert.Empty(replica.Execute().Checkpoints);
        Assert.Equal(0ul, replica.Replica.LastCheckpoint.Value);
        Assert.Equal(2ul, replica.DoWork().Checkpoints.Single().Number.Value);
        Assert.Equal(4ul, replica.DoWork().Checkpoints.Single().Number.Value);
        Assert.Null(replica.Waiting);
        replica.MakeDurable();
        Assert.Equal(6ul, replica.DoWork().Checkpoints.Single().Number.Value);
    }

    // What is signed is the state at the number, not that at which the work was done.
    [Fact]
    public void What_is_executed_while_a_checkpoint_is_prepared_does_not_show_in_it()
    {
        var quick = new ExecutionHarness(interval: 3);
        var slow = new ExecutionHarness(interval: 3) { WorkWaits = true };
        Checkpoint expected = Run(quick).MakeExecutedDurable().Checkpoints.Single();
        Run(slow).MakeExecutedDurable();
        slow.Execute(Ask(0, new SessionId(1), 2, Write()));
        Assert.Equal(expected.State, slow.DoWork().Checkpoints.Single().State);

        static ExecutionHarness Run(ExecutionHarness replica)
        {
            SessionId session = replica.Open();
            replica.Execute(Ask(0, session, 1, Write()));
            replica.Execute(Ask(0, session, 1, Write(), slot: 1));
            return replica;
        }
    }

    // All replicas take checkpoints at the same numbers, so none is left out by one that is slow.
    [Fact]
    public void Execution_waits_when_too_many_checkpoints_are_unfinished()
    {
        var replica = new ExecutionHarness(interval: 2) { WorkWaits = true };
        for (int i = 0; i < 10; i++)
            replica.Execute();
        Assert.True(replica.Replica.AwaitsCheckpoints);
        Assert.Equal(1ul, replica.Replica.CheckpointWaits);
        for (int i = 0; i < 3; i++)
        {
            Order next = replica.NextOrder([]);
            replica.SendOrder(0, next);
            replica.SendOrder(1, next);
        }

        Assert.Equal(10ul, replica.Replica.Executed.Value);

        // Statements about numbers that wait are judged all the same.
        replica.MakeDurable();
        Assert.Equal(2ul, replica.DoWork().Checkpoints.Single().Number.Value);
        Assert.Equal((12ul, 2ul), (replica.Replica.Executed.Value, replica.Replica.CheckpointWaits));
        Assert.Equal(4ul, replica.DoWork().Checkpoints.Single().Number.Value);
        Assert.Equal(13ul, replica.Replica.Executed.Value);
        Assert.False(replica.Replica.AwaitsCheckpoints);
    }

    [Fact]
    public void What_is_stable_is_kept()
    {
        var replica = new ExecutionHarness(interval: 2) { WorkWaits = true };
        replica.Execute();
        replica.Execute();
        var twin = new ExecutionHarness(id: 1, interval: 2);
        twin.Execute();
        twin.Execute();
        Checkpoint other = twin.MakeDurable().Checkpoints.Single();
        replica.MakeDurable();
        replica.Receive(PartyId.Agreement(0), new StableCertificate([Sign(other, 1), Sign(other, 2)]).Write);
        Assert.Equal(0ul, replica.Service.Stable.Value);
        replica.DoWork();
        Assert.Equal(2ul, replica.Service.Stable.Value);
    }

    [Fact]
    public void A_certified_root_that_is_not_ours_means_that_we_diverged()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        Checkpoint own = replica.MakeDurable().Checkpoints.Single();
        Checkpoint other = own with { State = own.State with { State = Digest.Of([1]) } };
        replica.Receive(PartyId.Agreement(0), new StableCertificate([Sign(other, 1), Sign(other, 2)]).Write);
        Assert.True(replica.Replica.HasDiverged);
        Assert.Equal(1ul, replica.Rejected(Rejection.Mismatch));
    }

    [Fact]
    public void A_root_that_was_certified_before_we_got_there_is_compared_too()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        var twin = new ExecutionHarness(id: 1, interval: 2);
        twin.Execute();
        twin.Execute();
        Checkpoint right = twin.MakeDurable().Checkpoints.Single();
        Checkpoint wrong = right with { State = right.State with { Annex = Digest.Of([1]) } };
        replica.Receive(PartyId.Agreement(0), new StableCertificate([Sign(wrong, 1), Sign(wrong, 2)]).Write);
        Assert.False(replica.Replica.HasDiverged);
        replica.MakeDurable();
        Assert.True(replica.Replica.HasDiverged);
        twin.Receive(PartyId.Agreement(0), new StableCertificate([Sign(right, 0), right]).Write);
        Assert.False(twin.Replica.HasDiverged);
    }

    [Fact]
    public void Replicas_that_executed_the_same_sign_the_same_root()
    {
        var one = new ExecutionHarness(id: 0, interval: 3);
        var other = new ExecutionHarness(id: 1, interval: 3);
        Assert.Equal(Run(one, 5), Run(other, 5));
        Assert.NotEqual(Run(new ExecutionHarness(interval: 3), 5), Run(new ExecutionHarness(interval: 3), 6));

        static Digest Run(ExecutionHarness replica, ulong nonce)
        {
            SessionId session = replica.Open(nonce: nonce);
            replica.Execute(Ask(0, session, 1, Read(10_000)));
            replica.Execute(Ask(0, session, 2, Write()));
            return replica.MakeDurable().Checkpoints.Single().Root;
        }
    }

    [Fact]
    public void A_checkpoint_is_sent_again_until_it_is_stable()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        Checkpoint own = replica.MakeDurable().Checkpoints.Single();
        Assert.Empty(replica.Tick(499).Checkpoints);
        Assert.Single(replica.Tick(1).Checkpoints);
        Turn turn = replica.Connected(PartyId.Agreement(3));
        Assert.Equal(own.Root, turn.Checkpoints.Single().Root);
        replica.Receive(PartyId.Agreement(0), new StableCertificate([own, Sign(own, 1)]).Write);
        Assert.Equal(own.State, replica.Replica.StableCheckpoint);
        Assert.Empty(replica.Tick(1000).Checkpoints);
    }

    [Fact]
    public void A_certificate_that_does_not_prove_itself_is_counted()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        Checkpoint own = replica.MakeDurable().Checkpoints.Single();
        replica.Receive(PartyId.Agreement(0), new StableCertificate([own]).Write);
        replica.Receive(PartyId.Agreement(0), new StableCertificate([own, own]).Write);
        replica.Receive(PartyId.Agreement(0), new StableCertificate([own, own with { Sender = PartyId.Execution(1) }]).Write);
        Assert.Equal(3ul, replica.Rejected(Rejection.BadSignature));
        Assert.Null(replica.Replica.StableCheckpoint);
        Assert.Single(replica.Tick(500).Checkpoints);
    }

    // §7: "roll back to the last stable snapshot, replay the ordered log": with the same replies, bit for bit.
    [Fact]
    public void A_restart_replays_from_the_checkpoint_with_the_same_replies()
    {
        var replica = new ExecutionHarness(interval: 3);
        var requests = new SortedDictionary<Digest, Request>();
        var replies = new List<Reply>();
        Request open = AskToOpen(0, 1);
        SessionId session = Opened(Execute(open));
        for (ulong sequence = 1; sequence <= 6; sequence++)
        {
            Execute(Ask(0, session, sequence, Write()));
            Execute(Ask(0, session, sequence, Write(), slot: 1), Ask(1, session, 1, Write()));
            if (sequence == 5)
                replica.MakeDurable();
        }

        IReadOnlyList<Reply> replayed = replica.RestartAndReplay(requests);
        ulong from = replica.Service.LastCheckpoint.Value;
        Assert.True(from >= 9);
        Assert.NotEmpty(replayed);
        Assert.Equal(Show(replies.Where(reply => reply.Number.Value > from)), Show(replayed));
        Assert.Equal(replica.Last, replica.Replica.Executed);

        // What was executed before the checkpoint still happens once, and its reply is still here.
        Request old = Ask(0, session, 6, Write(), slot: 1);
        Assert.Equal(replies.Last(reply => reply.RequestDigest == old.Digest).ResultDigest, replica.AskForReply(old).Replies.Single().ResultDigest);
        ulong writes = replica.Service.Writes;
        replica.Execute(old);
        Assert.Equal(writes, replica.Service.Writes);

        Turn Execute(params Request[] batch)
        {
            foreach (Request request in batch)
                requests[request.Digest] = request;
            Turn turn = replica.Execute(batch);
            replies.AddRange(turn.Replies);
            return turn;
        }
    }

    // It may not be stable yet, and with f + 1 replicas nobody else can make it so.
    [Fact]
    public void A_restarted_replica_signs_its_last_checkpoint_again()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        Checkpoint before = replica.MakeDurable().Checkpoints.Single();
        replica.RestartAndReplay(new SortedDictionary<Digest, Request>());
        Assert.Equal(before.Root, replica.MakeDurable().Checkpoints.Single().Root);
    }

    [Fact]
    public void A_held_reply_to_an_fsync_can_be_had_after_a_restart_and_not_before_it_is_durable()
    {
        var replica = new ExecutionHarness(interval: 2);
        Request sync = Ask(0, replica.Open(), 1, Write(), flags: RequestFlags.Sync);
        replica.Execute(sync);
        replica.MakeDurable();
        Assert.Equal(2ul, replica.Service.LastCheckpoint.Value);
        replica.RestartAndReplay(new SortedDictionary<Digest, Request>());
        Assert.Empty(replica.AskForReply(sync).Replies);
        replica.MakeDurable();
        Assert.Single(replica.AskForReply(sync).Replies);
    }

    // EXEC-REPORT⟨r, e, n, history digest, reply digests, chained report digest⟩ to every agreement replica.
    [Fact]
    public void Reports_chain_what_was_answered_and_leave_together()
    {
        var replica = new ExecutionHarness();
        Reply opened = replica.Execute(AskToOpen(0, 1)).Replies.Single();
        replica.Execute();
        Assert.Empty(replica.Tick(7).Reports);
        Turn turn = replica.Tick(1);
        Assert.Equal(0b1111u, turn.Of(MessageKind.ExecReport).First().To.Agreement);
        Assert.Equal([1ul, 2ul], turn.Reports.Select(report => report.Number.Value));
        ExecReport first = turn.Reports[0];
        ExecReport second = turn.Reports[1];
        Assert.Equal([opened.ResultDigest], first.Replies);
        Assert.Equal(ExecReport.ExtendChain(default, first.Number, first.History, first.Replies), first.Chain);
        Assert.Equal(replica.LastHistory, second.History);
        Assert.Equal(ExecReport.ExtendChain(first.Chain, second.Number, second.History, []), second.Chain);
    }

    // An agreement replica must know which digest is of which request.
    [Fact]
    public void A_report_has_one_digest_for_each_request_and_zero_where_nothing_is_replied()
    {
        var replica = new ExecutionHarness();
        SessionId session = replica.Open();
        Request first = Ask(0, session, 1, Write());
        Request skipping = Ask(0, session, 9, Write());
        Request stray = Ask(0, new SessionId(99), 1, Write());
        Request ofAnotherLog = Ask(0, session, 2, Write(), incarnation: 5);
        IReadOnlyList<Reply> replies = replica.Execute(skipping, first, first, stray, ofAnotherLog).Replies;
        replica.Execute(first);
        replica.Execute();
        Digest reply = replies.Single(sent => sent.RequestDigest == first.Digest).ResultDigest;
        Digest ended = replies.Single(sent => sent.RequestDigest == stray.Digest).ResultDigest;
        IReadOnlyList<ExecReport> reports = replica.Tick(8).Reports;
        Assert.Equal([default, reply, default, ended, default], reports[1].Replies);
        Assert.Equal([default], reports[2].Replies);
        Assert.Empty(reports[3].Replies);
    }

    [Fact]
    public void Many_reports_do_not_wait()
    {
        var replica = new ExecutionHarness();
        for (int i = 0; i < 15; i++)
            Assert.Empty(replica.Execute().Reports);
        Assert.Equal(16, replica.Execute().Reports.Count);
    }

    [Fact]
    public void An_annex_that_is_not_ours_is_refused_with_a_sentence()
    {
        var replica = new ExecutionHarness(interval: 1);
        replica.Execute();
        replica.MakeDurable();
        replica.Service.TakeCheckpoint(new SequenceNumber(2), [1, 2, 3]);
        Assert.Throws<InvalidDataException>(() => replica.RestartAndReplay(new SortedDictionary<Digest, Request>()));
    }

    private static Checkpoint Sign(Checkpoint checkpoint, int sender) => Checkpoint.Create(
        PartyId.Execution(sender), checkpoint.Epoch, true, checkpoint.State, HashSignatures.Of(PartyId.Execution(sender)));

    private static string Show(IEnumerable<Reply> replies) => string.Join("\n", replies.Select(reply =>
        $"{reply.Session} {reply.Slot} {reply.SlotSequence} {reply.Number} {reply.RequestDigest} {reply.ResultDigest} {Convert.ToHexString(reply.Result.Span)}"));
}

using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>Who is active is ordered, and what an execution replica says when an epoch begins (DESIGN §9).</summary>
public class EpochTests
{
    [Fact]
    public void RECOVERs_of_f_plus_1_agreement_replicas_make_all_replicas_active()
    {
        var sleeper = new ExecutionHarness(id: 2);
        sleeper.Execute(AskToOpen(0, 1));
        Assert.False(sleeper.Replica.IsActive);
        sleeper.Execute(Configure(0, 0, 1));
        Assert.Equal((1ul, true), (sleeper.Replica.Epoch.Value, sleeper.Replica.IsActive));
        SessionId session = sleeper.Open(nonce: 2);
        Assert.Equal(1ul, sleeper.Execute(Ask(0, session, 1, Write())).Replies.Single().Epoch.Value);
    }

    // "Acceptance checks signatures only; a CONFIG whose e+1 isn't next is a no-op at delivery."
    [Fact]
    public void An_entry_whose_epoch_is_not_next_or_that_is_not_justified_has_no_effect()
    {
        var replica = new ExecutionHarness();
        Recover vote = Vote(0, 0);
        foreach (Batch entry in (Batch[])
        [
            Configure(1, 0, 1),
            Configure(0, 2),
            Batch.Configure(default, new EpochChange([vote, vote])),
            Batch.Configure(default, new EpochChange([vote, Vote(1, 0) with { Number = new SequenceNumber(9) }])),
        ])
        {
            replica.Execute(entry);
            Assert.Equal(0ul, replica.Replica.Epoch.Value);
        }

        Assert.Equal(4, replica.Tick(8).Reports.Count);
        replica.Execute(Configure(0, 0, 1));
        replica.Execute(Configure(0, 2, 3));
        Assert.Equal(1ul, replica.Replica.Epoch.Value);
    }

    // "on entering an epoch, replicas send the last reply of each slot and their chained report again, under the new epoch,
    // which completes what was stalled."
    [Fact]
    public void On_entering_an_epoch_the_last_reply_of_each_slot_and_the_chain_are_sent_again()
    {
        var replica = new ExecutionHarness();
        SessionId session = replica.Open();
        replica.Execute(Ask(0, session, 1, Write()));
        Reply first = replica.Execute(Ask(0, session, 2, Write())).Replies.Single();
        Reply other = replica.Execute(Ask(0, session, 1, Write(), slot: 3)).Replies.Single();
        replica.Tick(8);
        Turn turn = replica.Execute(Configure(0, 0, 1));
        Assert.Equal(
            [(0, 2ul, first.ResultDigest, 1ul), (3, 1ul, other.ResultDigest, 1ul)],
            turn.Replies.Select(reply => ((int)reply.Slot, reply.SlotSequence, reply.ResultDigest, reply.Epoch.Value)));
        Assert.All(turn.Replies, reply => Assert.False(reply.Full));
        ExecReport report = turn.Reports.Single();
        Assert.Equal((1ul, replica.Last), (report.Epoch.Value, report.Number));
    }

    [Fact]
    public void Reports_that_wait_leave_under_the_epoch_in_which_they_are_sent()
    {
        var replica = new ExecutionHarness();
        replica.Execute();
        Turn turn = replica.Execute(Configure(0, 0, 1));
        Assert.Equal([(1ul, 1ul), (2ul, 1ul)], turn.Reports.Select(report => (report.Number.Value, report.Epoch.Value)));
    }

    [Fact]
    public void A_woken_replica_holds_the_reply_to_an_fsync_back_too()
    {
        var sleeper = new ExecutionHarness(id: 2);
        sleeper.Execute(AskToOpen(0, 1));
        Request open = AskToOpen(0, 1);
        var session = new SessionId(1);
        Assert.Equal(session, Opened(sleeper.AskForReply(open)));
        Request sync = Ask(0, session, 1, Write(), flags: RequestFlags.Sync);
        sleeper.Execute(sync);
        Assert.Empty(sleeper.Execute(Configure(0, 0, 1)).Replies);
        Assert.Equal((sync.Digest, 1ul), sleeper.MakeDurable().Replies.Select(reply => (reply.RequestDigest, reply.Epoch.Value)).Single());
    }

    // "On entering an epoch replicas send their CHECKPOINTs above the stable one again."
    [Fact]
    public void Checkpoints_that_are_not_stable_are_signed_again_under_the_new_epoch()
    {
        var replica = new ExecutionHarness(interval: 2);
        replica.Execute();
        replica.Execute();
        Checkpoint before = replica.MakeDurable().Checkpoints.Single();
        Checkpoint again = replica.Execute(Configure(0, 0, 1)).Checkpoints.Single();
        Assert.Equal((before.Root, 1ul), (again.Root, again.Epoch.Value));
        Assert.True(again.IsSigned(new HashSignatures()));
    }

    [Fact]
    public void An_epoch_that_a_rollback_takes_back_ends_and_begins_again()
    {
        var replica = new ExecutionHarness(id: 2);
        replica.Execute(Configure(0, 0, 1));
        replica.LoseAfter(default, incarnation: 7);
        replica.SendSynced(0, default, default);
        replica.SendSynced(1, default, default);
        Assert.Equal((0ul, false), (replica.Replica.Epoch.Value, replica.Replica.IsActive));
        replica.Execute(Configure(0, 2, 3));
        Assert.Equal((1ul, true), (replica.Replica.Epoch.Value, replica.Replica.IsActive));
    }

    private static Batch Configure(ulong epoch, params int[] voters) =>
        Batch.Configure(default, new EpochChange([.. voters.Select(voter => Vote(voter, epoch))]));

    private static Recover Vote(int voter, ulong epoch) => Recover.Create(
        PartyId.Agreement(voter), new Epoch(epoch), new SequenceNumber(1), HashSignatures.Of(PartyId.Agreement(voter)));
}

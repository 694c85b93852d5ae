using Agreement.Messages;
using Agreement.Tests.Protocol;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>"No reply to an FSYNC leaves before its sender holds 2f+1 SYNCED at or above its n" (DESIGN §5, §6).</summary>
public class DurabilityTests
{
    private readonly ExecutionHarness replica = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_reply_to_an_fsync_waits_for_2f_plus_1_statements(int faults)
    {
        var held = new ExecutionHarness(faults: faults, active: (1u << (faults + 1)) - 1);
        Request sync = Sync(held.Open());
        Assert.Empty(held.Execute(sync).Replies);
        for (int sender = 0; sender < 2 * faults; sender++)
            Assert.Empty(held.SendSynced(sender, held.Last, held.LastHistory).Replies);
        Assert.Empty(held.SendSynced(0, held.Last, held.LastHistory).Replies);
        Assert.Empty(held.AskForReply(sync).Replies);
        Reply reply = held.SendSynced(2 * faults, held.Last, held.LastHistory).Replies.Single();
        Assert.Equal((sync.Digest, held.Last, true), (reply.RequestDigest, reply.Synced, reply.Full));
        Assert.Single(held.AskForReply(sync).Replies);
    }

    [Fact]
    public void Other_replies_do_not_wait()
    {
        SessionId session = replica.Open();
        replica.Execute(Sync(session));
        Reply reply = replica.Execute(Ask(0, session, 1, Write(), slot: 1)).Replies.Single();
        Assert.Equal(0ul, reply.Synced.Value);
    }

    // "It counts only for a receiver whose own r and history digest at n are equal."
    [Fact]
    public void A_statement_about_another_history_or_incarnation_does_not_count()
    {
        replica.Execute(Sync(replica.Open()));
        replica.SendSynced(0, replica.Last, replica.LastHistory);
        replica.SendSynced(1, replica.Last, replica.LastHistory);
        Assert.Empty(replica.SendSynced(2, replica.Last, Digest.Of([1])).Replies);
        Assert.Empty(replica.SendSynced(3, replica.Last, replica.LastHistory, incarnation: 1).Replies);
        Assert.Single(replica.SendSynced(2, replica.Last, replica.LastHistory).Replies);
    }

    [Fact]
    public void A_statement_below_the_fsync_is_not_enough()
    {
        SessionId session = replica.Open();
        (SequenceNumber number, Digest history) = (replica.Last, replica.LastHistory);
        replica.Execute(Sync(session));
        for (int sender = 0; sender < 4; sender++)
            Assert.Empty(replica.SendSynced(sender, number, history).Replies);
        Assert.Single(replica.MakeDurable().Replies);
    }

    [Fact]
    public void A_statement_that_runs_ahead_counts_when_its_number_is_executed()
    {
        Request sync = Sync(replica.Open());
        replica.Receive(sync);
        Order order = replica.NextOrder([sync]);
        replica.MakeDurable();
        replica.SendOrder(0, order);
        Assert.Equal(sync.Digest, replica.SendOrder(1, order).Replies.Single().RequestDigest);
    }

    // A sender that always runs ahead must not put off the turn of what it said first, nor lose what it said last.
    [Fact]
    public void Of_the_statements_that_run_ahead_the_first_and_the_last_count()
    {
        SessionId session = replica.Open();
        Request[] syncs = [.. Enumerable.Range(0, 3).Select(slot => Sync(session, (ushort)slot))];
        var orders = new List<Order>();
        foreach (Request sync in syncs)
        {
            replica.Receive(sync);
            orders.Add(replica.NextOrder([sync]));
            replica.MakeDurable();
        }

        Assert.Single(ExecuteNext(orders[0]).Replies);
        Assert.Empty(ExecuteNext(orders[1]).Replies);
        Assert.Equal(2, ExecuteNext(orders[2]).Replies.Count);
    }

    [Fact]
    public void While_a_reply_waits_agreement_replicas_are_asked_what_they_have()
    {
        replica.Execute(Sync(replica.Open()));
        Assert.True(replica.Replica.HasWork);
        replica.Tick(0);
        Assert.Single(replica.Tick(150).OrderRequests);
    }

    [Fact]
    public void Replies_say_what_is_durable()
    {
        SessionId session = replica.Open();
        replica.MakeDurable();
        SequenceNumber durable = replica.Last;
        Assert.Equal(durable, replica.Execute(Ask(0, session, 1, Write())).Replies.Single().Synced);
    }

    private static Request Sync(SessionId session, ushort slot = 0) => Ask(0, session, 1, Write(), slot, RequestFlags.Sync);

    private Turn ExecuteNext(Order order)
    {
        replica.SendOrder(0, order);
        return replica.SendOrder(1, order);
    }
}

using Agreement.Messages;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Execution;
using ZZFs.Tests.Execution;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Sessions;

/// <summary>Every operation happens exactly once, however often it is ordered (DESIGN §4).</summary>
public class ExactlyOnceTests
{
    private readonly ExecutionHarness replica = new();

    [Fact]
    public void A_request_that_stands_twice_in_a_batch_happens_once()
    {
        Request request = Ask(0, replica.Open(), 1, Write());
        Assert.Equal(1ul, ResultOf(replica.Execute(request, request).Replies.Single()).Number);
        Assert.Equal(1ul, replica.Service.Writes);
    }

    [Fact]
    public void A_request_that_is_ordered_again_happens_once_and_its_reply_is_kept()
    {
        Request request = Ask(0, replica.Open(), 1, Write());
        Reply first = replica.Execute(request).Replies.Single();
        Assert.Empty(replica.Execute(request).Replies);
        Assert.Equal(1ul, replica.Service.Writes);
        Reply again = replica.AskForReply(request).Replies.Single();
        Assert.Equal((first.ResultDigest, first.Number, first.SlotSequence), (again.ResultDigest, again.Number, again.SlotSequence));
    }

    [Fact]
    public void Of_two_requests_under_one_slot_sequence_the_first_ordered_wins()
    {
        SessionId session = replica.Open();
        Request first = Ask(0, session, 1, Write());
        Request second = Ask(0, session, 1, Write(5));
        replica.Execute(first, second);
        replica.Execute(second);
        Assert.Equal(1ul, replica.Service.Writes);
        Assert.Single(replica.AskForReply(first).Replies);
        Assert.Empty(replica.AskForReply(second).Replies);
    }

    [Fact]
    public void A_request_older_than_its_slot_does_not_happen()
    {
        SessionId session = replica.Open();
        replica.Execute(Ask(0, session, 1, Write()));
        replica.Execute(Ask(0, session, 2, Write()));
        Assert.Empty(replica.Execute(Ask(0, session, 1, Write(5))).Replies);
        Assert.Equal(2ul, replica.Service.Writes);
        replica.Execute(Ask(0, session, 1, Write(), slot: 1));
        Assert.Equal(3ul, replica.Service.Writes);
    }

    // Else the last slotSeq would not tell which requests of the slot a new log incarnation kept (DESIGN §6).
    [Fact]
    public void A_slot_has_no_gaps_but_where_an_incarnation_begins()
    {
        SessionId session = replica.Open();
        replica.Execute(Ask(0, session, 1, Write()));
        Assert.Empty(replica.Execute(Ask(0, session, 3, Write())).Replies);
        replica.Execute(Batch.Begin(new Incarnation(7)));
        Assert.Single(replica.Execute(Ask(0, session, 3, Write(), incarnation: 7)).Replies);
        Assert.Empty(replica.Execute(Ask(0, session, 5, Write(), incarnation: 7)).Replies);
        Assert.Equal(2ul, replica.Service.Writes);
    }

    // "for large reads a mark to execute again": they change nothing, and checkpoints need not carry their results.
    [Fact]
    public void A_large_read_that_is_ordered_again_is_executed_again()
    {
        Request request = Ask(0, replica.Open(), 1, Read(10_000));
        replica.Execute(request);
        Reply again = replica.Execute(request).Replies.Single();
        Assert.Equal(2ul, replica.Service.Reads);
        Assert.Equal(request.Digest, again.RequestDigest);
    }

    [Fact]
    public void Another_read_under_the_same_slot_sequence_is_not()
    {
        SessionId session = replica.Open();
        replica.Execute(Ask(0, session, 1, Read(10_000)));
        Assert.Empty(replica.Execute(Ask(0, session, 1, Read(10_001))).Replies);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_small_read_or_a_large_write_that_is_ordered_again_is_not_executed_again(bool writes)
    {
        Request request = Ask(0, replica.Open(), 1, writes ? Write(10_000) : Read(100));
        replica.Execute(request);
        Assert.Empty(replica.Execute(request).Replies);
        Assert.Equal(1ul, replica.Service.Reads + replica.Service.Writes);
    }

    // Memory for large results is bounded; what had to go can be had again by ordering the read again.
    [Fact]
    public void Of_the_large_results_of_reads_only_the_latest_are_kept()
    {
        SessionId session = replica.Open(slots: 20);
        Request[] reads = [.. Enumerable.Range(0, 12).Select(slot => Ask(0, session, 1, Read(1_000_000), (ushort)slot))];
        foreach (Request read in reads)
            replica.Execute(read);
        Assert.Equal(8, reads.Count(read => replica.AskForReply(read).Replies.Count == 1));
        Assert.Empty(replica.AskForReply(reads[3]).Replies);

        // A slot that is used again and again takes room once.
        for (ulong sequence = 2; sequence < 30; sequence++)
            replica.Execute(Ask(0, session, sequence, Read(1_000_000), slot: 11));
        Assert.Equal(7, reads.Count(read => replica.AskForReply(read).Replies.Count == 1));
    }

    [Fact]
    public void A_large_result_of_a_write_is_always_kept()
    {
        SessionId session = replica.Open(slots: 20);
        Request[] writes = [.. Enumerable.Range(0, 12).Select(slot => Ask(0, session, 1, Write(1_000_000), (ushort)slot))];
        foreach (Request write in writes)
            replica.Execute(write);
        Assert.All(writes, write => Assert.Single(replica.AskForReply(write).Replies));
    }

    // DESIGN §6: "REQUESTs sign r, and requests of an older r are no-ops".
    [Fact]
    public void A_request_for_another_incarnation_does_not_happen()
    {
        SessionId session = replica.Open();
        Assert.Empty(replica.Execute(Ask(0, session, 1, Write(), incarnation: 1)).Replies);
        Assert.Equal(0ul, replica.Service.Writes);
    }

    [Fact]
    public void A_session_serves_only_the_client_that_opened_it()
    {
        SessionId session = replica.Open(client: 0);
        Request foreign = Ask(1, session, 1, Write());
        Assert.Equal(SessionOperation.SessionEnded, ResultOf(replica.Execute(foreign).Replies.Single()).Error);
        Assert.Equal(0ul, replica.Service.Writes);
        Request own = Ask(0, session, 1, Write());
        replica.Execute(own);
        Assert.Empty(replica.Receive(PartyId.Client(1), new FetchReply(session, 0, 1, own.Digest).Write).Replies);
    }

    [Theory]
    [InlineData(99, 0)]
    [InlineData(1, 200)]
    public void A_request_in_no_session_or_no_slot_says_so(ulong session, int slot)
    {
        Assert.Equal(1ul, replica.Open().Value);
        Request request = Ask(0, new SessionId(session), 1, Write(), (ushort)slot);
        Assert.Equal(SessionOperation.SessionEnded, ResultOf(replica.Execute(request).Replies.Single()).Error);
    }

    [Fact]
    public void The_batchs_time_and_the_clients_export_reach_the_service()
    {
        SessionId session = replica.Open(client: 1);
        replica.Execute(Ask(1, session, 1, Write()));
        OperationContext context = Assert.Single(replica.Service.Contexts);
        Assert.Equal((Start + 2_000_000, session, true), (context.Now.Nanoseconds, context.Session, context.Export.ReadOnly));
    }

    // All abstract times come from the order, and never go back whatever a primary proposed.
    [Fact]
    public void Time_never_goes_back()
    {
        SessionId session = replica.Open();
        replica.Execute(Ask(0, session, 1, Write()));
        replica.ExecuteLater(-500_000_000, Ask(0, session, 2, Write()));
        Assert.Equal(replica.Service.Contexts[0].Now, replica.Service.Contexts[1].Now);
    }

    // One designated replica sends a large result, the others its digest; small ones come from all (DESIGN §6).
    [Fact]
    public void A_large_result_comes_in_full_from_one_replica_and_a_small_one_from_all()
    {
        var other = new ExecutionHarness(id: 1);
        Request open = AskToOpen(0, 1);
        SessionId session = Opened(replica.Execute(open));
        Assert.Equal(session, Opened(other.Execute(open)));
        for (ulong sequence = 1; sequence < 5; sequence++)
        {
            Request large = Ask(0, session, sequence, Write(1000));
            Reply[] replies = [replica.Execute(large).Replies.Single(), other.Execute(large).Replies.Single()];
            Assert.Single(replies, reply => reply.Full);
            Assert.Equal(replies[0].ResultDigest, replies[1].ResultDigest);
        }

        Assert.True(replica.AskForReply(Ask(0, session, 4, Write(1000))).Replies.Single().Full);
        Assert.True(other.AskForReply(Ask(0, session, 4, Write(1000))).Replies.Single().Full);
    }

    // DESIGN §6: a replica that is not active says nothing to clients, and reports nothing.
    [Fact]
    public void An_inactive_replica_executes_and_says_nothing()
    {
        var asleep = new ExecutionHarness(id: 2);
        Request open = AskToOpen(0, 1);
        Assert.Empty(asleep.Execute(open).Messages);
        asleep.Execute(Ask(0, Opened(replica.Execute(open)), 1, Write()));
        Assert.Equal(1ul, asleep.Service.Writes);
        Assert.Empty(asleep.Tick(100).Reports);
    }
}

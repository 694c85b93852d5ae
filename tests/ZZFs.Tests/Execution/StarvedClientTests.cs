using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Execution;

/// <summary>What an execution replica does for clients that another one starves of replies (DESIGN §6).</summary>
public class StarvedClientTests
{
    private readonly ExecutionHarness replica = new();
    private readonly SessionId session;

    public StarvedClientTests()
    {
        session = replica.Open();
    }

    // "One that no longer has the reports asks the active replicas for that slot's reply digest."
    [Fact]
    public void An_agreement_replica_is_told_the_digest_of_a_slots_last_reply()
    {
        Request request = Ask(0, session, 1, Write(), slot: 2);
        Reply reply = replica.Execute(request).Replies.Single();
        Turn turn = Inquire(request);
        Assert.Equal(
            new ReplyStatement(default, default, About(request), reply.Number, reply.ResultDigest), turn.ReplyStatements.Single());
        Assert.Equal(0b0100u, turn.Of(MessageKind.ReplyStatement).Single().To.Agreement);
    }

    [Fact]
    public void The_reply_to_an_opening_is_told_though_there_is_no_session_yet()
    {
        Request open = AskToOpen(1, 5);
        Reply reply = replica.Execute(open).Replies.Single();
        Assert.Equal(reply.ResultDigest, Inquire(open).ReplyStatements.Single().ResultDigest);
    }

    [Fact]
    public void Nothing_is_told_of_another_request_slot_session_or_client()
    {
        Request request = Ask(0, session, 1, Write());
        replica.Execute(request);
        ReplyInquiry about = About(request);
        foreach (ReplyInquiry other in (ReplyInquiry[])
            [
                about with { SlotSequence = 2 }, about with { Slot = 1 }, about with { Slot = 60_000 }, about with { Session = default },
                about with { Session = new SessionId(77) }, about with { Client = 1 }, about with { Client = uint.MaxValue },
                about with { RequestDigest = default },
            ])
        {
            Assert.Empty(replica.Receive(PartyId.Agreement(2), other.Write).ReplyStatements);
        }

        Assert.Equal(0ul, replica.Rejected(Rejection.Malformed));
    }

    [Fact]
    public void A_sleeper_states_nothing()
    {
        var sleeper = new ExecutionHarness(id: 2);
        Request open = AskToOpen(0, 5);
        sleeper.Execute(open);
        Assert.Empty(sleeper.Receive(PartyId.Agreement(2), About(open).Write).ReplyStatements);
    }

    [Fact]
    public void Clients_may_not_inquire_and_agreement_replicas_not_wish_for_affidavits()
    {
        Request request = Ask(0, session, 1, Write());
        replica.Execute(request);
        Assert.Empty(replica.Receive(PartyId.Client(0), About(request).Write).ReplyStatements);
        replica.Receive(PartyId.Agreement(0), new WantAffidavits(default).Write);
        Assert.Equal(2ul, replica.Rejected(Rejection.Malformed));
    }

    // "A client stays in affidavit mode for the epoch (replies full, affidavits unasked)."
    [Fact]
    public void A_starved_client_gets_large_replies_in_full_from_everybody_for_the_rest_of_the_epoch()
    {
        Assert.False(FirstReply(0, 1).Full);
        replica.Receive(PartyId.Client(0), new WantAffidavits(default).Write);
        Assert.True(FirstReply(0, 3).Full);
        replica.Receive(PartyId.Client(0), new WantAffidavits(new Epoch(1)).Write);
        Assert.False(FirstReply(0, 5).Full);
    }

    // Its affidavits follow from the reports.
    [Fact]
    public void Reports_about_a_starved_clients_requests_do_not_wait()
    {
        Assert.Empty(replica.Execute(Ask(0, session, 1, Write())).Reports);
        replica.Receive(PartyId.Client(0), new WantAffidavits(default).Write);
        Assert.Equal([1ul, 2ul, 3ul], replica.Execute(Ask(0, session, 2, Write())).Reports.Select(report => report.Number.Value));
        Assert.Empty(replica.Execute().Reports);
    }

    // Replica 0 is designated for even sums of slot and sequence, so that it sends odd ones' digests only.
    private Reply FirstReply(ushort slot, ulong sequence)
    {
        Reply reply = replica.Execute(Ask(0, session, sequence, Read(8000), slot)).Replies.Single();
        replica.Execute(Ask(0, session, sequence + 1, Write(), slot));
        return reply;
    }

    private Turn Inquire(Request request) => replica.Receive(PartyId.Agreement(2), About(request).Write);

    private static ReplyInquiry About(Request request) =>
        new(request.Client.Index, request.Session, request.Slot, request.SlotSequence, request.Digest);
}

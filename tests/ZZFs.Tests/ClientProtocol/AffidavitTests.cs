using Agreement.Messages;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>"The client accepts one full body that matches f+1 affidavits" (DESIGN §6).</summary>
public class AffidavitTests
{
    private static readonly OperationResult Right = new() { Number = 7 };

    private readonly ClientHarness client = new();
    private readonly Request request;

    public AffidavitTests()
    {
        client.Open();
        request = client.Submit("a").Requests.Single();
    }

    [Fact]
    public void One_full_result_and_f_plus_1_affidavits_are_enough()
    {
        client.Answer(0, request, Right);
        Affirm(0, Right);
        Affirm(0, Right);
        Assert.Empty(client.Completed);
        Affirm(3, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void The_result_may_come_later_and_is_asked_for()
    {
        Affirm(0, Right);
        Assert.Equal(request.Digest, Affirm(1, Right).ReplyRequests.Single().RequestDigest);
        client.Answer(1, request, Right, full: false);
        Assert.Empty(client.Completed);
        client.Answer(2, request, Right, epoch: 9, number: 1000);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void Affidavits_of_another_result_number_request_or_slot_do_not_match()
    {
        client.Answer(0, request, Right);
        Affirm(0, Right);
        Affirm(1, new OperationResult { Number = 8 });
        Affirm(2, Right, number: 6);
        Send(3, Affidavit(Right) with { RequestDigest = default });
        Send(3, Affidavit(Right) with { Slot = 60_000 });
        Assert.Empty(client.Completed);
        Affirm(3, Right);
        Assert.Single(client.Completed);
    }

    // A liar may send many, each of which would else make the client ask f + 1 others for a body.
    [Fact]
    public void A_body_is_asked_for_only_so_often()
    {
        Affirm(0, Right);
        Assert.Single(Affirm(1, Right).ReplyRequests);
        for (int i = 0; i < 10; i++)
            Assert.Empty(Affirm(1, Right).ReplyRequests);
        client.Tick(60);
        Assert.Single(Affirm(1, Right).ReplyRequests);
    }

    // "After needing one affidavit, a client stays in affidavit mode for the epoch, so that a replica that starves clients
    // costs one timeout, not one per operation."
    [Fact]
    public void A_client_that_needed_affidavits_says_so_once_in_the_epoch()
    {
        SentMessage wish = Starve().Of(MessageKind.WantAffidavits).Single();
        Assert.Equal((0b1111u, 0b011u), (wish.To.Agreement, wish.To.Execution));
        Assert.True(client.Session.IsStarved);
        Assert.Equal(1ul, client.Session.AffirmedResults);
        Request next = client.Submit("b").Requests.Single();
        client.Answer(0, next, Right);
        Affirm(0, Right, next);
        Assert.Empty(Affirm(1, Right, next).WishesForAffidavits);
        Assert.Equal(2ul, client.Session.AffirmedResults);
    }

    [Fact]
    public void A_client_that_f_plus_1_replies_reach_needs_no_affidavits()
    {
        Affirm(0, Right);
        client.Answer(0, request, Right);
        Turn turn = client.Answer(1, request, Right);
        Assert.Empty(turn.WishesForAffidavits);
        Affirm(1, Right);
        Assert.False(client.Session.IsStarved);
    }

    [Fact]
    public void The_wish_is_told_again_to_who_may_have_missed_it()
    {
        Starve();
        Assert.Single(client.Connected(PartyId.Agreement(2)).WishesForAffidavits);
        client.Submit("b");
        Assert.Single(client.Tick(400).WishesForAffidavits);
        Assert.Empty(client.Tick(1).WishesForAffidavits);
    }

    [Fact]
    public void The_next_epoch_begins_without_the_wish()
    {
        Starve();
        client.SendState(0, epoch: 1, active: 7);
        client.SendState(1, epoch: 1, active: 7);
        Assert.False(client.Session.IsStarved);
        Assert.Empty(client.Connected(PartyId.Agreement(2)).WishesForAffidavits);
    }

    // The synced numbers of f + 1 replies never reach a client that is starved: the certified reply to an FSYNC tells it what
    // is on disk, or it would keep all its changes for ever.
    [Fact]
    public void A_starved_client_learns_from_an_fsync_what_is_on_disk()
    {
        Starve();
        Assert.Equal(1, client.Session.Unsynced);
        Request sync = client.Submit("sync", RequestFlags.Sync).Requests.Single();
        client.Answer(0, sync, Right, number: 6);
        Affirm(0, Right, sync, number: 6);
        Affirm(1, Right, sync, number: 6);
        Assert.Equal(0, client.Session.Unsynced);
    }

    private Turn Starve()
    {
        client.Answer(0, request, Right);
        Affirm(0, Right);
        return Affirm(1, Right);
    }

    private Turn Affirm(int sender, OperationResult result, Request about, ulong number = 5) =>
        Send(sender, Affidavit(result, about) with { Number = new SequenceNumber(number) });

    private Turn Affirm(int sender, OperationResult result, ulong number = 5) =>
        Send(sender, Affidavit(result) with { Number = new SequenceNumber(number) });

    private Turn Send(int sender, ReplyAffidavit affidavit) => client.Receive(PartyId.Agreement(sender), affidavit.Write);

    private ReplyAffidavit Affidavit(OperationResult result) => Affidavit(result, request);

    private static ReplyAffidavit Affidavit(OperationResult result, Request about)
    {
        var writer = new MessageWriter();
        OperationCodec.EncodeResult(result, writer);
        return new ReplyAffidavit(
            default, about.Session, about.Slot, about.SlotSequence, about.Digest, default, Digest.Of(writer.Written));
    }
}

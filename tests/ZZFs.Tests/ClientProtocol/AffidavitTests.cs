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

    private Turn Affirm(int sender, OperationResult result, ulong number = 5) =>
        Send(sender, Affidavit(result) with { Number = new SequenceNumber(number) });

    private Turn Send(int sender, ReplyAffidavit affidavit) => client.Receive(PartyId.Agreement(sender), affidavit.Write);

    private ReplyAffidavit Affidavit(OperationResult result)
    {
        var writer = new MessageWriter();
        OperationCodec.EncodeResult(result, writer);
        return new ReplyAffidavit(
            default, request.Session, request.Slot, request.SlotSequence, request.Digest, default, Digest.Of(writer.Written));
    }
}

using Agreement.Messages;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>
/// "The client accepts a result on f+1 matching replies from distinct execution replicas that are active in the epoch of
/// the reply" (DESIGN §6).
/// </summary>
public class ReplyTests
{
    private static readonly OperationResult Right = new() { Number = 7 };
    private static readonly OperationResult Wrong = new() { Number = 8 };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void F_plus_1_equal_replies_certify_a_result(int faults)
    {
        var client = new ClientHarness(faults);
        client.SetActive((1u << client.Quorum.ExecutionReplicas) - 1);
        Request request = client.Submit("a").Requests.Single();
        for (int sender = 0; sender < faults; sender++)
            client.Answer(sender, request, Right);
        client.Answer(0, request, Right);
        Assert.Empty(client.Completed);
        client.Answer(faults, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
        client.Answer(faults + 1, request, Right);
        Assert.Single(client.Completed);
    }

    [Fact]
    public void A_liar_neither_certifies_nor_blocks()
    {
        ClientHarness client = AllActive(out Request request);
        client.Answer(0, request, Right);
        client.Answer(1, request, Wrong);
        Assert.Empty(client.Completed);
        client.Answer(2, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Replies_about_another_number_or_incarnation_do_not_match(bool number)
    {
        ClientHarness client = AllActive(out Request request);
        client.Answer(0, request, Right);
        client.Answer(1, request, Right, number: number ? 6ul : 5ul, incarnation: number ? 0ul : 1ul);
        Assert.Empty(client.Completed);
        client.Answer(2, request, Right);
        Assert.Single(client.Completed);
    }

    [Fact]
    public void A_replica_that_is_not_active_does_not_count()
    {
        ClientHarness client = TwoActive(out Request request);
        client.Answer(0, request, Right);
        client.Answer(2, request, Right);
        Assert.Empty(client.Completed);
        client.Answer(1, request, Right);
        Assert.Single(client.Completed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Replies_of_another_epoch_do_not_count(ulong other)
    {
        var client = new ClientHarness();
        client.Open();
        client.SendState(0, epoch: 1);
        client.SendState(1, epoch: 1);
        Request request = client.Submit("a").Requests.Single();
        client.Answer(0, request, Right, epoch: other);
        client.Answer(1, request, Right, epoch: other);
        Assert.Empty(client.Completed);
        client.Answer(0, request, Right, epoch: 1);
        client.Answer(1, request, Right, epoch: 1);
        Assert.Single(client.Completed);
    }

    // The designated replica sends the result, the others its digest.
    [Fact]
    public void A_digest_vouches_for_the_result_of_another()
    {
        ClientHarness client = TwoActive(out Request request);
        Assert.Empty(client.Answer(0, request, Right, full: false).ReplyRequests);
        client.Answer(1, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void Digests_alone_make_the_client_ask_for_the_result()
    {
        ClientHarness client = TwoActive(out Request request);
        client.Answer(0, request, Right, full: false);
        Turn turn = client.Answer(1, request, Right, full: false);
        Assert.Empty(client.Completed);
        Assert.Equal(new FetchReply(request.Session, request.Slot, request.SlotSequence, request.Digest), turn.ReplyRequests.Single());
        Assert.Equal(0b11u, turn.Messages.Single().To.Execution);
        client.Answer(0, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void A_wrong_result_does_not_pass_for_the_agreed_digest()
    {
        ClientHarness client = AllActive(out Request request);
        client.Answer(0, request, Right, full: false);
        client.Answer(1, request, Right, full: false);
        client.Answer(2, request, Wrong);
        Assert.Empty(client.Completed);
        client.Answer(1, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void A_digest_does_not_displace_the_result_that_came_before()
    {
        ClientHarness client = TwoActive(out Request request);
        client.Answer(0, request, Right);
        client.Answer(0, request, Right, full: false);
        client.Answer(1, request, Right, full: false);
        Assert.Single(client.Completed);
    }

    // A replica may have answered before a restart or rollback; its last word counts.
    [Fact]
    public void A_replicas_last_reply_counts()
    {
        ClientHarness client = TwoActive(out Request request);
        client.Answer(0, request, Wrong);
        client.Answer(0, request, Right);
        client.Answer(1, request, Wrong);
        Assert.Empty(client.Completed);
        client.Answer(1, request, Right);
        Assert.Equal(7ul, client.Completed.Single().Result.Number);
    }

    [Fact]
    public void Replies_to_something_else_are_ignored()
    {
        ClientHarness client = TwoActive(out Request request);
        Request other = Request.Create(
            request.Client, RequestFlags.None, request.Session, request.Slot, request.SlotSequence, default, [1], HashSignatures.Of(request.Client));
        Request older = Request.Create(
            request.Client, RequestFlags.None, request.Session, request.Slot, 0, default, request.Operation.Span, HashSignatures.Of(request.Client));
        Request farSlot = Request.Create(
            request.Client, RequestFlags.None, request.Session, 200, 1, default, request.Operation.Span, HashSignatures.Of(request.Client));
        Request otherSession = Request.Create(
            request.Client, RequestFlags.None, new SessionId(41), request.Slot, 1, default, request.Operation.Span, HashSignatures.Of(request.Client));
        foreach (Request wrong in (Request[])[other, older, farSlot, otherSession])
            client.AnswerAll(wrong, Right);
        Assert.Empty(client.Completed);
        client.AnswerAll(request, Right);
        Assert.Single(client.Completed);
    }

    // The result outlives the link's buffer in which it came.
    [Fact]
    public void A_result_is_copied_out_of_the_message()
    {
        var collector = new ZZFs.Client.ReplyCollector(new Quorum(1));
        byte[] buffer = [1, 2, 3];
        var reply = new Reply(default, default, 0, 1, default, default, default, default, true, Digest.Of(buffer), buffer);
        Assert.Null(collector.Add(0, reply, default, 3));
        buffer.AsSpan().Clear();
        Assert.Equal([1, 2, 3], collector.Add(1, reply with { Full = false, Result = default }, default, 3)!.Value.ToArray());
    }

    private static ClientHarness TwoActive(out Request request)
    {
        var client = new ClientHarness();
        client.Open();
        request = client.Submit("a").Requests.Single();
        return client;
    }

    private static ClientHarness AllActive(out Request request)
    {
        var client = new ClientHarness();
        client.SetActive(7);
        request = client.Submit("a").Requests.Single();
        return client;
    }
}

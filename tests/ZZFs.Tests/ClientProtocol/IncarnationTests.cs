using Agreement.Messages;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;
using ZZFs.Execution;

namespace ZZFs.Tests.ClientProtocol;

/// <summary>
/// "If a new incarnation lost some of it, the client submits it again first, in order, with identifiers mapped anew"
/// (DESIGN §6).
/// </summary>
public class IncarnationTests
{
    private readonly ClientHarness client = new();

    public IncarnationTests() => client.Open();

    [Fact]
    public void The_session_is_opened_again_with_the_same_nonce_under_the_new_incarnation()
    {
        Assert.Empty(client.SendState(0, incarnation: 7).Messages);
        Request open = client.SendState(1, incarnation: 7).Requests.Single();
        Assert.True(SessionOperation.TryRead(open.Operation, out SessionOperation operation));
        Assert.Equal((SessionOperationKind.Open, (UInt128)1, 7ul), (operation.Kind, operation.Nonce, open.Incarnation.Value));
        Assert.Empty(client.Submit("waits").Messages);
        Request request = client.AnswerAll(open, Found(42, 0, 0), incarnation: 7).Requests.Single();
        Assert.Equal((42ul, 1ul, 7ul), (request.Session.Value, request.SlotSequence, request.Incarnation.Value));
    }

    [Fact]
    public void Nothing_is_submitted_again_when_nothing_was_lost()
    {
        Change("a", 10);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Assert.Empty(client.AnswerAll(open, Found(42, 1, 0), number: 12, incarnation: 7).Requests);
        Assert.Equal(1, client.Session.Unsynced);
        Request next = client.Submit("b").Requests.Single();
        Assert.Equal(2ul, next.SlotSequence);
        client.AnswerAll(next, Result(2), number: 13, incarnation: 7, synced: 13);
        Assert.Equal(0, client.Session.Unsynced);
    }

    [Fact]
    public void What_was_lost_is_submitted_again_one_after_the_other_in_the_order_of_its_numbers()
    {
        Request[] sent = [Send("b", 2), Send("a", 1)];
        client.AnswerAll(sent[0], Result(2), number: 11);
        client.AnswerAll(sent[1], Result(1), number: 10);
        client.Submit("c", [77, 3]);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request first = client.AnswerAll(open, Found(42, 0, 0), number: 4, incarnation: 7).Requests.Single();
        Assert.Equal([77, 1], first.Operation.ToArray());
        Assert.Equal(3ul, first.SlotSequence);
        Request second = client.AnswerAll(first, Result(1), number: 5, incarnation: 7).Requests.Single();
        Assert.Equal([77, 2], second.Operation.ToArray());
        Request third = client.AnswerAll(second, Result(2), number: 6, incarnation: 7).Requests.Single();
        Assert.Equal([77, 3], third.Operation.ToArray());
        client.AnswerAll(third, Result(3), number: 7, incarnation: 7);
        Assert.Equal(["b", "a", "c"], client.Completed.Select(done => done.Tag));
        Assert.Equal((3, 0ul), (client.Session.Unsynced, client.Session.Unrepeatable));
    }

    [Fact]
    public void Of_what_survived_in_part_only_the_rest_is_submitted_again()
    {
        Change("a", 10, operation: 1);
        Change("b", 11, operation: 2);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request again = client.AnswerAll(open, Found(42, 1, 0), number: 12, incarnation: 7).Requests.Single();
        Assert.Equal([77, 2], again.Operation.ToArray());
    }

    [Fact]
    public void A_session_that_was_lost_too_is_made_anew_and_everything_in_it_repeated()
    {
        Change("a", 10, operation: 1);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request again = client.AnswerAll(open, Found(99), number: 4, incarnation: 7).Requests.Single();
        Assert.Equal((99ul, 1ul), (again.Session.Value, again.SlotSequence));
        client.AnswerAll(again, Result(1), number: 5, incarnation: 7);
        Assert.Equal(99ul, client.Submit("b").Requests.Single().Session.Value);
        Assert.Equal(0ul, client.Session.Unrepeatable);
    }

    [Fact]
    public void What_is_on_disk_is_not_kept_and_f_liars_can_not_drop_anything()
    {
        Request request = client.Submit("a").Requests.Single();
        client.Answer(0, request, Result(1), number: 10, synced: 10_000);
        client.Answer(1, request, Result(1), number: 10, synced: 9);
        Assert.Equal(1, client.Session.Unsynced);
        Request second = client.Submit("b").Requests.Single();
        client.AnswerAll(second, Result(2), number: 11, synced: 10);
        Assert.Equal(1, client.Session.Unsynced);
        Request third = client.Submit("c", RequestFlags.Sync).Requests.Single();
        client.AnswerAll(third, Result(3), number: 12, synced: 12);
        Assert.Equal(0, client.Session.Unsynced);
    }

    [Fact]
    public void A_statement_of_another_incarnation_does_not_vouch()
    {
        var kept = new UnsyncedOperations(new Quorum(1));
        kept.Add(new UnsyncedOperation(new byte[] { 1 }, Result(1), new SessionId(1), 0, 1, new Incarnation(3), new SequenceNumber(5)));
        kept.Vouch(0, new Incarnation(7), new SequenceNumber(9), 3);
        kept.Vouch(1, new Incarnation(3), new SequenceNumber(9), 3);
        kept.Vouch(2, new Incarnation(3), new SequenceNumber(9), 3);
        Assert.Equal(1, kept.Count);
        kept.Vouch(2, new Incarnation(3), new SequenceNumber(10), 7);
        Assert.Equal((0, 0L), (kept.Count, kept.Bytes));
    }

    [Fact]
    public void What_was_under_way_and_survived_gets_its_reply_and_the_rest_is_issued_anew()
    {
        Request survived = Send("a", 1);
        Request gone = Send("b", 2);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Turn turn = client.AnswerAll(open, Found(42, 1, 0), number: 12, incarnation: 7);
        Assert.Empty(turn.Requests);
        Assert.Equal(new FetchReply(survived.Session, 0, 1, survived.Digest), turn.ReplyRequests.Single());
        client.AnswerAll(gone, Result(2), number: 11);
        Assert.Empty(client.Completed);
        Request anew = client.AnswerAll(survived, Result(1), number: 10, incarnation: 7).Requests.Single();
        Assert.Equal((new Incarnation(7), 2), (anew.Incarnation, (int)anew.Operation.Span[1]));
        client.AnswerAll(anew, Result(2), number: 13, incarnation: 7);
        Assert.Equal(["a", "b"], client.Completed.Select(done => done.Tag));
    }

    // "An operation whose result then differs from the first, or that can't be repeated, makes the next fsync or close
    // return EIO", once.
    [Fact]
    public void Another_result_fails_the_next_fsync_once()
    {
        Change("a", 10, operation: 1);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request again = client.AnswerAll(open, Found(42, 0, 0), number: 4, incarnation: 7).Requests.Single();
        client.AnswerAll(again, OperationResult.Failed(Errno.EEXIST), number: 5, incarnation: 7);
        Assert.Equal(1ul, client.Session.Unrepeatable);
        Complete(client.Submit("write"), 6);
        Complete(client.Submit("fsync", RequestFlags.Sync), 7);
        Complete(client.Submit("fsync again", RequestFlags.Sync), 8);
        Assert.Equal([Errno.None, Errno.None, Errno.EIO, Errno.None], client.Completed.Select(done => done.Result.Error));
    }

    [Fact]
    public void An_incarnation_that_begins_while_operations_are_repeated_begins_all_again()
    {
        Change("a", 10, operation: 1);
        Change("b", 11, operation: 2);
        Change("c", 12, operation: 3);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request first = client.AnswerAll(open, Found(42, 0, 0), number: 4, incarnation: 7).Requests.Single();
        Request second = client.AnswerAll(first, Result(1), number: 5, incarnation: 7).Requests.Single();
        Assert.Equal([77, 2], second.Operation.ToArray());
        Request reopen = client.BeginIncarnation(8).Requests.Single();
        var repeated = new List<byte>();
        Turn turn = client.AnswerAll(reopen, Found(42, 0, 0), number: 4, incarnation: 8);
        for (ulong number = 5; turn.Requests.Count > 0; number++)
        {
            repeated.Add(turn.Requests.Single().Operation.Span[1]);
            turn = client.AnswerAll(turn.Requests.Single(), Result(repeated[^1]), number, incarnation: 8);
        }

        Assert.Equal([1, 2, 3], repeated);
        Assert.Equal((3, 0ul), (client.Session.Unsynced, client.Session.Unrepeatable));
    }

    [Fact]
    public void A_repetition_that_survived_the_next_incarnation_is_not_repeated_again()
    {
        Change("a", 10, operation: 1);
        Change("b", 11, operation: 2);
        Request open = client.BeginIncarnation(7).Requests.Single();
        Request first = client.AnswerAll(open, Found(42, 0, 0), number: 4, incarnation: 7).Requests.Single();
        Request reopen = client.BeginIncarnation(8).Requests.Single();
        Turn turn = client.AnswerAll(reopen, Found(42, first.SlotSequence, 0), number: 6, incarnation: 8);
        Assert.Equal(first.Digest, turn.ReplyRequests.Single().RequestDigest);
        Request second = client.AnswerAll(first, Result(1), number: 5, incarnation: 8).Requests.Single();
        Assert.Equal([77, 2], second.Operation.ToArray());
    }

    [Fact]
    public void New_operations_wait_while_too_much_is_not_on_disk()
    {
        byte[] large = new byte[1 << 20];
        large[0] = 77;
        ulong number = 10;
        Turn turn = client.Submit("0", large);
        for (int i = 1; !IsRenewal(turn.Requests.Single()); i++)
        {
            client.AnswerAll(turn.Requests.Single(), Result(1), number++);
            turn = client.Submit($"{i}", large);
            Assert.InRange(i, 1, 65);
        }

        Request renewal = turn.Requests.Single();
        Assert.Equal(RequestFlags.Sync, renewal.Flags);
        Assert.Empty(client.Submit("too").Requests);
        Assert.Equal(2, client.AnswerAll(renewal, OperationResult.Success, number, synced: number).Requests.Count);
        Assert.Equal(0, client.Session.Unsynced);
    }

    private static bool IsRenewal(Request request) => SessionOperation.IsSession(request.Operation.Span);

    private static OperationResult Result(ulong number) => new() { Number = number };

    private static OperationResult Found(ulong session, params ulong[] sequences)
    {
        var writer = new MessageWriter();
        foreach (ulong sequence in sequences)
            writer.WriteUInt64(sequence);
        return new OperationResult { Number = session, Data = sequences.Length == 0 ? null : writer.ToArray() };
    }

    // Codes below 16 are the session's.
    private Request Send(string tag, byte operation) => client.Submit(tag, [77, operation]).Requests.Single();

    private void Change(string tag, ulong number, byte operation = 1) =>
        client.AnswerAll(client.Submit(tag, [77, operation]).Requests.Single(), Result(operation), number);

    private void Complete(Turn turn, ulong number) =>
        client.AnswerAll(turn.Requests.Single(), Result(1), number, incarnation: 7);
}

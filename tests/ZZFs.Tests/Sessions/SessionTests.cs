using Agreement.Messages;
using Agreement.Tests.Protocol;
using ZZFs.Abstraction;
using ZZFs.Execution;
using ZZFs.Tests.Execution;
using static ZZFs.Tests.Execution.ExecutionHarness;

namespace ZZFs.Tests.Sessions;

/// <summary>Opening, leases, and ends of sessions (DESIGN §4).</summary>
public class SessionTests
{
    private const long Second = 1_000_000_000;

    private readonly ExecutionHarness replica = new();

    // "the same nonce gives the same session; ids are never reused".
    [Fact]
    public void The_same_nonce_gives_the_same_session()
    {
        Request open = AskToOpen(0, nonce: 7);
        SessionId session = Opened(replica.Execute(open));
        Assert.Equal(session, Opened(replica.Execute(open)));
        Assert.NotEqual(session, replica.Open(nonce: 8));
        Assert.NotEqual(session, replica.Open(client: 1, nonce: 7));
    }

    // What a client needs to know of a session that survived a new log incarnation (§6).
    [Fact]
    public void Opening_a_session_that_was_used_tells_how_far_its_slots_are()
    {
        SessionId session = replica.Open(nonce: 7, slots: 3);
        replica.Execute(Ask(0, session, 1, Write(), slot: 1));
        replica.Execute(Ask(0, session, 2, Write(), slot: 1));
        Turn turn = replica.Execute(AskToOpen(0, nonce: 7, slots: 3));
        Assert.Equal(session, Opened(turn));
        Assert.Equal([0ul, 2ul, 0ul], SessionOperation.DecodeSequences(ResultOf(turn.Replies.Single()), 3));
    }

    [Fact]
    public void An_id_is_never_reused()
    {
        SessionId session = replica.Open(nonce: 7);
        Close(session, 1);
        Assert.NotEqual(session, replica.Open(nonce: 8));
    }

    // "generations and session ids contain r, so that nothing old can name something new" (§6).
    [Fact]
    public void Ids_of_different_incarnations_differ()
    {
        var one = new SessionTable();
        var other = new SessionTable();
        Assert.NotEqual(one.Open(0, 1, 1, default, out _).Id, other.Open(0, 1, 1, new Incarnation(1), out _).Id);
    }

    [Fact]
    public void The_reply_to_an_opening_can_be_asked_for_again()
    {
        Request open = AskToOpen(0, nonce: 7);
        SessionId session = Opened(replica.Execute(open));
        Assert.Equal(session, Opened(replica.AskForReply(open)));
        Assert.Empty(replica.AskForReply(AskToOpen(0, nonce: 8)).Replies);
        Assert.Empty(replica.AskForReply(AskToOpen(1, nonce: 7)).Replies);
    }

    [Fact]
    public void Closing_a_session_frees_what_it_holds()
    {
        SessionId session = replica.Open();
        Assert.Equal(Errno.None, Close(session, 1));
        Assert.Equal([session], replica.Service.Ended);
        Assert.Equal(SessionOperation.SessionEnded, ErrorOf(Ask(0, session, 2, Write())));
    }

    [Fact]
    public void Opening_one_too_many_ends_the_clients_least_recently_used()
    {
        SessionId other = replica.Open(client: 1, nonce: 99);
        SessionId[] sessions = [.. Enumerable.Range(1, SessionTable.MaximumSessionsPerClient).Select(nonce => replica.Open(nonce: (ulong)nonce))];
        replica.ExecuteLater(Second, Ask(0, sessions[0], 1, Write()));
        replica.ExecuteLater(Second, Ask(0, sessions[2], 1, Write()));
        replica.Open(nonce: 1000);
        Assert.Equal([sessions[1]], replica.Service.Ended);
        Assert.Equal(Errno.None, ErrorOf(Ask(1, other, 1, Write())));
        Assert.Equal(Errno.None, ErrorOf(Ask(0, sessions[0], 2, Write())));
    }

    [Fact]
    public void A_session_that_is_not_used_ends_with_its_lease_and_one_that_is_does_not()
    {
        SessionId unused = replica.Open(client: 1);
        SessionId used = replica.Open(client: 0);
        for (ulong sequence = 1; sequence <= 11; sequence++)
            replica.ExecuteLater(10 * Second, Ask(0, used, sequence, Session(new SessionOperation(SessionOperationKind.Renew, 0, 0))));
        Assert.Empty(replica.Service.Ended);
        replica.ExecuteLater(10 * Second);
        Assert.Equal([unused], replica.Service.Ended);
        Assert.Equal(SessionOperation.SessionEnded, ErrorOf(Ask(1, unused, 1, Write())));
        Assert.Equal(Errno.None, ErrorOf(Ask(0, used, 12, Write())));
    }

    // "so that an outage or a bad primary can't expire everybody": a jump of agreed time counts as one tick.
    [Fact]
    public void An_outage_costs_a_session_at_most_one_tick_of_its_lease()
    {
        SessionId session = replica.Open();
        for (int outage = 0; outage < 12; outage++)
            replica.ExecuteLater(1_000_000 * Second);
        Assert.Empty(replica.Service.Ended);
        Assert.Equal(Errno.None, ErrorOf(Ask(0, session, 1, Write())));
    }

    [Theory]
    [InlineData(new byte[] { 1 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 2 })]
    [InlineData(new byte[] { 9 })]
    [InlineData(new byte[] { })]
    public void What_is_no_opening_opens_nothing(byte[] operation) =>
        Assert.Equal(Errno.EPROTO, ErrorOf(Ask(0, SessionId.None, 1, operation)));

    [Theory]
    [InlineData(new byte[] { 1, 1 })]
    [InlineData(new byte[] { 2, 1 })]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 15 })]
    [InlineData(new byte[] { 77 })]
    [InlineData(new byte[] { })]
    public void An_operation_that_makes_no_sense_gives_an_error_and_uses_up_its_number(byte[] operation)
    {
        SessionId session = replica.Open();
        Assert.Equal(Errno.EPROTO, ErrorOf(Ask(0, session, 1, operation)));
        Assert.Empty(replica.Execute(Ask(0, session, 1, Write())).Replies);
        Assert.Equal(Errno.None, ErrorOf(Ask(0, session, 2, Write())));
    }

    [Fact]
    public void A_table_survives_the_round_trip()
    {
        byte[] bytes = Encode(Sample());
        var reader = new MessageReader(bytes);
        SessionTable read = SessionTable.Read(ref reader);
        Assert.True(reader.Complete);
        Assert.Equal(bytes, Encode(read));
    }

    [Fact]
    public void Damaged_tables_never_make_the_reader_throw()
    {
        byte[] bytes = Encode(Sample());
        var random = new Random(17);
        for (int round = 0; round < 5000; round++)
        {
            byte[] damaged = round < bytes.Length ? bytes[..round] : [.. bytes];
            if (damaged.Length > 0)
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            var reader = new MessageReader(damaged);
            SessionTable.Read(ref reader);
            if (damaged.Length < bytes.Length)
                Assert.False(reader.Complete);
        }
    }

    private static SessionTable Sample()
    {
        var table = new SessionTable();
        Session session = table.Open(3, UInt128.MaxValue - 5, 4, new Incarnation(2), out _);
        table.Open(1, 8, 2, default, out _);
        session.Slots[1].Sequence = 9;
        session.Slots[1].RequestDigest = Digest.Of([1]);
        session.Slots[1].Number = new SequenceNumber(4);
        session.Slots[1].IsSync = true;
        session.Slots[1].ResultDigest = Digest.Of([2]);
        session.Slots[1].Result = [1, 2, 3];
        session.Slots[2].Sequence = 1;
        session.Slots[2].IsRepeatable = true;
        table.Advance(5_000_000, []);
        return table;
    }

    private static byte[] Encode(SessionTable table)
    {
        var writer = new MessageWriter();
        table.Write(writer);
        return writer.ToArray();
    }

    private Errno Close(SessionId session, ulong sequence) =>
        ErrorOf(Ask(0, session, sequence, Session(new SessionOperation(SessionOperationKind.Close, 0, 0))));

    private Errno ErrorOf(Request request) => ResultOf(replica.Execute(request).Replies.Single()).Error;
}

using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>
/// "A replica that holds f+1 matching reports sends REPLY-AFFIDAVIT⟨session, slot, slotSeq, request digest, reply digest⟩"
/// to a client that sends its request again (DESIGN §6).
/// </summary>
public class AffidavitTests
{
    private static readonly Digest Right = Digest.Of([1]);
    private static readonly Digest Wrong = Digest.Of([2]);

    private readonly ReplicaHarness backup = new(1);
    private readonly Request request = Ask(0, 7, slot: 3);

    [Fact]
    public void A_client_that_asks_again_gets_an_affidavit_of_what_f_plus_1_report()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        ReplyAffidavit affidavit = AskAgain(request).Affidavits.Single();
        Assert.Equal(new ReplyAffidavit(default, request.Session, 3, 7, request.Digest, new SequenceNumber(1), Right), affidavit);
    }

    [Fact]
    public void An_affidavit_goes_to_the_requests_client_only_and_nobody_else_can_ask_for_it()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        backup.Tick(AffidavitDesk.IntervalMilliseconds);
        Assert.Empty(backup.Receive(PartyId.Client(1), request.Encoded.Span).Affidavits);
        Assert.Empty(backup.Receive(PartyId.Agreement(0), request.Encoded.Span).Affidavits);
        Assert.Equal(PartyId.Client(0), backup.Receive(request).Of(MessageKind.ReplyAffidavit).Single().To.Client);
    }

    [Fact]
    public void The_same_report_twice_a_differing_one_or_f_of_them_are_not_enough()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(0, Right);
        backup.Report(1, Wrong);
        Assert.Empty(AskAgain(request).Affidavits);
    }

    // "Votes are counted per value, one vote per sender; a differing vote never discards others." With all awake, a liar's
    // report is as early as it likes.
    [Fact]
    public void A_differing_report_does_not_discard_others()
    {
        backup.Deliver(BeginEpoch());
        Deliver(request);
        backup.Report(2, backup.ReportOf([Wrong], epoch: 1));
        backup.Report(0, backup.ReportOf([Right], epoch: 1));
        backup.Report(1, backup.ReportOf([Right], epoch: 1));
        backup.Report(2, backup.ReportOf([Wrong], epoch: 1));
        Assert.Equal(Right, AskAgain(request).Affidavits.Single().ResultDigest);
    }

    // "Only replicas that are active in e count as voters for replies and reports of e" (DESIGN §9).
    [Theory]
    [InlineData(2, 0, 0, true)]
    [InlineData(1, 1, 0, true)]
    [InlineData(1, 0, 4, true)]
    [InlineData(1, 0, 0, false)]
    public void Reports_of_a_sleeper_another_epoch_incarnation_or_history_do_not_count(int sender, ulong epoch, ulong incarnation, bool sameHistory)
    {
        Deliver(request);
        backup.Report(0, Right);
        ExecReport report = backup.ReportOf([Right], epoch: epoch) with { Incarnation = new Incarnation(incarnation) };
        backup.Report(sender, sameHistory ? report : report with { History = Wrong });
        Assert.Empty(AskAgain(request).Affidavits);
    }

    [Fact]
    public void Reports_of_an_epoch_that_is_over_count_no_more()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        backup.Deliver(BeginEpoch());
        Turn turn = AskAgain(request);
        Assert.Empty(turn.Affidavits);
        Assert.Equal(0b111u, turn.Of(MessageKind.ReplyInquiry).Single().To.Execution);
    }

    [Fact]
    public void Reports_count_though_they_come_before_the_number_is_delivered_here()
    {
        Batch batch = Batch([request]);
        Digest history = History.Extend(default, new SequenceNumber(1), batch.Digest);
        var early = new ExecReport(default, default, new SequenceNumber(1), history, default, [Right]);
        backup.Report(0, early);
        backup.Report(1, early);
        backup.Receive(request);
        backup.Deliver(batch);
        Assert.Single(AskAgain(request).Affidavits);
    }

    [Fact]
    public void Hostile_reports_are_counted_and_change_nothing()
    {
        Request other = Ask(0, 7, slot: 4);
        Batch batch = Batch([request, other]);
        Digest history = History.Extend(default, new SequenceNumber(1), batch.Digest);
        backup.Report(1, new ExecReport(default, default, new SequenceNumber(1), history, default, [Right]));
        Deliver(request, other);
        Assert.Equal(1ul, backup.Rejected(Rejection.Mismatch));
        backup.Report(0, Right, Right);
        foreach (Digest[] replies in (Digest[][])[[], [Right], [Right, Right, Right]])
            backup.Report(1, backup.ReportOf(replies));
        backup.Report(1, backup.ReportOf([Right, Right]) with { History = Wrong });
        backup.Report(1, backup.ReportOf([Right, Right], number: 1_000_000));
        Assert.Equal(5ul, backup.Rejected(Rejection.Mismatch));
        Assert.Equal(1ul, backup.Rejected(Rejection.OutsideWindow));
        Assert.Empty(AskAgain(other).Affidavits);
        backup.Report(1, Right, Right);
        Assert.Single(AskAgain(other).Affidavits);
    }

    [Fact]
    public void A_copy_that_is_merely_late_is_not_answered()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        Turn turn = backup.Receive(request);
        Assert.Empty(turn.Affidavits);
        Assert.Empty(turn.Inquiries);
    }

    [Fact]
    public void One_request_is_answered_only_so_often()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        AskAgain(request);
        for (int i = 0; i < 100; i++)
            Assert.Empty(backup.Receive(request).Affidavits);
        Assert.Single(AskAgain(request).Affidavits);
    }

    [Fact]
    public void One_client_is_answered_for_no_more_requests_at_a_time_than_a_session_has_slots()
    {
        var many = new List<Request>();
        for (ulong session = 1; session <= 6; session++)
        {
            Request[] batch = [.. Enumerable.Range(0, 64).Select(slot => Ask(0, 1, slot: (ushort)slot, session: session))];
            many.AddRange(batch);
            Deliver(batch);
        }

        backup.Tick(AffidavitDesk.IntervalMilliseconds);
        int inquiries = many.Sum(asked => backup.Receive(asked).Inquiries.Count);
        Assert.Equal(Limits.MaximumSlots, inquiries);
        backup.Tick(AffidavitDesk.IntervalMilliseconds);
        Assert.Single(backup.Receive(many[^1]).Inquiries);
    }

    // "One that no longer has the reports asks the active replicas for that slot's reply digest."
    [Fact]
    public void Without_the_reports_the_active_replicas_are_asked_and_f_plus_1_equal_answers_count()
    {
        Deliver(request);
        backup.Report(0, Right);
        Turn asked = AskAgain(request);
        ReplyInquiry inquiry = asked.Inquiries.Single();
        Assert.Equal(new ReplyInquiry(0, request.Session, 3, 7, request.Digest), inquiry);
        Assert.Equal(0b011u, asked.Of(MessageKind.ReplyInquiry).Single().To.Execution);
        Assert.Empty(State(0, inquiry, Right).Affidavits);
        Assert.Empty(State(0, inquiry, Right).Affidavits);
        Assert.Empty(State(1, inquiry, Wrong).Affidavits);
        Assert.Empty(State(1, inquiry, Right, number: 2).Affidavits);
        Assert.Empty(State(2, inquiry, Right).Affidavits);
        Assert.Equal(Right, State(1, inquiry, Right).Affidavits.Single().ResultDigest);
        Assert.Empty(State(0, inquiry, Right).Affidavits);
    }

    [Fact]
    public void Answers_that_nobody_asked_for_are_not_passed_on()
    {
        Deliver(request);
        var inquiry = new ReplyInquiry(0, request.Session, 3, 7, request.Digest);
        State(0, inquiry, Right);
        Assert.Empty(State(1, inquiry, Right).Affidavits);
        AskAgain(request);
        ReplyInquiry other = inquiry with { SlotSequence = 8 };
        State(0, other, Right);
        Assert.Empty(State(1, other, Right).Affidavits);
        State(0, inquiry with { Client = 99 }, Right);
        State(0, inquiry, Right, epoch: 1);
        Assert.Empty(State(1, inquiry, Right, epoch: 1).Affidavits);
    }

    // A checkpoint takes the reports with it.
    [Fact]
    public void Below_the_low_water_mark_the_active_replicas_are_asked()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        for (long i = 1; i < 16; i++)
            backup.Deliver(Null(i));
        Digest history = backup.Replica.HistoryDigest;
        backup.Checkpoint(Certify(0, 16, history));
        backup.Checkpoint(Certify(1, 16, history));
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
        ReplyInquiry inquiry = AskAgain(request).Inquiries.Single();
        State(0, inquiry, Right);
        Assert.Equal(1ul, State(1, inquiry, Right).Affidavits.Single().Number.Value);
    }

    // Where a duplicate was delivered nothing was replied, and f + 1 say so.
    [Fact]
    public void For_a_duplicate_the_slots_reply_is_asked_for()
    {
        Deliver(request);
        backup.Report(0, Right);
        backup.Report(1, Right);
        backup.Deliver(Batch([request], after: 1));
        backup.Report(0, Digest.Zero);
        backup.Report(1, Digest.Zero);
        Turn turn = AskAgain(request);
        Assert.Empty(turn.Affidavits);
        Assert.Single(turn.Inquiries);
    }

    // "No affidavit for it leaves before its sender holds 2f+1 SYNCED at or above its n."
    [Fact]
    public void An_affidavit_of_an_fsync_waits_for_2f_plus_1_disks()
    {
        Request sync = Ask(0, 1, flags: RequestFlags.Sync);
        Deliver(sync);
        Digest at = backup.Replica.HistoryDigest;
        backup.Report(0, Right);
        backup.Report(1, Right);
        Assert.Empty(AskAgain(sync).Affidavits);
        Synced(0, at);
        Synced(2, at);
        Assert.Empty(AskAgain(sync).Affidavits);
        Synced(3, Wrong);
        Assert.Empty(AskAgain(sync).Affidavits);
        Synced(3, at);
        Assert.Single(AskAgain(sync).Affidavits);
    }

    [Fact]
    public void An_fsyncs_reply_that_was_asked_for_waits_for_2f_plus_1_disks_too()
    {
        Request sync = Ask(0, 1, flags: RequestFlags.Sync);
        Deliver(sync);
        Digest at = backup.Replica.HistoryDigest;
        ReplyInquiry inquiry = AskAgain(sync).Inquiries.Single();
        State(0, inquiry, Right);
        Assert.Empty(State(1, inquiry, Right).Affidavits);
        for (int peer = 0; peer < 4; peer += peer == 0 ? 2 : 1)
            Synced(peer, at);
        AskAgain(sync);
        Assert.Single(State(1, inquiry, Right).Affidavits);
    }

    // "After needing one affidavit, a client stays in affidavit mode for the epoch (replies full, affidavits unasked)."
    [Fact]
    public void A_client_that_wants_affidavits_gets_them_unasked_as_soon_as_f_plus_1_report()
    {
        Want(0, epoch: 0);
        Request others = Ask(1, 7, slot: 3);
        Deliver(others, request);
        Assert.Empty(backup.Report(0, Wrong, Right).Affidavits);
        Assert.Equal((request.Digest, Right), backup.Report(1, Wrong, Right).Affidavits.Select(sent => (sent.RequestDigest, sent.ResultDigest)).Single());
        Assert.Empty(backup.Report(1, Wrong, Right).Affidavits);
    }

    [Fact]
    public void Unasked_affidavits_of_fsyncs_leave_when_2f_plus_1_disks_have_them()
    {
        Want(0, epoch: 0);
        Request sync = Ask(0, 1, flags: RequestFlags.Sync);
        Deliver(sync);
        Digest at = backup.Replica.HistoryDigest;
        backup.Report(0, Right);
        Assert.Empty(backup.Report(1, Right).Affidavits);
        Synced(0, at);
        Assert.Empty(Synced(2, at).Affidavits);
        Assert.Equal(sync.Digest, Synced(3, at).Affidavits.Single().RequestDigest);
        Assert.Empty(Synced(3, at).Affidavits);
    }

    [Fact]
    public void The_wish_ends_with_the_epoch()
    {
        Want(0, epoch: 0);
        backup.Deliver(BeginEpoch());
        Deliver(request);
        backup.Report(0, backup.ReportOf([Right], epoch: 1));
        Assert.Empty(backup.Report(1, backup.ReportOf([Right], epoch: 1)).Affidavits);
        Want(0, epoch: 1);
        Assert.Single(backup.Report(2, backup.ReportOf([Right], epoch: 1)).Affidavits);
    }

    [Fact]
    public void A_wish_for_an_epoch_that_cannot_be_is_refused()
    {
        Want(0, epoch: 1);
        Assert.Equal(0ul, backup.Rejected(Rejection.Mismatch));
        Want(0, epoch: 2);
        Assert.Equal(1ul, backup.Rejected(Rejection.Mismatch));
    }

    private void Deliver(params Request[] requests)
    {
        foreach (Request asked in requests)
            backup.Receive(asked);
        backup.Deliver(Batch(requests, after: (long)backup.Replica.Delivered.Value));
    }

    private Turn AskAgain(Request asked)
    {
        backup.Tick(AffidavitDesk.IntervalMilliseconds);
        return backup.Receive(asked);
    }

    private Turn State(int sender, ReplyInquiry about, Digest reply, ulong number = 1, ulong epoch = 0) => backup.Receive(
        PartyId.Execution(sender), new ReplyStatement(default, new Epoch(epoch), about, new SequenceNumber(number), reply).Write);

    private Turn Synced(int sender, Digest history) => backup.Receive(
        PartyId.Agreement(sender), new Synced(default, backup.Replica.Delivered, history).Write);

    private void Want(int client, ulong epoch) => backup.Receive(PartyId.Client(client), new WantAffidavits(new Epoch(epoch)).Write);

    private static Batch BeginEpoch() => Agreement.Messages.Batch.Configure(
        new Timestamp(Wall), new EpochChange([.. new[] { 2, 3 }.Select(voter => Recover.Create(
            PartyId.Agreement(voter), default, default, HashSignatures.Of(PartyId.Agreement(voter))))]));
}

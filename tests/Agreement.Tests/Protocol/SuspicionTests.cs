using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>When a replica finds its primary wanting, and when it must not (DESIGN §4, §5, §13).</summary>
public class SuspicionTests
{
    [Fact]
    public void A_request_that_is_not_proposed_makes_another_view_wanted()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Ask(0, 1));
        Assert.Equal(1ul, FirstWant(backup, 2000)?.View.Value);
    }

    // After views without progress patience is long, and the request must outlive it; an amnesic primary else stays for ever.
    [Fact]
    public void A_request_waits_for_longer_than_the_longest_patience()
    {
        var backup = new ReplicaHarness(1);
        for (ulong view = 1; view <= 7; view++)
        {
            backup.LeaveFor(view);
            backup.NewView(Announce(view, 4, Change(0, view), Change(2, view), Change(3, view)), (int)(view % 4));
        }

        backup.Receive(Ask(0, 1));
        WantView? want = null;
        for (int second = 0; second < 60 && want is null; second++)
        {
            want = FirstWant(backup, 1000);
        }

        Assert.Equal(8ul, want?.View.Value);
    }

    [Fact]
    public void A_proposal_that_is_not_delivered_makes_another_view_wanted()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null());
        Assert.NotNull(FirstWant(backup, 2000));
    }

    // Aardvark's attack: "A replica verifies a signature before it ... runs a view-change timer for it".
    [Fact]
    public void A_request_with_a_bad_signature_starts_no_timer()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Request.Create(PartyId.Client(0), RequestFlags.None, new SessionId(1), 0, 1, default, new byte[4], HashSignatures.Forge));
        Assert.Null(FirstWant(backup, 8000));
        Assert.Equal(1ul, backup.Rejected(Rejection.BadSignature));
    }

    // CCF, MinBFT: a client that leaves the primary out must cause no view change; its request is passed on in time.
    [Fact]
    public void A_request_is_passed_on_to_the_primary_long_before_it_is_overdue()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        backup.Receive(request);
        backup.Tick(10);
        SentMessage passed = Assert.Single(backup.Tick(backup.Options.ViewChangeMilliseconds / 2).Of(MessageKind.Request));
        Assert.True(passed.GoesTo(PartyId.Agreement(0)) && !passed.GoesTo(PartyId.Agreement(2)));
    }

    // DESIGN §4: "Timers are per (session, slot) and stopped by any executed slotSeq at or above."
    [Fact]
    public void A_request_whose_slot_went_on_starts_no_timer()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Ask(0, 1, bytes: 10));
        Request ordered = Ask(0, 1, bytes: 11);
        backup.Receive(ordered);
        backup.Deliver(Batch([ordered]));
        Assert.Null(FirstWant(backup, 8000));
    }

    // A full window waits for execution, not for the primary: no other primary could do better.
    [Fact]
    public void A_full_window_is_not_the_primarys_fault()
    {
        var backup = new ReplicaHarness(1);
        for (int number = 1; number <= backup.Options.Window - Replica.ReservedNumbers; number++)
            backup.Deliver(Null(number));
        for (int peer = 0; peer < 4; peer++)
        {
            if (peer != 1)
                backup.Receive(PartyId.Agreement(peer), new Synced(default, backup.Replica.Delivered, backup.Replica.HistoryDigest).Write);
        }

        backup.LogSynced(10_000);
        backup.Receive(Ask(0, 1));
        Assert.Null(FirstWant(backup, 8000));
    }

    [Fact]
    public void A_primary_whose_link_is_down_gets_less_time()
    {
        var backup = new ReplicaHarness(1);
        backup.Connected(PartyId.Agreement(0));
        backup.Replica.OnDisconnected(PartyId.Agreement(0));
        backup.Receive(Ask(0, 1));
        Assert.NotNull(FirstWant(backup, 2 * backup.Options.PrimaryDownMilliseconds + 50));
    }

    // Aardvark: a primary that proposes just in time for every timer is still slower than it need be.
    [Theory]
    [InlineData(400)]
    [InlineData(90)]
    [InlineData(60)]
    public void A_primary_that_holds_requests_back_is_changed(int milliseconds)
    {
        var backup = new ReplicaHarness(1);
        Assert.True(IsWanted(backup, () => milliseconds, agreement: 1));
    }

    [Fact]
    public void A_primary_that_proposes_at_once_is_not()
    {
        var backup = new ReplicaHarness(1);
        Assert.False(IsWanted(backup, () => 10, agreement: 1));
    }

    // Where agreement itself takes long, a primary can't be quick.
    [Fact]
    public void What_is_slow_follows_from_what_agreement_takes()
    {
        Assert.False(IsWanted(new ReplicaHarness(1), () => 60, agreement: 30));
        Assert.True(IsWanted(new ReplicaHarness(1), () => 60, agreement: 1));
    }

    // Of a machine, say: it proves nothing, and comes again.
    [Fact]
    public void One_long_pause_now_and_then_changes_no_view()
    {
        var backup = new ReplicaHarness(1);
        int turn = 0;
        Assert.False(IsWanted(backup, () => turn++ % 10 == 9 ? 700 : 5, agreement: 1));
    }

    // An adversary that delays messages can't make views flap: each time more is tolerated, for a minute.
    [Fact]
    public void Who_was_found_slow_often_gets_more_time()
    {
        var pace = new PrimaryPace(20);
        Assert.True(IsFoundSlow(pace, 30, now: 0));
        Assert.False(IsFoundSlow(pace, 30, now: 1000));
        Assert.True(IsFoundSlow(pace, 50, now: 2000));
        Assert.False(IsFoundSlow(pace, 50, now: 3000));
        Assert.True(IsFoundSlow(pace, 50, now: 70_000));
    }

    private static bool IsFoundSlow(PrimaryPace pace, long held, long now)
    {
        pace.Reset();
        for (int i = 0; i < 40; i++)
        {
            pace.Proposed(held);
            if (pace.IsSlow(now))
                return true;
        }

        return false;
    }

    // DESIGN §5: "A delivered FSYNC or checkpoint number without 2f+1 SYNCED runs a view-change timer".
    [Fact]
    public void A_sync_that_too_few_disks_have_makes_another_view_wanted()
    {
        var backup = new ReplicaHarness(1);
        Request sync = Ask(0, 1, flags: RequestFlags.Sync);
        backup.Receive(sync);
        backup.Deliver(Batch([sync]));
        backup.LogSynced(1000);
        backup.Receive(PartyId.Agreement(0), new Synced(default, new SequenceNumber(1), backup.Replica.HistoryDigest).Write);
        backup.Receive(PartyId.Agreement(2), new Synced(default, new SequenceNumber(1), Null().Digest).Write);
        Assert.NotNull(FirstWant(backup, 4000));
    }

    // Whether another view is wanted within twenty requests that are proposed after so many milliseconds and take so many more.
    private static bool IsWanted(ReplicaHarness backup, Func<int> held, int agreement)
    {
        for (int i = 0; i < 20; i++)
        {
            ulong number = backup.Replica.Delivered.Value + 1;
            Request request = Ask(0, number);
            backup.Receive(request);
            if (FirstWant(backup, held()) is not null)
                return true;
            Batch batch = Batch([request], (long)number);
            backup.PrePrepare(number, batch);
            backup.Skip(agreement / 2);
            backup.Prepare(2, number, batch.Digest);
            backup.Skip(agreement - (agreement / 2));
            backup.Deliver(batch);
        }

        return false;
    }

    private static WantView? FirstWant(ReplicaHarness backup, long within)
    {
        for (long waited = 0; waited < within; waited += 10)
        {
            if (backup.Tick(10).Wants is [var want, ..])
                return want;
        }

        return null;
    }
}

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
    [Fact]
    public void A_primary_that_holds_requests_back_is_changed()
    {
        var backup = new ReplicaHarness(1);
        WantView? want = null;
        for (ulong sequence = 1; sequence <= 40 && want is null; sequence++)
        {
            Request request = Ask(0, sequence);
            backup.Receive(request);
            want = FirstWant(backup, 400);
            backup.Deliver(Batch([request], (long)sequence));
        }

        Assert.NotNull(want);
    }

    [Fact]
    public void A_primary_that_proposes_at_once_is_not()
    {
        var backup = new ReplicaHarness(1);
        for (ulong sequence = 1; sequence <= 20; sequence++)
        {
            Request request = Ask(0, sequence);
            backup.Receive(request);
            Assert.Null(FirstWant(backup, 20));
            backup.Deliver(Batch([request], (long)sequence));
        }
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

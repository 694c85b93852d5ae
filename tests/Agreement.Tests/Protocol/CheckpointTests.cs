using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Stable checkpoints and what they move (DESIGN §8, TOCS 2002 §4.4).</summary>
public class CheckpointTests
{
    private static readonly Digest Somewhere = Digest.Of([9]);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void F_plus_1_matching_checkpoints_make_a_number_stable(int faults)
    {
        var backup = new ReplicaHarness(1, faults);
        for (int sender = 0; sender < faults; sender++)
            backup.Checkpoint(Certify(sender, 16, Somewhere));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
        Turn turn = backup.Checkpoint(Certify(faults, 16, Somewhere));
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
        Assert.Equal([LogRecordKind.Stable], turn.RecordKinds);
        Assert.Equal(new SequenceNumber(16), turn.TruncateUpTo);
        Assert.Equal(faults + 1, turn.Certificates.Single().Checkpoints.Count);
    }

    // DESIGN §5: "In both modes these are synced before they leave: … advances of the low water mark".
    [Fact]
    public void An_advance_of_the_low_mark_is_synced_before_anything_leaves() => Assert.True(MakeStable(new ReplicaHarness(1), 16).SyncBeforeSending);

    [Fact]
    public void One_signer_counts_once()
    {
        var backup = new ReplicaHarness(1);
        backup.Checkpoint(Certify(0, 16, Somewhere));
        backup.Checkpoint(Certify(0, 16, Somewhere));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
    }

    [Fact]
    public void A_forged_checkpoint_is_counted_and_nothing_else()
    {
        var backup = new ReplicaHarness(1);
        backup.Checkpoint(Certify(0, 16, Somewhere));
        backup.Checkpoint(Certify(1, 16, Somewhere, sign: HashSignatures.Forge));

        // One replica's signature under another's name.
        backup.Checkpoint(Certify(2, 16, Somewhere, sign: HashSignatures.Of(PartyId.Execution(0))));
        Assert.Equal(2ul, backup.Rejected(Rejection.BadSignature));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
    }

    [Fact]
    public void A_signer_that_is_no_execution_replica_of_the_cluster_is_refused()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(PartyId.Execution(0), Certify(3, 16, Somewhere).Write);
        backup.Receive(PartyId.Execution(0), Certify(4_000_000, 16, Somewhere).Write);
        Assert.Equal(2ul, backup.Rejected(Rejection.BadSignature));
    }

    [Fact]
    public void Roots_that_differ_make_nothing_stable_and_discard_nothing()
    {
        var backup = new ReplicaHarness(1);
        backup.Checkpoint(Certify(0, 16, Somewhere, state: 1));
        backup.Checkpoint(Certify(1, 16, Somewhere, state: 2));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
        backup.Checkpoint(Certify(2, 16, Somewhere, state: 1));
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
    }

    [Fact]
    public void A_signer_that_floods_others_numbers_hides_no_ones_checkpoint()
    {
        var backup = new ReplicaHarness(1);
        backup.Checkpoint(Certify(0, 16, Somewhere));
        for (ulong number = 100; number < 200; number++)
            backup.Checkpoint(Certify(2, number, Somewhere));
        backup.Checkpoint(Certify(1, 16, Somewhere));
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
    }

    [Fact]
    public void The_low_mark_never_goes_back()
    {
        var backup = new ReplicaHarness(1);
        MakeStable(backup, 16);
        backup.Checkpoint(Certify(0, 8, Somewhere));
        Assert.Empty(backup.Checkpoint(Certify(1, 8, Somewhere)).Records);
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
    }

    // DESIGN §5: "agreement state at a stable n is proven by the execution certificate".
    [Fact]
    public void A_replica_that_lags_goes_on_from_a_certified_checkpoint()
    {
        var backup = new ReplicaHarness(1);
        MakeStable(backup, 16);
        Assert.Equal(16ul, backup.Replica.Delivered.Value);
        Assert.Equal(Somewhere, backup.Replica.HistoryDigest);
        Order order = backup.Deliver(Null()).Orders.Single();
        Assert.Equal(17ul, order.Number.Value);
        Assert.Equal(History.Extend(Somewhere, new SequenceNumber(17), Null().Digest), order.History);
    }

    [Fact]
    public void A_lagging_replica_takes_a_certificate_from_a_peer_if_it_proves_itself()
    {
        var backup = new ReplicaHarness(1);
        StableCertificate[] bad =
        [
            new([Certify(0, 16, Somewhere)]),
            new([Certify(0, 16, Somewhere), Certify(0, 16, Somewhere)]),
            new([Certify(0, 16, Somewhere), Certify(1, 16, Somewhere, state: 1)]),
            new([Certify(0, 16, Somewhere), Certify(1, 16, Somewhere, sign: HashSignatures.Forge)]),
            new([Certify(0, 16, Somewhere), Certify(3, 16, Somewhere)]),
        ];
        foreach (StableCertificate certificate in bad)
            backup.Receive(PartyId.Agreement(2), certificate.Write);
        Assert.Equal((ulong)bad.Length, backup.Rejected(Rejection.BadSignature));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
        backup.Receive(PartyId.Agreement(2), new StableCertificate([Certify(0, 16, Somewhere), Certify(1, 16, Somewhere)]).Write);
        Assert.Equal(16ul, backup.Replica.LowWaterMark.Value);
    }

    [Fact]
    public void A_certificate_for_a_history_that_is_not_ours_is_counted_and_not_obeyed()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(Null());
        backup.Checkpoint(Certify(0, 1, Somewhere));
        backup.Checkpoint(Certify(1, 1, Somewhere));
        Assert.Equal(1ul, backup.Rejected(Rejection.Mismatch));
        Assert.Equal(0ul, backup.Replica.LowWaterMark.Value);
    }

    // The primary pauses for bytes above the low mark, so these must be given back.
    [Fact]
    public void A_stable_checkpoint_frees_the_bytes_of_what_it_covers()
    {
        var options = new ReplicaOptions { CheckpointInterval = 16, MaximumLogBytes = 1000 };
        var primary = new ReplicaHarness(0, options: options);
        Order order = primary.Deliver(primary.Receive(Ask(0, 1, bytes: 1000)).PrePrepares.Single().Batch).Orders.Single();
        Request waiting = Ask(0, 2);
        Assert.Empty(primary.Receive(waiting).PrePrepares);
        primary.Checkpoint(Certify(0, 1, order.History));
        Turn turn = primary.Checkpoint(Certify(1, 1, order.History));
        Assert.Equal([waiting.Digest], turn.PrePrepares.Single().Batch.Requests);
    }

    [Fact]
    public void A_peer_that_lags_behind_the_low_mark_is_sent_the_certificate()
    {
        var backup = new ReplicaHarness(1);
        MakeStable(backup, 16);
        Turn turn = backup.Progress(2);
        Assert.Equal(16ul, turn.Certificates.Single().State.Number.Value);
        Assert.Equal(0b0100u, turn.Of(MessageKind.StableCertificate).Single().To.Agreement);
        Assert.Empty(backup.Progress(2, delivered: 16, low: 16).Certificates);
    }

    [Fact]
    public void Only_execution_replicas_send_checkpoints_and_reports()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(PartyId.Agreement(2), Certify(0, 16, Somewhere).Write);
        backup.Receive(PartyId.Client(0), Certify(1, 16, Somewhere).Write);
        backup.Receive(PartyId.Agreement(2), new ExecReport(default, default, new SequenceNumber(1), default, default, []).Write);
        Assert.Equal(3ul, backup.Rejected(Rejection.Malformed));
    }

    private static Turn MakeStable(ReplicaHarness backup, ulong number)
    {
        backup.Checkpoint(Certify(0, number, Somewhere));
        return backup.Checkpoint(Certify(1, number, Somewhere));
    }
}

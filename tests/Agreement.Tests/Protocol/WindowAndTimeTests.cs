using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Water marks (TOCS 2002 §4.3, §4.4) and the agreed time (DESIGN §5).</summary>
public class WindowAndTimeTests
{
    private const long Drift = 10_000_000_000;

    // SmartBFT (DESIGN §13): a pre-prepare just above a not yet advanced mark must not be dropped.
    [Fact]
    public void A_proposal_above_the_high_mark_is_kept_and_accepted_when_the_marks_move()
    {
        var backup = new ReplicaHarness(1);
        ulong above = (ulong)backup.Options.Window + 1;
        Batch batch = Null();
        Assert.Empty(backup.PrePrepare(above, batch).Prepares);
        Assert.Empty(backup.Prepare(2, above, batch.Digest).Commits);
        Turn moved = MakeStable(backup, 16);
        Assert.Equal(0ul, backup.Rejected(Rejection.OutsideWindow));
        Assert.Single(moved.Prepares);
        Assert.Single(moved.Commits);
    }

    [Fact]
    public void What_is_far_above_the_window_is_refused_and_counted()
    {
        var backup = new ReplicaHarness(1);
        ulong far = (2 * (ulong)backup.Options.Window) + 1;
        Assert.Empty(backup.PrePrepare(far, Null()).Messages);
        backup.Prepare(2, far, Null().Digest);
        backup.Commit(2, far, Null().Digest);
        backup.PrePrepare(ulong.MaxValue, Null());
        backup.Committed(2, new Order(default, default, new SequenceNumber(ulong.MaxValue), default, Null()));
        Assert.Equal(5ul, backup.Rejected(Rejection.OutsideWindow));
    }

    [Fact]
    public void What_is_at_or_below_the_low_mark_is_ignored()
    {
        var backup = new ReplicaHarness(1);
        MakeStable(backup, 16);
        Assert.Empty(backup.PrePrepare(16, Null()).Messages);
        Assert.Empty(backup.Prepare(2, 16, Null().Digest).Messages);
        Assert.Empty(backup.PrePrepare(0, Null()).Messages);
        Assert.Equal(2ul, backup.Rejected(Rejection.OutsideWindow));
    }

    // DESIGN §5: "The top few numbers of every window (R = 8) are reserved", so that requests can't block a recovery,
    // whatever a bad primary does.
    [Fact]
    public void A_backup_votes_for_no_batch_of_requests_in_the_reserved_numbers()
    {
        var backup = new ReplicaHarness(1);
        ulong reserved = (ulong)(backup.Options.Window - Replica.ReservedNumbers + 1);
        Assert.Single(backup.PrePrepare(reserved - 1, Null()).Prepares);
        Assert.Empty(backup.PrePrepare(reserved, Null()).Prepares);
        Assert.Equal(reserved, Assert.Single(MakeStable(backup, 16).Prepares).Number.Value);
    }

    // DESIGN §5: "backups accept a fresh proposal if it is monotonic and within a configured drift of their clocks".
    [Theory]
    [InlineData(-Drift, true)]
    [InlineData(-Drift - 1, false)]
    [InlineData(-Wall + 1, false)]
    [InlineData(Drift, true)]
    [InlineData(Drift + 1, false)]
    [InlineData(long.MaxValue - Wall, false)]
    public void A_proposed_time_may_not_be_far_from_the_backups_clock(long after, bool accepted)
    {
        var backup = new ReplicaHarness(1);
        Assert.Equal(accepted ? 1 : 0, backup.PrePrepare(1, Null(after)).Prepares.Count);
        Assert.Equal(accepted ? 0ul : 1ul, backup.Rejected(Rejection.BadTimestamp));
    }

    [Fact]
    public void A_proposed_time_may_not_go_back()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Null(1000));
        Assert.Empty(backup.PrePrepare(2, Null(999)).Prepares);
        Assert.Equal(1ul, backup.Rejected(Rejection.BadTimestamp));
        Assert.Single(backup.PrePrepare(2, Null(1000)).Prepares);
    }

    [Fact]
    public void A_proposed_time_may_not_go_back_behind_what_was_delivered()
    {
        var backup = new ReplicaHarness(1);
        backup.Deliver(Null(1000));
        Assert.Empty(backup.PrePrepare(2, Null(999)).Prepares);
        Assert.Single(backup.PrePrepare(2, Null(1001)).Prepares);
    }

    // DESIGN §5: "a timestamp that f+1 replicas prepared, is not checked for drift": a correct one found it good when it
    // was fresh, and a backup that was cut off for longer than the drift must be able to follow.
    [Fact]
    public void A_time_that_f_plus_1_replicas_prepared_is_not_checked_for_drift()
    {
        var backup = new ReplicaHarness(1);
        Batch batch = Null(Drift + 5_000_000_000);
        backup.Prepare(2, 1, batch.Digest);
        Assert.Empty(backup.PrePrepare(1, batch).Prepares);
        backup.Prepare(3, 1, batch.Digest);
        Assert.Single(backup.PrePrepare(1, batch).Prepares);
    }

    private static Turn MakeStable(ReplicaHarness backup, ulong number)
    {
        backup.Checkpoint(Certify(0, number, Digest.Of([9])));
        Turn turn = backup.Checkpoint(Certify(1, number, Digest.Of([9])));
        Assert.Equal(number, backup.Replica.LowWaterMark.Value);
        return turn;
    }
}

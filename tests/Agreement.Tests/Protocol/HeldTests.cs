using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>
/// HELD: what 2f + 1 replicas hold from a client is proposed without a check of its signature, and no client can abuse that
/// (DESIGN §4, src/DESIGN.md, Decisions).
/// </summary>
public class HeldTests
{
    private const int FirstBackup = 1;

    [Fact]
    public void A_backup_tells_with_its_next_message_to_the_primary_what_it_holds_from_clients()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        Assert.Empty(backup.Receive(request).Messages);
        Turn turn = backup.PrePrepare(1, Null());
        Assert.Equal([request.Digest], Told(turn));
        Assert.Equal(0b0001u, turn.Of(MessageKind.Held).Single().To.Agreement);
        Assert.Empty(Told(backup.PrePrepare(2, Null(1))));
    }

    [Fact]
    public void What_is_proposed_meanwhile_is_not_told()
    {
        var backup = new ReplicaHarness(1);
        Request request = Ask(0, 1);
        backup.Receive(request);
        Assert.Empty(Told(backup.PrePrepare(1, Batch([request]))));
    }

    // A statement late in the life of a body could be relied on when the body is gone.
    [Fact]
    public void What_was_held_for_long_is_not_told()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Ask(0, 1));
        backup.Receive(PartyId.Client(1), Ask(1, 1).Encoded.Span);
        backup.Skip(2000);
        Assert.Empty(Told(backup.PrePrepare(1, Null(2_000_000_000))));
    }

    [Fact]
    public void A_request_that_2f_backups_hold_is_proposed_requestwhile_others_are_in_flight()
    {
        var primary = MakePrimary();
        primary.Receive(Ask(0, 1));
        Request request = Forged(client: 1);
        Assert.Empty(primary.Receive(request).PrePrepares);
        Assert.Empty(Tell(primary, 1, request).PrePrepares);
        Assert.Equal([request.Digest], Assert.Single(Tell(primary, 2, request).PrePrepares).Batch.Requests);
        Assert.Equal(0ul, primary.Rejected(Rejection.BadSignature));
    }

    [Fact]
    public void Statements_may_come_before_the_request()
    {
        var primary = MakePrimary();
        primary.Receive(Ask(0, 1));
        Request request = Forged(client: 1);
        Tell(primary, 1, request);
        Tell(primary, 2, request);
        Assert.Single(primary.Receive(request).PrePrepares);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void One_backup_fewer_is_not_enough(int faults)
    {
        var primary = MakePrimary(faults);
        primary.Receive(Ask(0, 1));
        Request request = Forged(client: 1);
        primary.Receive(request);
        for (int peer = 1; peer < 2 * faults; peer++)
        {
            Tell(primary, peer, request);
            Tell(primary, peer, request);
        }

        Assert.Empty(primary.Tick(primary.Options.HeldGraceMilliseconds).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
    }

    // X is held by one correct backup and Y by another, both with bad signatures: together in a batch nobody could accept them,
    // each waiting for the other's word.
    [Fact]
    public void Requests_of_one_batch_must_be_held_by_the_same_replicas()
    {
        ReplicaHarness primary = MakePrimary(clients: 3);
        PrePrepare first = Assert.Single(primary.Receive(Ask(0, 1)).PrePrepares);
        for (ulong number = 2; number <= 4; number++)
            Assert.Single(primary.Receive(PartyId.Agreement(1), Ask(0, number).Encoded.Span).PrePrepares);
        Request x = Forged(client: 1);
        Request y = Forged(client: 2);
        primary.Receive(x);
        primary.Receive(y);
        foreach ((int backup, Request request) in ((int, Request)[])[(3, x), (1, y), (2, x), (2, y)])
            Assert.Empty(Tell(primary, backup, request).PrePrepares);
        Turn turn = primary.Deliver(first.Batch);
        Assert.Equal([x.Digest], Assert.Single(turn.PrePrepares).Batch.Requests);
    }

    // Liveness does not depend on anybody's statements.
    [Fact]
    public void A_request_that_nobody_speaks_of_is_checked_and_proposed_after_a_short_time()
    {
        var primary = MakePrimary();
        primary.Receive(Ask(0, 1));
        primary.Receive(PartyId.Client(1), Ask(1, 1).Encoded.Span);
        Assert.Single(primary.Tick(primary.Options.HeldGraceMilliseconds).PrePrepares);
    }

    [Fact]
    public void An_idle_primary_checks_one_request_and_leaves_the_others_to_be_spoken_of()
    {
        var primary = MakePrimary(clients: 3);
        PrePrepare proposed = Assert.Single(primary.Receive(Ask(0, 1)).PrePrepares);
        primary.Receive(PartyId.Client(1), Ask(1, 1).Encoded.Span);
        primary.Receive(PartyId.Client(2), Ask(2, 1).Encoded.Span);
        Turn turn = primary.Deliver(proposed.Batch);
        Assert.Single(Assert.Single(turn.PrePrepares).Batch.Requests);
    }

    [Fact]
    public void A_backup_that_was_cut_off_may_have_forgotten_what_it_told()
    {
        var primary = MakePrimary();
        for (int peer = FirstBackup; peer < 4; peer++)
            primary.Connected(PartyId.Agreement(peer));
        primary.Receive(Ask(0, 1));
        Request request = Forged(client: 1);
        primary.Receive(request);
        Tell(primary, 1, request);
        primary.Replica.OnDisconnected(PartyId.Agreement(1));
        Assert.Empty(Tell(primary, 2, request).PrePrepares);
        Assert.Single(Tell(primary, 3, request).PrePrepares);
    }

    // It is ordered once more because its client still asks; backups may have dropped it behind a checkpoint meanwhile.
    [Fact]
    public void What_was_told_of_a_request_counts_for_one_wait_of_it()
    {
        ReplicaHarness primary = MakePrimary();
        PrePrepare first = Assert.Single(primary.Receive(Ask(0, 1)).PrePrepares);
        Request forged = Forged(client: 1);
        primary.Receive(forged);
        Tell(primary, 1, forged);
        PrePrepare second = Assert.Single(Tell(primary, 2, forged).PrePrepares);
        primary.Deliver(first.Batch);
        primary.Deliver(second.Batch);
        primary.Skip(primary.Options.ReorderMilliseconds + 1);
        Assert.Empty(primary.Receive(forged).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
    }

    // Aardvark's attack once more: the primary may rely on what a backup told, so the backup must not drop the body when it
    // finds the signature bad; else a number could get stuck that nobody else can accept.
    [Fact]
    public void A_backup_keeps_what_it_told_of_though_its_signature_is_bad_and_no_timer_runs_for_it()
    {
        var backup = new ReplicaHarness(1);
        Request forged = Forged(client: 0);
        backup.Receive(forged);
        backup.PrePrepare(1, Null());
        backup.Commit(0, 1, Null().Digest);
        backup.Prepare(2, 1, Null().Digest);
        backup.Commit(2, 1, Null().Digest);
        Assert.Equal(1ul, backup.Replica.Delivered.Value);
        for (int i = 0; i < 60; i++)
        {
            Turn turn = backup.Tick(50);
            Assert.Empty(turn.Wants);
            Assert.Empty(turn.Requests);
        }

        Assert.Equal(1ul, backup.Rejected(Rejection.BadSignature));
        Assert.Single(backup.PrePrepare(2, Batch([forged], after: 1)).Prepares);
    }

    [Fact]
    public void What_was_told_is_kept_for_longer_than_the_primary_relies_on_it_and_not_for_ever()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Forged(client: 0));
        backup.PrePrepare(1, Null());
        backup.Tick(100_000);
        Assert.Equal(1, backup.Replica.HeldRequests);
        backup.Tick(3000);
        Assert.Equal(0, backup.Replica.HeldRequests);

        var primary = MakePrimary();
        primary.Receive(Ask(0, 1));
        Request old = Forged(client: 1);
        Tell(primary, 1, old);
        Tell(primary, 2, old);
        primary.Skip(2000);
        Assert.Empty(primary.Receive(old).PrePrepares);
        Assert.Empty(primary.Tick(primary.Options.HeldGraceMilliseconds).PrePrepares);
        Assert.Equal(1ul, primary.Rejected(Rejection.BadSignature));
    }

    [Fact]
    public void A_new_primary_drops_what_it_kept_only_because_it_had_told_of_it()
    {
        var backup = new ReplicaHarness(1);
        Request forged = Forged(client: 0);
        backup.Receive(forged);
        backup.PrePrepare(1, Null());
        backup.Tick(300);
        backup.LeaveFor(1);
        ViewChange[] changes = [Change(0, 1), Change(2, 1), Change(3, 1)];
        foreach (ViewChange change in changes)
            backup.ViewChange(change);
        Assert.True(backup.Replica.InView && backup.Replica.IsPrimary);
        for (int i = 0; i < 20; i++)
            Assert.DoesNotContain(backup.Tick(20).PrePrepares, proposed => proposed.Batch.Requests.Contains(forged.Digest));
        Assert.Equal(0, backup.Replica.HeldRequests);
    }

    private static ReplicaHarness MakePrimary(int faults = 1, int clients = 2) =>
        new(0, faults, new ReplicaOptions { CheckpointInterval = 16 }, clients);

    private static Request Forged(int client) => Request.Create(
        PartyId.Client(client), RequestFlags.None, new SessionId(1), 0, 1, default, new byte[5], HashSignatures.Forge);

    private static Turn Tell(ReplicaHarness primary, int backup, Request request) =>
        primary.Receive(PartyId.Agreement(backup), writer => Held.Write(writer, [request.Digest]));

    private static List<Digest> Told(Turn turn)
    {
        var told = new List<Digest>();
        foreach (SentMessage message in turn.Of(MessageKind.Held))
        {
            var reader = new MessageReader(message.Bytes.AsMemory(1));
            Assert.True(Held.TryRead(ref reader, out Held held));
            for (int i = 0; i < held.Count; i++)
                told.Add(held[i]);
        }

        return told;
    }
}

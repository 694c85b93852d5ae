using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>What one bad party can make a correct replica do, hold, or send in one turn is bounded (DESIGN §4, §5).</summary>
public class AbuseTests
{
    // Checking a signature takes longer than sending one: others would wait.
    [Fact]
    public void Bad_signatures_of_one_client_take_one_check_of_a_batch()
    {
        var primary = new ReplicaHarness(0);
        var inbox = new AgreementInbox(primary.Replica);
        primary.Replica.SetClock(primary.Now, Wall);
        for (ulong i = 1; i <= 1000; i++)
        {
            Request bad = Request.Create(PartyId.Client(1), RequestFlags.None, new SessionId(1), 0, i, default, new byte[5], HashSignatures.Forge);
            inbox.Deliver(PartyId.Client(1), bad.Encoded);
        }

        Request good = Ask(0, 1);
        Assert.Equal([good.Digest], Assert.Single(primary.Receive(good).PrePrepares).Batch.Requests);
        Assert.InRange(primary.Rejected(Rejection.BadSignature), 1ul, 2ul);
    }

    // What a link reads in one turn, of a liar that always says that it knows nothing.
    [Fact]
    public void Help_that_one_peer_gets_in_one_turn_is_bounded()
    {
        ReplicaHarness backup = DeliverMuch();
        Assert.True(backup.Replica.Output.IsEmpty);
        long bytes = Flood(backup, PartyId.Agreement(3), 4000, new Progress(default, true, default, default).Write);
        Assert.InRange(bytes, 1 << 20, 10 << 20);
    }

    [Fact]
    public void Orders_that_one_execution_replica_gets_in_one_turn_are_bounded()
    {
        long bytes = Flood(DeliverMuch(), PartyId.Execution(2), 4000, new FetchOrders(new SequenceNumber(1)).Write);
        Assert.InRange(bytes, 1 << 20, 10 << 20);
    }

    [Fact]
    public void A_client_that_asks_how_the_cluster_stands_is_told()
    {
        var replica = new ReplicaHarness(1);
        Turn turn = replica.Receive(PartyId.Client(1), FetchClusterState.Write);
        Assert.Single(turn.ClusterStates);
        Assert.True(turn.Messages.Single().GoesTo(PartyId.Client(1)));
    }

    [Fact]
    public void A_batch_of_a_bad_primary_over_the_agreed_bytes_is_not_accepted()
    {
        var backup = new ReplicaHarness(1);
        Request[] requests = [.. Enumerable.Range(1, 3).Select(i => Ask(1, (ulong)i, bytes: 400 << 10))];
        foreach (Request request in requests)
            backup.Receive(request);
        Assert.Empty(backup.PrePrepare(1, Batch(requests)).Prepares);
        Assert.Single(backup.PrePrepare(2, Batch(requests[..2])).Prepares);
    }

    // A primary that never lets a checkpoint come: what it proposes meanwhile is not all kept.
    [Fact]
    public void Bodies_that_a_bad_primary_makes_a_backup_hold_are_bounded()
    {
        var options = new ReplicaOptions { CheckpointInterval = 64, MaximumLogBytes = 10_000, ClientPendingRequests = 1000 };
        var backup = new ReplicaHarness(1, options: options);
        int prepares = 0;
        for (ulong number = 2; number < 60; number++)
        {
            Request request = Ask(1, number, bytes: 1000);
            backup.Receive(request);
            prepares += backup.PrePrepare(number, Batch([request], (long)number)).Prepares.Count;
        }

        Assert.InRange(prepares, 10, 25);
    }

    // DESIGN §8: the log is cut only behind f + 1 complete signatures.
    [Fact]
    public void Incomplete_signatures_do_not_cut_the_log()
    {
        var backup = new ReplicaHarness(1);
        for (int i = 0; i < 16; i++)
            backup.Deliver(Null(i + 1));
        Checkpoint[] whole = [.. Enumerable.Range(0, 3).Select(sender => Certify(sender, 16, backup.Replica.HistoryDigest))];
        Checkpoint[] partial = [.. whole.Select(one => Agreement.Messages.Checkpoint.Create(
            one.Sender, default, complete: false, one.State, HashSignatures.Of(one.Sender)))];
        Assert.Equal(0ul, backup.Checkpoint(partial[0]).TruncateUpTo.Value);
        Assert.Equal(0ul, backup.Checkpoint(partial[1]).TruncateUpTo.Value);
        Assert.Equal(0ul, backup.Receive(PartyId.Agreement(2), new StableCertificate([whole[0], partial[1]]).Write).TruncateUpTo.Value);
        Assert.Equal(0ul, backup.Checkpoint(whole[0]).TruncateUpTo.Value);
        Assert.Equal(16ul, backup.Checkpoint(whole[1]).TruncateUpTo.Value);
    }

    private static ReplicaHarness DeliverMuch()
    {
        var backup = new ReplicaHarness(1, options: new ReplicaOptions { CheckpointInterval = 256 });
        ulong sequence = 0;
        for (int i = 0; i < 64; i++)
        {
            Request[] requests = [.. Enumerable.Range(0, 64).Select(_ => Ask(0, ++sequence))];
            foreach (Request request in requests)
                backup.Receive(request);
            backup.Deliver(Batch(requests, i));
        }

        return backup;
    }

    private static long Flood(ReplicaHarness backup, PartyId from, int count, Action<MessageWriter> write)
    {
        var inbox = new AgreementInbox(backup.Replica);
        var writer = new MessageWriter();
        write(writer);
        for (int i = 0; i < count; i++)
            inbox.Deliver(from, writer.ToArray());
        return backup.Replica.Output.Messages.Sum(message => (long)message.Length);
    }
}

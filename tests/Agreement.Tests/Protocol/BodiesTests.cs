using Agreement.Messages;
using Agreement.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Protocol;

/// <summary>Which bodies a replica takes from peers, and how it asks for them (DESIGN §4; TOCS 2002 §5.1).</summary>
public class BodiesTests
{
    private static readonly Request Good = Ask(0, 1);

    // The body, but signed by nobody: the digest does not cover the signature.
    private static readonly Request Unsigned =
        Request.Create(PartyId.Client(0), RequestFlags.None, new SessionId(1), 0, 1, default, new byte[20], HashSignatures.Forge);

    [Fact]
    public void A_missing_body_is_asked_of_the_primary_after_a_grace_and_then_of_everybody()
    {
        var backup = new ReplicaHarness(1);
        Assert.Empty(backup.PrePrepare(1, Batch([Good])).BodyRequests);
        Assert.Empty(backup.Tick(backup.Options.BodyGraceMilliseconds - 1).BodyRequests);
        Turn turn = backup.Tick(1);
        Assert.Equal([Good.Digest], Assert.Single(turn.BodyRequests).Digests);
        Assert.Equal(0b0001u, turn.Of(MessageKind.FetchBodies).Single().To.Agreement);
        Assert.Empty(backup.Tick(1).BodyRequests);
        turn = backup.Tick(backup.Options.BodyGraceMilliseconds);
        Assert.Equal(0b1101u, turn.Of(MessageKind.FetchBodies).Single().To.Agreement);
    }

    [Fact]
    public void A_fetched_body_with_its_clients_signature_is_taken()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Batch([Good]));
        Assert.Single(backup.SendBodies(2, Good).Prepares);
    }

    [Fact]
    public void A_fetched_body_without_a_signature_is_not_taken()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Batch([Good]));
        Assert.Empty(backup.SendBodies(0, Unsigned).Prepares);
        Assert.Equal(1ul, backup.Rejected(Rejection.BadSignature));
    }

    // "or f+1 replicas have pre-prepared or prepared its digest": so that a client that signs badly for some can't block.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_body_that_f_plus_1_replicas_pre_prepared_or_prepared_needs_no_signature(int faults)
    {
        var backup = new ReplicaHarness(1, faults);
        Batch batch = Batch([Good]);
        backup.PrePrepare(1, batch);
        for (int peer = 2; peer < faults + 1; peer++)
            backup.Prepare(peer, 1, batch.Digest);
        Assert.Empty(backup.SendBodies(0, Unsigned).Prepares);
        backup.Prepare(faults + 1, 1, batch.Digest);
        Assert.Single(backup.SendBodies(0, Unsigned).Prepares);
    }

    [Fact]
    public void Prepares_for_another_batch_vouch_for_nothing()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Batch([Good]));
        backup.Prepare(2, 1, Null().Digest);
        backup.Prepare(3, 1, Null().Digest);
        Assert.Empty(backup.SendBodies(0, Unsigned).Prepares);
    }

    [Fact]
    public void A_body_that_no_proposal_needs_is_not_taken()
    {
        var backup = new ReplicaHarness(1);
        backup.SendBodies(2, Good);
        Assert.Empty(backup.Receive(PartyId.Agreement(3), writer => FetchBodies.Write(writer, [Good.Digest])).Bodies.Single().Requests);
        Assert.Empty(backup.PrePrepare(1, Batch([Good])).Prepares);
    }

    [Fact]
    public void Bytes_that_are_no_request_are_counted()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Batch([Good]));
        backup.Receive(PartyId.Agreement(2), writer =>
        {
            Bodies.WriteHeader(writer, 1);
            writer.WriteBytes([1, 2, 3]);
        });
        Assert.Equal(1ul, backup.Rejected(Rejection.Malformed));
    }

    [Fact]
    public void A_replica_sends_the_bodies_that_it_holds()
    {
        var backup = new ReplicaHarness(1);
        Request other = Ask(1, 1);
        backup.Receive(Good);
        backup.Receive(other);
        Turn turn = backup.Receive(PartyId.Execution(1), writer => FetchBodies.Write(writer, [other.Digest, Digest.Of([1]), Good.Digest]));
        Assert.True(turn.Of(MessageKind.Bodies).Single().GoesTo(PartyId.Execution(1)));
        Assert.Equal(
            [other.Digest, Good.Digest], turn.Bodies.Single().Requests.Select(encoded => Request.TryParse(encoded)!.Digest));
    }

    // Limits.MaximumFrameBytes: a message must fit the link, however many large bodies were asked for.
    [Fact]
    public void Large_bodies_travel_in_several_messages()
    {
        var backup = new ReplicaHarness(1);
        Request[] requests = [.. Enumerable.Range(0, 6).Select(slot => Ask(0, 1, (ushort)slot, bytes: Limits.MaximumOperationBytes))];
        foreach (Request request in requests)
            backup.Receive(request);
        Turn turn = backup.Receive(PartyId.Agreement(2), writer => FetchBodies.Write(writer, [.. requests.Select(request => request.Digest)]));
        Assert.Equal(6, turn.Bodies.Sum(bodies => bodies.Requests.Length));
        Assert.All(turn.Messages, message => Assert.True(message.Bytes.Length <= Limits.MaximumFrameBytes));
    }

    [Fact]
    public void Bodies_are_held_until_the_low_mark_passes_them()
    {
        var backup = new ReplicaHarness(1);
        backup.Receive(Good);
        Order order = backup.Deliver(Batch([Good])).Orders.Single();
        Assert.Single(Fetch(backup).Requests);
        backup.Checkpoint(Certify(0, 1, order.History));
        backup.Checkpoint(Certify(1, 1, order.History));
        Assert.Empty(Fetch(backup).Requests);
    }

    // Bodies that were fetched for a batch that never came to a vote must not stay for ever.
    [Fact]
    public void Bodies_of_a_batch_that_was_never_accepted_go_when_the_low_mark_passes_it()
    {
        var backup = new ReplicaHarness(1);
        backup.PrePrepare(1, Batch([Good, Ask(1, 1)]));
        backup.SendBodies(0, Good);
        Assert.Single(Fetch(backup).Requests);
        backup.Checkpoint(Certify(0, 1, Digest.Of([1])));
        backup.Checkpoint(Certify(1, 1, Digest.Of([1])));
        Assert.Empty(Fetch(backup).Requests);
    }

    private static Bodies Fetch(ReplicaHarness backup) =>
        backup.Receive(PartyId.Agreement(3), writer => FetchBodies.Write(writer, [Good.Digest])).Bodies.Single();
}

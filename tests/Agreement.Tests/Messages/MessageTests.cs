using Agreement.Messages;
using Agreement.Protocol;
using Agreement.Tests.Protocol;

namespace Agreement.Tests.Messages;

/// <summary>Every message survives its round trip, and no bytes make a parser throw.</summary>
public class MessageTests
{
    private const int Rounds = 300;

    private static readonly Digest One = Digest.Of([1]);
    private static readonly Digest Two = Digest.Of([2]);
    private static readonly SequenceNumber Number = new(77);
    private static readonly Epoch Epoch = new(3);
    private static readonly Incarnation Incarnation = new(5);

    public static TheoryData<MessageKind> Kinds() => [.. Enum.GetValues<MessageKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_message_survives_the_round_trip(MessageKind kind)
    {
        byte[] bytes = Sample(kind);
        Assert.Equal((byte)kind, bytes[0]);
        Assert.Equal(bytes, Reencode(bytes));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_message_that_is_cut_or_too_long_is_refused(MessageKind kind)
    {
        byte[] bytes = Sample(kind);
        for (int length = 0; length < bytes.Length; length++)
            Assert.Null(Reencode(bytes[..length]));
        Assert.Null(Reencode([.. bytes, 0]));
    }

    // What parses has one encoding: else two replicas could hold different bytes for equal messages.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_message_with_a_flipped_bit_is_refused_or_is_the_one_encoding_of_something_else(MessageKind kind)
    {
        byte[] bytes = Sample(kind);
        for (int bit = 8; bit < bytes.Length * 8; bit++)
        {
            byte[] damaged = [.. bytes];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            if (Reencode(damaged) is { } again)
                Assert.Equal(damaged, again);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Random_bytes_never_make_a_parser_throw(MessageKind kind)
    {
        var random = new Random(4711 + (int)kind);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = new byte[1 + random.Next(400)];
            random.NextBytes(bytes);
            bytes[0] = (byte)kind;
            if (Reencode(bytes) is { } again)
                Assert.Equal(bytes, again);
        }
    }

    // Whoever it comes from: everything from outside passes through the inbox.
    [Fact]
    public void No_bytes_make_a_replica_throw()
    {
        var random = new Random(99);
        PartyId[] senders = [PartyId.Agreement(0), PartyId.Agreement(3), PartyId.Execution(0), PartyId.Execution(2), PartyId.Client(0), PartyId.Client(1), PartyId.Controller(1)];
        byte[][] samples = [.. Enum.GetValues<MessageKind>().Select(Sample)];
        foreach (int id in (int[])[0, 1])
        {
            var replica = new ReplicaHarness(id);
            for (int round = 0; round < 20_000; round++)
            {
                byte[] bytes = [.. samples[random.Next(samples.Length)]];
                for (int flips = random.Next(3); flips > 0; flips--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                if (random.Next(4) == 0)
                    bytes = bytes[..random.Next(bytes.Length + 1)];
                replica.Receive(senders[random.Next(senders.Length)], bytes);
                if (random.Next(50) == 0)
                    replica.Tick(random.Next(100));
            }

            Assert.True(replica.Rejected(Rejection.Malformed) > 1000);
        }
    }

    [Fact]
    public void The_digest_of_a_full_reply_is_computed_and_not_believed()
    {
        var reply = new Reply(Incarnation, new SessionId(4), 2, 9, One, Epoch, Number, Number, true, Two, new byte[] { 1, 2 });
        var writer = new MessageWriter();
        reply.Write(writer);
        var reader = new MessageReader(writer.ToArray());
        reader.ReadByte();
        Assert.True(Reply.TryRead(ref reader, out Reply read));
        Assert.Equal(Digest.Of([1, 2]), read.ResultDigest);
    }

    [Fact]
    public void A_requests_digest_covers_everything_but_the_signature()
    {
        Request request = ReplicaHarness.Ask(0, 1);
        for (int place = 1; place < request.Encoded.Length; place++)
        {
            byte[] other = request.Encoded.ToArray();
            other[place] ^= 1;
            if (Request.TryParse(other) is { } parsed)
                Assert.Equal(place >= other.Length - Request.SignatureBytes, parsed.Digest == request.Digest);
        }
    }

    [Fact]
    public void A_batchs_digest_covers_its_time_and_the_order_of_its_requests()
    {
        Batch[] batches =
        [
            new(EntryKind.Requests, new Timestamp(1), [One, Two]), new(EntryKind.Requests, new Timestamp(2), [One, Two]),
            new(EntryKind.Requests, new Timestamp(1), [Two, One]), new(EntryKind.Requests, new Timestamp(1), [One]),
        ];
        Assert.Equal(batches.Length, batches.Select(batch => batch.Digest).Distinct().Count());
    }

    // A signature must cover all that it vouches for, and each kind of message its own domain.
    [Fact]
    public void A_checkpoints_signature_covers_every_field()
    {
        Checkpoint checkpoint = ReplicaHarness.Certify(0, 16, One);
        var signatures = new HashSignatures();
        Assert.True(checkpoint.IsSigned(signatures));
        Assert.False((checkpoint with { Sender = PartyId.Execution(1) }).IsSigned(signatures));
        Assert.False((checkpoint with { Epoch = Epoch }).IsSigned(signatures));
        Assert.False((checkpoint with { Complete = false }).IsSigned(signatures));
        var writer = new MessageWriter();
        checkpoint.Write(writer);
        const int state = 1 + 4 + 8 + 1;
        for (int place = state; place < state + CheckpointState.SizeBytes; place++)
        {
            byte[] bytes = writer.ToArray();
            bytes[place] ^= 1;
            var reader = new MessageReader(bytes);
            reader.ReadByte();
            Assert.True(Checkpoint.TryRead(ref reader, out Checkpoint other));
            Assert.False(other.IsSigned(signatures));
        }
    }

    private static byte[] Sample(MessageKind kind)
    {
        var batch = new Batch(EntryKind.Requests, new Timestamp(123), [One, Two]);
        Request request = ReplicaHarness.Ask(1, 2);
        return kind switch
        {
            MessageKind.Request => request.Encoded.ToArray(),
            MessageKind.PrePrepare => Write(new PrePrepare(new View(4), Number, batch).Write),
            MessageKind.Prepare or MessageKind.Commit => Write(writer => new Vote(new View(4), Number, One).Write(writer, kind)),
            MessageKind.Synced => Write(new Synced(Incarnation, Number, One).Write),
            MessageKind.Order or MessageKind.Committed => Write(writer => new Order(Incarnation, Epoch, Number, One, batch).Write(writer, kind)),
            MessageKind.ExecReport => Write(new ExecReport(Incarnation, Epoch, Number, One, Two, [Two, One]).Write),
            MessageKind.Reply => Write(new Reply(Incarnation, new SessionId(4), 2, 9, One, Epoch, Number, Number, false, Two, default).Write),
            MessageKind.Checkpoint => Write(ReplicaHarness.Certify(1, 16, One).Write),
            MessageKind.Progress => Write(new Progress(new View(1), true, Number, new SequenceNumber(90)).Write),
            MessageKind.FetchOrders => Write(new FetchOrders(Number).Write),
            MessageKind.FetchProposals => Write(new FetchProposals(new View(4), Number, 5).Write),
            MessageKind.FetchBodies => Write(writer => FetchBodies.Write(writer, [One, Two])),
            MessageKind.Held => Write(writer => Held.Write(writer, [One, Two])),
            MessageKind.Bodies => Write(writer => WriteBodies(writer, [request.Encoded, new byte[] { 1 }])),
            MessageKind.StableCertificate => Write(new StableCertificate([ReplicaHarness.Certify(0, 16, One), ReplicaHarness.Certify(1, 16, One)]).Write),
            MessageKind.FetchReply => Write(new FetchReply(new SessionId(4), 2, 9, One).Write),
            MessageKind.FetchClusterState => Write(FetchClusterState.Write),
            MessageKind.ClusterState => Write(new ClusterState(Incarnation, Epoch, 5, new View(1)).Write),
            MessageKind.WantView => Write(new WantView(new View(3)).Write),
            MessageKind.ViewChange => Write(SampleViewChange().Write),
            MessageKind.NewView => Write(new NewView(new View(4), [SampleViewChange(), SampleViewChange()], default).Sign(HashSignatures.Of(PartyId.Agreement(0))).Write),
            MessageKind.FetchBatch => Write(new FetchBatch(Number, One).Write),
            MessageKind.ProposedBatch => Write(new ProposedBatch(Number, Batch.Configure(new Timestamp(5), new EpochChange([SampleRecover()]))).Write),
            MessageKind.Recover => Write(SampleRecover().Write),
            MessageKind.Sleep => Write(Sleep.Create(PartyId.Agreement(1), 2, Epoch, HashSignatures.Of(PartyId.Agreement(1))).Write),
            MessageKind.ReplyAffidavit => Write(new ReplyAffidavit(Incarnation, new SessionId(4), 2, 9, One, Number, Two).Write),
            MessageKind.WantAffidavits => Write(new WantAffidavits(Epoch).Write),
            MessageKind.ReplyInquiry => Write(SampleInquiry.Write),
            MessageKind.ReplyStatement => Write(new ReplyStatement(Incarnation, Epoch, SampleInquiry, Number, Two).Write),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no sample of this kind"),
        };
    }

    // Parses and writes again; null when the parser refuses.
    private static byte[]? Reencode(byte[] bytes)
    {
        var reader = new MessageReader(bytes);
        var kind = (MessageKind)reader.ReadByte();
        return kind switch
        {
            MessageKind.Request => Request.TryParse(bytes)?.Encoded.ToArray(),
            MessageKind.PrePrepare => PrePrepare.TryRead(ref reader, out PrePrepare message) ? Write(message.Write) : null,
            MessageKind.Prepare or MessageKind.Commit => Vote.TryRead(ref reader, out Vote vote) ? Write(writer => vote.Write(writer, kind)) : null,
            MessageKind.Synced => Synced.TryRead(ref reader, out Synced message) ? Write(message.Write) : null,
            MessageKind.Order or MessageKind.Committed => Order.TryRead(ref reader, out Order order) ? Write(writer => order.Write(writer, kind)) : null,
            MessageKind.ExecReport => ExecReport.TryRead(ref reader, out ExecReport message) ? Write(message.Write) : null,
            MessageKind.Reply => Reply.TryRead(ref reader, out Reply message) ? Write(message.Write) : null,
            MessageKind.Checkpoint => Checkpoint.TryRead(ref reader, out Checkpoint message) ? Write(message.Write) : null,
            MessageKind.Progress => Progress.TryRead(ref reader, out Progress message) ? Write(message.Write) : null,
            MessageKind.FetchOrders => FetchOrders.TryRead(ref reader, out FetchOrders message) ? Write(message.Write) : null,
            MessageKind.FetchProposals => FetchProposals.TryRead(ref reader, out FetchProposals message) ? Write(message.Write) : null,
            MessageKind.FetchBodies => FetchBodies.TryRead(ref reader, out FetchBodies fetch) ? Write(writer => FetchBodies.Write(writer, fetch.Digests)) : null,
            MessageKind.Held => Held.TryRead(ref reader, out Held held) ? Write(writer => Held.Write(writer, [.. Enumerable.Range(0, held.Count).Select(i => held[i])])) : null,
            MessageKind.Bodies => Bodies.TryRead(ref reader, out Bodies bodies) ? Write(writer => WriteBodies(writer, bodies.Requests)) : null,
            MessageKind.StableCertificate => StableCertificate.TryRead(ref reader, out StableCertificate message) ? Write(message.Write) : null,
            MessageKind.FetchReply => FetchReply.TryRead(ref reader, out FetchReply message) ? Write(message.Write) : null,
            MessageKind.FetchClusterState => FetchClusterState.TryRead(ref reader, out _) ? Write(FetchClusterState.Write) : null,
            MessageKind.ClusterState => ClusterState.TryRead(ref reader, out ClusterState message) ? Write(message.Write) : null,
            MessageKind.WantView => WantView.TryRead(ref reader, out WantView message) ? Write(message.Write) : null,
            MessageKind.ViewChange => ViewChange.TryRead(ref reader, out ViewChange message) ? Write(message.Write) : null,
            MessageKind.NewView => NewView.TryRead(ref reader, out NewView message) ? Write(message.Write) : null,
            MessageKind.FetchBatch => FetchBatch.TryRead(ref reader, out FetchBatch message) ? Write(message.Write) : null,
            MessageKind.ProposedBatch => ProposedBatch.TryRead(ref reader, out ProposedBatch message) ? Write(message.Write) : null,
            MessageKind.Recover => Recover.TryRead(ref reader, out Recover message) ? Write(message.Write) : null,
            MessageKind.Sleep => Sleep.TryRead(ref reader, out Sleep message) ? Write(message.Write) : null,
            MessageKind.ReplyAffidavit => ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit message) ? Write(message.Write) : null,
            MessageKind.WantAffidavits => WantAffidavits.TryRead(ref reader, out WantAffidavits message) ? Write(message.Write) : null,
            MessageKind.ReplyInquiry => ReplyInquiry.TryRead(ref reader, out ReplyInquiry message) ? Write(message.Write) : null,
            MessageKind.ReplyStatement => ReplyStatement.TryRead(ref reader, out ReplyStatement message) ? Write(message.Write) : null,
            _ => null,
        };
    }

    private static ReplyInquiry SampleInquiry => new(1, new SessionId(4), 2, 9, One);

    private static ViewChange SampleViewChange() => new ViewChange(
        PartyId.Agreement(2),
        new View(4),
        new Incarnation(1),
        true,
        new StableCertificate([ReplicaHarness.Certify(0, 16, One), ReplicaHarness.Certify(1, 16, One)]),
        [new ViewChangeEntry(new SequenceNumber(17), new ViewedDigest(new View(3), One), [new ViewedDigest(new View(3), One)])],
        default).Sign(HashSignatures.Of(PartyId.Agreement(2)));

    private static Recover SampleRecover() => Recover.Create(PartyId.Agreement(1), Epoch, Number, HashSignatures.Of(PartyId.Agreement(1)));

    private static void WriteBodies(MessageWriter writer, IReadOnlyList<ReadOnlyMemory<byte>> requests)
    {
        Bodies.WriteHeader(writer, requests.Count);
        foreach (ReadOnlyMemory<byte> request in requests)
            writer.WriteBytes(request.Span);
    }

    private static byte[] Write(Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        return writer.ToArray();
    }
}

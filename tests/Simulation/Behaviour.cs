using Agreement.Messages;

namespace Simulation;

/// <summary>A message that a liar sends, and how much later than a correct party would.</summary>
internal readonly record struct Lie(PartyId To, byte[] Bytes, long DelayMicroseconds = 0);

/// <summary>
/// One way to lie. A liar is a correct core whose outgoing messages pass through its behaviours, each of which may drop,
/// change, repeat and add; it has the keys of its own party only.
/// </summary>
internal abstract class Behaviour
{
    protected DeterministicRandom Random { get; private set; } = new(0);

    protected PartyId Self { get; private set; }

    protected Request.Signer Sign { get; private set; } = (_, _) => { };

    protected Quorum Quorum { get; private set; }

    public void Become(PartyId self, Quorum quorum, Request.Signer sign, DeterministicRandom random)
    {
        Self = self;
        Quorum = quorum;
        Sign = sign;
        Random = random;
    }

    /// <summary>What is sent in place of one message; may be nothing, or more.</summary>
    public abstract IEnumerable<Lie> Send(Lie honest);

    /// <summary>Sees what arrives, and may answer it with lies of its own.</summary>
    public virtual IEnumerable<Lie> Receive(PartyId from, byte[] bytes) => [];

    public override string ToString() => GetType().Name;

    protected static MessageKind KindOf(byte[] bytes) => (MessageKind)bytes[0];

    protected static MessageReader ReaderOf(byte[] bytes)
    {
        var reader = new MessageReader(bytes);
        reader.ReadByte();
        return reader;
    }

    protected static byte[] Write(Action<MessageWriter> write)
    {
        var writer = new MessageWriter();
        write(writer);
        return writer.ToArray();
    }

    protected Digest RandomDigest() => Digest.Of(BitConverter.GetBytes(Random.NextUInt64()));
}

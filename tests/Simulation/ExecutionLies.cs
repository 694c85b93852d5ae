using Agreement.Messages;

namespace Simulation;

/// <summary>Replies to none of the clients that a mask names, and does all else as it should.</summary>
internal sealed class Starve(uint mask) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) =>
        KindOf(honest.Bytes) == MessageKind.Reply && (mask & (1u << (int)honest.To.Index)) != 0 ? [] : [honest];

    public override string ToString() => $"starve clients {mask:x}";
}

/// <summary>Answers clients wrongly; colluding liars give the same wrong answer.</summary>
internal sealed class WrongResults : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.Reply || !Reply.TryRead(ref reader, out Reply reply))
            return [honest];
        byte[] result = [.. reply.Result.Span];
        if (result.Length > 0)
            result[^1] ^= 1;
        Reply lie = reply with { Result = result, ResultDigest = Digest.Of([.. reply.ResultDigest.ToArray(), 1]) };
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

/// <summary>Reports other replies than it gave, and different ones to different agreement replicas.</summary>
internal sealed class ForgeReports : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.ExecReport || !ExecReport.TryRead(ref reader, out ExecReport report))
            return [honest];
        return [honest with { Bytes = Write((report with { Chain = RandomDigest() }).Write) }];
    }
}

/// <summary>
/// Gives a wrong result and reports, states and affirms its digest everywhere, so that each of its words bears out the others.
/// </summary>
internal sealed class LieConsistently : Behaviour
{
    private readonly Dictionary<Digest, byte[]> lies = [];

    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        switch (KindOf(honest.Bytes))
        {
            case MessageKind.Reply when Reply.TryRead(ref reader, out Reply reply) && reply.Full:
                if (!lies.TryGetValue(reply.ResultDigest, out byte[]? result))
                {
                    result = [.. reply.Result.Span];
                    result[^1] ^= 1;
                    lies.Add(reply.ResultDigest, result);
                }

                return [honest with { Bytes = Write((reply with { Result = result }).Write) }];
            case MessageKind.ExecReport when ExecReport.TryRead(ref reader, out ExecReport report):
                return [honest with { Bytes = Write((report with { Replies = [.. report.Replies.Select(Distort)] }).Write) }];
            case MessageKind.ReplyStatement when ReplyStatement.TryRead(ref reader, out ReplyStatement statement):
                return [honest with { Bytes = Write((statement with { ResultDigest = Distort(statement.ResultDigest) }).Write) }];
            default:
                return [honest];
        }
    }

    private Digest Distort(Digest honest) => lies.TryGetValue(honest, out byte[]? lie) ? Digest.Of(lie) : honest;
}

/// <summary>Signs that it does not hold what it signs.</summary>
internal sealed class SignIncomplete : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.Checkpoint || !Checkpoint.TryRead(ref reader, out Checkpoint checkpoint))
            return [honest];
        Checkpoint lie = Checkpoint.Create(Self, checkpoint.Epoch, false, checkpoint.State, Sign);
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

/// <summary>Signs checkpoints of a state that is not so, before they are durable.</summary>
internal sealed class WrongCheckpoints : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.Checkpoint || !Checkpoint.TryRead(ref reader, out Checkpoint checkpoint))
            return [honest];
        Checkpoint lie = Checkpoint.Create(Self, checkpoint.Epoch, true, checkpoint.State with { State = Digest.Of([7]) }, Sign);
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

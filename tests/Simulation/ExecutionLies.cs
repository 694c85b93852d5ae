using Agreement.Messages;

namespace Simulation;

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

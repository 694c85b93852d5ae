using Agreement.Messages;

namespace Simulation;

/// <summary>Keeps messages of one kind from one party.</summary>
internal sealed class Keep(MessageKind kind, PartyId from) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) => honest.To == from && KindOf(honest.Bytes) == kind ? [] : [honest];
}

/// <summary>Says in its VIEW-CHANGEs that it knows of nothing.</summary>
internal sealed class DenyPrepared : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.ViewChange || !ViewChange.TryRead(ref reader, out ViewChange change))
            return [honest];
        return [honest with { Bytes = Write((change with { Entries = [] }).Sign(Sign).Write) }];
    }
}

/// <summary>Says in its VIEW-CHANGEs that it prepared null, lately, wherever it prepared something.</summary>
internal sealed class ClaimNull : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.ViewChange || !ViewChange.TryRead(ref reader, out ViewChange change))
            return [honest];
        var claim = new ViewedDigest(new View(change.View.Value - 1), Batch.Null.Digest);
        List<ViewChangeEntry> entries =
            [.. change.Entries.Select(entry => entry.Prepared is null ? entry : new ViewChangeEntry(entry.Number, claim, [claim]))];
        return [honest with { Bytes = Write((change with { Entries = entries }).Sign(Sign).Write) }];
    }
}

/// <summary>As primary proposes each batch once more, a window further on.</summary>
internal sealed class RunAhead(ulong numbers) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.PrePrepare || !PrePrepare.TryRead(ref reader, out PrePrepare proposed))
            return [honest];
        PrePrepare ahead = proposed with { Number = new SequenceNumber(proposed.Number.Value + numbers) };
        return [honest, honest with { Bytes = Write(ahead.Write) }];
    }
}

using Agreement.Messages;

namespace Simulation;

/// <summary>Sends nothing, to anybody or to those that a mask of indexes names within a role.</summary>
internal sealed class Mute(PartyRole? role, uint mask) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        bool silent = role is null || (honest.To.Role == role && (mask & (1u << (int)honest.To.Index)) != 0);
        return silent ? [] : [honest];
    }

    public override string ToString() => role is null ? "mute" : $"mute towards {role} {mask:x}";
}

/// <summary>Sends everything later.</summary>
internal sealed class Dawdle(int milliseconds) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) =>
        [honest with { DelayMicroseconds = honest.DelayMicroseconds + (Random.Next(milliseconds) * 1000L) }];
}

/// <summary>Is slow with proposals only, and only towards some replicas.</summary>
internal sealed class HoldBack(int milliseconds, uint replicas = uint.MaxValue) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        bool isHeld = KindOf(honest.Bytes) == MessageKind.PrePrepare && ((replicas >> (int)honest.To.Index) & 1) != 0;
        return [isHeld ? honest with { DelayMicroseconds = honest.DelayMicroseconds + (milliseconds * 1000L) } : honest];
    }
}

/// <summary>Is slow with proposals towards all but one replica, another each time, who then waits for the votes of the others.</summary>
internal sealed class HoldBackInTurn(int milliseconds, int replicas) : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        bool isHeld = false;
        if (KindOf(honest.Bytes) == MessageKind.PrePrepare)
        {
            MessageReader reader = ReaderOf(honest.Bytes);
            isHeld = PrePrepare.TryRead(ref reader, out PrePrepare proposal) && proposal.Number.Value % (ulong)(replicas - 1) != honest.To.Index - 1;
        }

        return [isHeld ? honest with { DelayMicroseconds = honest.DelayMicroseconds + (milliseconds * 1000L) } : honest];
    }
}

/// <summary>A backup that hands on proposals which its primary never made.</summary>
internal sealed class ProposeForPrimary : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        yield return honest;
        if (KindOf(honest.Bytes) != MessageKind.Prepare)
            yield break;
        MessageReader reader = ReaderOf(honest.Bytes);
        if (!Vote.TryRead(ref reader, out Vote vote))
            yield break;
        var next = new SequenceNumber(vote.Number.Value + 1 + (ulong)Random.Next(4));
        var batch = new Batch(EntryKind.Requests, new Timestamp(1_700_000_000_000_000_000), [RandomDigest()]);
        yield return honest with { Bytes = Write(new PrePrepare(vote.View, next, batch).Write) };
    }
}

/// <summary>Never votes.</summary>
internal sealed class WithholdVotes : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) => KindOf(honest.Bytes) is MessageKind.Prepare or MessageKind.Commit ? [] : [honest];
}

/// <summary>Says nothing wrong, but its hypervisor takes its machine back to older images (World.Hypervisors).</summary>
internal sealed class OldImages : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) => [honest];
}

/// <summary>Sends old messages again, to anybody.</summary>
internal sealed class Replay : Behaviour
{
    private readonly List<Lie> past = [];

    public override IEnumerable<Lie> Send(Lie honest)
    {
        if (past.Count < 512)
            past.Add(honest);
        else
            past[Random.Next(past.Count)] = honest;
        return Random.Chance(0.2) ? [honest, past[Random.Next(past.Count)] with { To = honest.To }] : [honest];
    }
}

/// <summary>Flips a bit in some messages.</summary>
internal sealed class Corrupt : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        if (!Random.Chance(0.1))
            return [honest];
        byte[] bytes = [.. honest.Bytes];
        bytes[Random.Next(bytes.Length)] ^= (byte)(1 << Random.Next(8));
        return [honest with { Bytes = bytes }];
    }
}

/// <summary>As primary proposes different batches to different backups, and votes to each for what it told it.</summary>
internal sealed class Equivocate : Behaviour
{
    private readonly Dictionary<(ulong View, ulong Number), Digest> others = [];

    public override IEnumerable<Lie> Send(Lie honest)
    {
        if (honest.To.Role != PartyRole.Agreement || honest.To.Index % 2 == 0)
            return [honest];
        MessageReader reader = ReaderOf(honest.Bytes);
        switch (KindOf(honest.Bytes))
        {
            case MessageKind.PrePrepare when PrePrepare.TryRead(ref reader, out PrePrepare proposed) && proposed.Batch.Kind == EntryKind.Requests:
                var other = new Batch(EntryKind.Requests, new Timestamp(proposed.Batch.Timestamp.Nanoseconds + 1), [.. proposed.Batch.Requests]);
                others[(proposed.View.Value, proposed.Number.Value)] = other.Digest;
                return [honest with { Bytes = Write((proposed with { Batch = other }).Write) }];
            case MessageKind.Commit or MessageKind.Prepare when Vote.TryRead(ref reader, out Vote vote)
                && others.TryGetValue((vote.View.Value, vote.Number.Value), out Digest told):
                return [honest with { Bytes = Write(writer => (vote with { Batch = told }).Write(writer, KindOf(honest.Bytes))) }];
            default:
                return [honest];
        }
    }
}

/// <summary>As primary proposes what must not be accepted: times far off, numbers far ahead, requests that nobody sent.</summary>
internal sealed class ProposeNonsense : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.PrePrepare || !Random.Chance(0.3) || !PrePrepare.TryRead(ref reader, out PrePrepare proposed))
            return [honest];
        Batch batch = proposed.Batch;
        PrePrepare lie = Random.Next(4) switch
        {
            0 => proposed with { Batch = new Batch(EntryKind.Requests, new Timestamp(batch.Timestamp.Nanoseconds + 60_000_000_000), [.. batch.Requests]) },
            1 => proposed with { Batch = new Batch(EntryKind.Requests, new Timestamp(1), [.. batch.Requests]) },
            2 => proposed with { Number = new SequenceNumber(proposed.Number.Value + (ulong)Random.Next(1 << 20)) },
            _ => proposed with { Batch = new Batch(EntryKind.Requests, batch.Timestamp, [RandomDigest()]) },
        };
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

/// <summary>Votes for every batch that anybody names, under its view and under the next.</summary>
internal sealed class VoteForAll : Behaviour
{
    // Two of them would else answer each other for ever.
    private readonly HashSet<Vote> cast = [];

    public override IEnumerable<Lie> Send(Lie honest) => [honest];

    public override IEnumerable<Lie> Receive(PartyId from, byte[] bytes)
    {
        MessageReader reader = ReaderOf(bytes);
        Vote vote;
        switch (KindOf(bytes))
        {
            case MessageKind.PrePrepare when PrePrepare.TryRead(ref reader, out PrePrepare proposed):
                vote = new Vote(proposed.View, proposed.Number, proposed.Batch.Digest);
                break;
            case MessageKind.Prepare or MessageKind.Commit when Vote.TryRead(ref reader, out vote):
                break;
            default:
                yield break;
        }

        if (!cast.Add(vote))
            yield break;
        for (int i = 0; i < Quorum.AgreementReplicas; i++)
        {
            if (PartyId.Agreement(i) == Self)
                continue;
            yield return new Lie(PartyId.Agreement(i), Write(writer => vote.Write(writer, MessageKind.Prepare)));
            yield return new Lie(PartyId.Agreement(i), Write(writer => vote.Write(writer, MessageKind.Commit)));
        }
    }
}

/// <summary>Claims in its VIEW-CHANGEs what it did not prepare, and hides what it did.</summary>
internal sealed class ForgeViewChange : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.ViewChange || !ViewChange.TryRead(ref reader, out ViewChange change))
            return [honest];
        var entries = new List<ViewChangeEntry>();
        ulong low = change.LowWaterMark.Value;
        for (ulong number = low + 1; number <= low + 16; number++)
        {
            ViewChangeEntry? own = change.Entries.FirstOrDefault(entry => entry.Number.Value == number);
            switch (Random.Next(4))
            {
                case 0 when own is not null:
                    entries.Add(own);
                    break;
                case 1:
                    var claim = new ViewedDigest(new View(change.View.Value - 1), Random.Chance(0.5) ? RandomDigest() : Batch.Null.Digest);
                    entries.Add(new ViewChangeEntry(new SequenceNumber(number), claim, [claim]));
                    break;
                case 2 when own?.Prepared is { } prepared:
                    entries.Add(own with { Prepared = prepared with { Batch = RandomDigest() } });
                    break;
                default:
                    break;
            }
        }

        ViewChange lie = (change with { Entries = entries, Amnesic = false }).Sign(Sign);
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

/// <summary>States to those who lag, and to execution replicas, that other batches were committed.</summary>
internal sealed class ForgeOrders : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        MessageKind kind = KindOf(honest.Bytes);
        if (kind is not (MessageKind.Order or MessageKind.Committed) || !Order.TryRead(ref reader, out Order order) || !Random.Chance(0.5))
            return [honest];
        Order lie = Random.Next(3) switch
        {
            0 => order with { Batch = new Batch(EntryKind.Requests, order.Batch.Timestamp, [RandomDigest()]) },
            1 => order with { History = RandomDigest() },
            _ => order with { Number = new SequenceNumber(order.Number.Value + (ulong)Random.Next(64)), View = new View(ulong.MaxValue) },
        };
        return [honest with { Bytes = Write(writer => lie.Write(writer, kind)) }];
    }
}

/// <summary>Vouches for replies that nobody gave, or that were given elsewhere; colluding ones for the same.</summary>
internal sealed class ForgeAffidavits : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.ReplyAffidavit || !ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit affidavit))
            return [honest];
        ReplyAffidavit lie = (affidavit.SlotSequence % 2) switch
        {
            0 => affidavit with { ResultDigest = Digest.Of(affidavit.ResultDigest.ToArray()) },
            _ => affidavit with { Number = affidavit.Number.Next },
        };
        return [honest with { Bytes = Write(lie.Write) }];
    }
}

/// <summary>Says that its disk holds what it does not.</summary>
internal sealed class ForgeSynced : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) == MessageKind.Order && Order.TryRead(ref reader, out Order order))
            return [honest, honest with { Bytes = Write(new Synced(order.Incarnation, order.Number, order.History).Write) }];
        return [honest];
    }
}

/// <summary>Wants other views all the time, and says that it forgot.</summary>
internal sealed class WantViews : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        MessageReader reader = ReaderOf(honest.Bytes);
        if (KindOf(honest.Bytes) != MessageKind.Progress || !Progress.TryRead(ref reader, out Progress progress))
            return [honest];
        var wanted = new View(progress.View.Value + 1 + (ulong)Random.Next(3));
        Progress lie = progress with { Ceiling = new SequenceNumber(progress.Delivered.Value + (ulong)Random.Next(100)) };
        return [honest with { Bytes = Write(lie.Write) }, honest with { Bytes = Write(new WantView(wanted).Write) }];
    }
}

/// <summary>Says that it holds every request that it hears of from clients, and then accepts no proposal.</summary>
internal sealed class ClaimHeld : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) => KindOf(honest.Bytes) == MessageKind.Prepare ? [] : [honest];

    public override IEnumerable<Lie> Receive(PartyId from, byte[] bytes)
    {
        if (from.Role != PartyRole.Client || Request.TryParse(bytes) is not { } request)
            yield break;
        for (int i = 0; i < Quorum.AgreementReplicas; i++)
        {
            if (PartyId.Agreement(i) != Self)
                yield return new Lie(PartyId.Agreement(i), Write(writer => Held.Write(writer, [request.Digest])));
        }
    }
}

/// <summary>Sends many messages for one: about numbers, views, batches and requests that nobody has, and copies.</summary>
internal sealed class Flood : Behaviour
{
    private const int MessagesForOne = 8;

    public override IEnumerable<Lie> Send(Lie honest)
    {
        yield return honest;
        if (honest.To.Role != PartyRole.Agreement || !Random.Chance(0.3))
            yield break;
        for (int i = 0; i < MessagesForOne; i++)
            yield return honest with { Bytes = Random.Chance(0.2) ? honest.Bytes : Make() };
    }

    private byte[] Make()
    {
        var view = new View((ulong)Random.Next(6));
        var number = new SequenceNumber((ulong)Random.Next(1 << (4 + Random.Next(12))));
        var batch = new Batch(EntryKind.Requests, new Timestamp(Random.Next(1000)), [RandomDigest(), RandomDigest()]);
        return Random.Next(9) switch
        {
            0 => Write(new PrePrepare(view, number, batch).Write),
            1 => Write(writer => new Vote(view, number, batch.Digest).Write(writer, MessageKind.Prepare)),
            2 => Write(writer => new Vote(view, number, batch.Digest).Write(writer, MessageKind.Commit)),
            3 => Write(writer => new Order(default, default, number, RandomDigest(), batch, view).Write(writer, MessageKind.Committed)),
            4 => Write(writer => Held.Write(writer, [RandomDigest(), RandomDigest(), RandomDigest()])),
            5 => Write(writer => FetchBodies.Write(writer, [RandomDigest(), RandomDigest()])),
            6 => Write(new FetchBatch(number, batch.Digest).Write),
            7 => Write(new WantView(new View(ulong.MaxValue - view.Value)).Write),
            _ => Write(new Synced(default, number, RandomDigest()).Write),
        };
    }
}

/// <summary>Never sends the bodies that it is asked for.</summary>
internal sealed class WithholdBodies : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest) => KindOf(honest.Bytes) is MessageKind.Bodies or MessageKind.ProposedBatch ? [] : [honest];
}

/// <summary>Votes RECOVER for the epoch that is current and for others, though nothing is wrong.</summary>
internal sealed class CryWolf : Behaviour
{
    public override IEnumerable<Lie> Send(Lie honest)
    {
        if (KindOf(honest.Bytes) != MessageKind.Progress)
            return [honest];
        Recover lie = Recover.Create(Self, new Epoch((ulong)Random.Next(3)), default, Sign);
        return [honest, honest with { Bytes = Write(lie.Write) }];
    }
}

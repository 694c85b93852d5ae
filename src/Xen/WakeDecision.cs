using System.Numerics;
using Agreement.Crypto;
using Agreement.Messages;

namespace Xen;

/// <summary>
/// Decides for one controller what its execution replica shall do: f + 1 valid RECOVERs of one epoch from distinct agreement
/// replicas are a wake order, f + 1 SLEEPs that name the replica a sleep order, and orders only rise (DESIGN §9). A pure
/// core: whoever calls it keeps the order on disk and carries it out.
/// </summary>
/// <remarks>
/// Of each agreement replica only its highest vote of each kind is kept, so that memory is bounded whatever liars sign. The
/// votes of one call are counted together with those that are kept. So f + 1 votes that arrive in one call are always enough,
/// though some of their signers are liars who have meanwhile signed other epochs; and votes that arrive one by one are enough
/// once f + 1 correct replicas have come to the same epoch, since theirs only rise, and nobody else can sign for them.
/// </remarks>
public sealed class WakeDecision
{
    private readonly Quorum quorum;
    private readonly uint replica;
    private readonly ISignatureChecker signatures;
    private readonly Vote?[,] kept;

    /// <summary>Begins without an order.</summary>
    /// <param name="quorum">The cluster's thresholds.</param>
    /// <param name="replica">Index of the execution replica.</param>
    /// <param name="signatures">Checks signatures of agreement replicas.</param>
    public WakeDecision(Quorum quorum, uint replica, ISignatureChecker signatures)
    {
        this.quorum = quorum;
        this.replica = replica;
        this.signatures = signatures;
        kept = new Vote?[2, quorum.AgreementReplicas];
    }

    /// <summary>The highest order so far; null while there is none, and the cluster file says what the replica does.</summary>
    public WakeOrder? Order { get; private set; }

    /// <summary>The f + 1 votes behind <see cref="Order"/>, as they came: another decision that takes them has the same order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Votes { get; private set; } = [];

    /// <summary>Votes that did not count.</summary>
    public VoteRejections Rejections { get; } = new();

    /// <summary>
    /// Takes what came in one call, in any order: encoded RECOVERs and SLEEPs, of which those beyond
    /// <see cref="Limits.MaximumVotesPerCall"/> are not looked at. The bytes stay the caller's.
    /// </summary>
    /// <returns>Whether there is a new, higher <see cref="Order"/>.</returns>
    public bool Take(IReadOnlyList<ReadOnlyMemory<byte>> messages)
    {
        var given = new List<Vote>(Math.Min(messages.Count, Limits.MaximumVotesPerCall));
        for (int i = 0; i < messages.Count; i++)
        {
            if (i >= Limits.MaximumVotesPerCall)
                Rejections.Count(VoteRejection.Malformed);
            else if (Check(messages[i], given) is { } vote)
                given.Add(vote);
        }

        bool raised = false;
        foreach (Vote vote in given)
            raised |= TryRaise(vote.Order, given);
        Keep(given);
        return raised;
    }

    private Vote? Check(ReadOnlyMemory<byte> message, List<Vote> given)
    {
        var reader = new MessageReader(message);
        switch ((MessageKind)reader.ReadByte())
        {
            case MessageKind.Recover when Recover.TryRead(ref reader, out Recover recover):
                return Check(new Vote(recover.Sender, new WakeOrder(recover.Epoch, OrderKind.Wake), message), given, recover.IsSigned);

            case MessageKind.Sleep when Sleep.TryRead(ref reader, out Sleep sleep):
                if (sleep.Replica == replica)
                    return Check(new Vote(sleep.Sender, new WakeOrder(sleep.Epoch, OrderKind.Sleep), message), given, sleep.IsSigned);
                Rejections.Count(VoteRejection.WrongReplica);
                return null;

            default:
                Rejections.Count(VoteRejection.Malformed);
                return null;
        }
    }

    // The signature comes last, since it is what costs.
    private Vote? Check(Vote vote, List<Vote> given, Func<ISignatureChecker, bool> isSigned)
    {
        VoteRejection? rejection =
            vote.Sender.Index >= (uint)quorum.AgreementReplicas ? VoteRejection.WrongSender
            : vote.Order <= Order ? VoteRejection.Old
            : vote.IsSameAs(Kept(vote)) || given.Exists(vote.IsSameAs) ? VoteRejection.Repeated
            : !isSigned(signatures) ? VoteRejection.BadSignature
            : null;
        if (rejection is null)
            return vote;
        Rejections.Count(rejection.Value);
        return null;
    }

    private bool TryRaise(WakeOrder order, List<Vote> given)
    {
        if (order <= Order)
            return false;
        uint senders = 0;
        var votes = new List<ReadOnlyMemory<byte>>(quorum.Weak);
        foreach (Vote vote in given.Concat(KeptOf(order.Kind)))
        {
            uint sender = 1u << (int)vote.Sender.Index;
            if (vote.Order != order || (senders & sender) != 0 || votes.Count == quorum.Weak)
                continue;
            senders |= sender;
            votes.Add(vote.Message.ToArray());
        }

        if (BitOperations.PopCount(senders) < quorum.Weak)
            return false;
        Order = order;
        Votes = votes;
        return true;
    }

    private void Keep(List<Vote> given)
    {
        foreach (Vote vote in given)
        {
            if (Kept(vote) is not { } former || former.Order < vote.Order)
                kept[(int)vote.Order.Kind, vote.Sender.Index] = vote with { Message = vote.Message.ToArray() };
        }

        for (int sender = 0; sender < quorum.AgreementReplicas; sender++)
        {
            for (int kind = 0; kind < kept.GetLength(0); kind++)
            {
                if (kept[kind, sender]?.Order <= Order)
                    kept[kind, sender] = null;
            }
        }
    }

    private Vote? Kept(Vote vote) => kept[(int)vote.Order.Kind, vote.Sender.Index];

    private IEnumerable<Vote> KeptOf(OrderKind kind)
    {
        for (int sender = 0; sender < quorum.AgreementReplicas; sender++)
        {
            if (kept[(int)kind, sender] is { } vote)
                yield return vote;
        }
    }

    /// <summary>A vote for an order, and its bytes.</summary>
    private sealed record Vote(PartyId Sender, WakeOrder Order, ReadOnlyMemory<byte> Message)
    {
        public bool IsSameAs(Vote? other) => other is not null && other.Sender == Sender && other.Order == Order;
    }
}

using System.Numerics;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Proposals that the primary sends to others and not, or late, to us: a peer that voted for one hands it on. So a primary
// that is slow towards f correct replicas, who alone can't depose it, gains nothing by it (src/DESIGN.md, Decisions).
public sealed partial class Replica
{
    /// <summary>Numbers that one <see cref="FetchProposals"/> asks for.</summary>
    private const int ProposalsAtATime = 64;

    // Highest number for which f + 1 voted before we had the proposal.
    private SequenceNumber highestVoted;

    /// <summary>A backup lacks proposals that others have: it gets those of our view that we voted for.</summary>
    public void OnFetchProposals(in Verified<FetchProposals> message)
    {
        FetchProposals wanted = message.Value;
        if (wanted.View != View || !InView || !BeginServing(message.Sender))
            return;
        for (ulong rest = wanted.Wanted; rest != 0; rest &= rest - 1)
        {
            ulong offset = (ulong)BitOperations.TrailingZeroCount(rest);
            if (wanted.First.Value > ulong.MaxValue - offset)
                break;
            var number = new SequenceNumber(wanted.First.Value + offset);
            if (log.Holds(number) && log[number] is { Accepted: true } slot && slot.ProposalView == View)
                SendProposal(slot, 1u << (int)message.Sender.Index);
        }

        EndServing(message.Sender);
    }

    // f + 1 backups prepared it, so a correct one has it from the primary itself, or from one that has, and so on.
    private bool IsProposalProven(LogSlot slot, Batch batch) =>
        slot.Prepares.Count(View, Ballot(batch), except: (1u << Primary) | (1u << id)) >= quorum.Weak;

    private void NoteVoted(LogSlot slot, in Vote vote)
    {
        if (!InView || vote.View != View || slot.Delivered || slot.VotedSince != 0
            || slot.Prepares.Count(View, vote.Batch, except: 1u << Primary) < quorum.Weak)
        {
            return;
        }

        slot.VotedSince = now;
        if (slot.Number > highestVoted)
            highestVoted = slot.Number;
    }

    // Those that were voted for first are asked for together, from f + 1 of their voters, each time later.
    private void FetchOverdueProposals()
    {
        if (highestVoted <= Delivered || !InView || IsPrimary)
            return;
        SequenceNumber first = default;
        ulong wanted = 0;
        uint voters = 0;
        for (SequenceNumber number = Delivered.Next; number <= highestVoted && log.Holds(number); number = number.Next)
        {
            LogSlot slot = log[number];
            if (wanted != 0 && number.Value - first.Value >= ProposalsAtATime)
                break;
            if (slot.Batch is not null || slot.VotedSince == 0)
                continue;
            long patience = (long)options.ProposalGraceMilliseconds << Math.Min(slot.ProposalAsked, MaximumDoublings);
            if (now - Math.Max(slot.VotedSince, slot.ProposalAskedAt) < patience)
                continue;
            if (wanted == 0)
            {
                first = number;
                voters = SomeVoters(slot);
            }

            wanted |= 1ul << (int)(number.Value - first.Value);
            slot.ProposalAskedAt = now;
            slot.ProposalAsked++;
        }

        if (wanted == 0 || voters == 0)
            return;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new FetchProposals(View, first, wanted).Write(writer);
        Output.EndMessage(start, new Recipients(voters, 0, null));
    }

    // f + 1 of those that voted, others each time: a correct one is soon among them.
    private uint SomeVoters(LogSlot slot)
    {
        uint present = slot.Prepares.Present & ~(1u << id) & ~(1u << Primary);
        uint chosen = 0;
        int replicas = quorum.AgreementReplicas;
        for (int i = 0; i < replicas && BitOperations.PopCount(chosen) < quorum.Weak; i++)
            chosen |= present & (1u << ((slot.ProposalAsked + id + i) % replicas));
        return chosen;
    }

    // A view begins. Votes for what it proposes may have come before we entered it, and those of others tell nothing of it.
    private void NoteEarlyVotes()
    {
        highestVoted = default;
        for (SequenceNumber number = Delivered.Next; log.Holds(number); number = number.Next)
        {
            LogSlot slot = log[number];
            slot.ProposalAskedAt = 0;
            slot.ProposalAsked = 0;
            bool isVotedFor = slot.Prepares.HasAgreement(View, quorum.Weak, except: 1u << Primary);
            slot.VotedSince = isVotedFor ? now : 0;
            if (isVotedFor)
                highestVoted = number;
        }
    }
}

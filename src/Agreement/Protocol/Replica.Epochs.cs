using System.Numerics;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Epochs: f + 1 RECOVERs justify a configuration entry, which the order begins an epoch with (DESIGN §9).
public sealed partial class Replica
{
    /// <summary>How often RECOVERs are sent again while their epoch lasts, in milliseconds.</summary>
    private const long RecoverResendMilliseconds = 500;

    private readonly Recover?[] recovers;
    private readonly uint initiallyActive;
    private readonly int clientCount;
    private long recoversSentAt;
    private long justifiedAt;

    /// <summary>
    /// States that this replica finds the active execution replicas of the current epoch wanting: sends its RECOVER, and goes
    /// on sending it while the epoch lasts.
    /// </summary>
    public void VoteToRecover()
    {
        if (recovers[id]?.Epoch == Epoch)
            return;
        recovers[id] = Recover.Create(PartyId.Agreement(id), Epoch, Delivered, sign);
        SendRecovers(1u << id);
        CountRecovers();
    }

    /// <summary>A RECOVER, of its sender or passed on.</summary>
    public void OnRecover(in Verified<Recover> message)
    {
        Recover recover = message.Value;
        if (recover.Sender.Index >= (uint)quorum.AgreementReplicas)
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        // Bound to its epoch, or it could be replayed later. One of the next epoch is of a replica that is ahead of us.
        if (recover.Epoch.CompareTo(Epoch) < 0 || recovers[recover.Sender.Index] is { } known && known.Epoch.CompareTo(recover.Epoch) >= 0)
            return;
        if (!recover.IsSigned(signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        recovers[recover.Sender.Index] = recover;
        CountRecovers();
    }

    private bool IsEpochChangeOverdue(long patience) => justifiedAt != 0 && now - Math.Max(justifiedAt, enteredAt) >= patience;

    private uint RecoverVotes()
    {
        uint votes = 0;
        for (int i = 0; i < recovers.Length; i++)
        {
            if (recovers[i]?.Epoch == Epoch)
                votes |= 1u << i;
        }

        return votes;
    }

    // Whoever holds f + 1 sends its own, passes all on, and watches the primary.
    private void CountRecovers()
    {
        uint votes = RecoverVotes();
        if (justifiedAt != 0 || BitOperations.PopCount(votes) < quorum.Weak)
            return;
        justifiedAt = now;
        VoteToRecover();
        SendRecovers(RecoverVotes());
    }

    private void SendRecovers(uint votes)
    {
        recoversSentAt = now;
        for (uint rest = votes; rest != 0; rest &= rest - 1)
        {
            MessageWriter writer = Output.BeginMessage();
            int start = writer.Length;
            recovers[BitOperations.TrailingZeroCount(rest)]!.Write(writer);
            Output.EndMessage(start, new Recipients(otherReplicas, 0, null));
        }
    }

    private void TickEpochs()
    {
        if (now - recoversSentAt < RecoverResendMilliseconds)
            return;
        uint votes = RecoverVotes();
        if (justifiedAt != 0)
            SendRecovers(votes);
        else if ((votes & (1u << id)) != 0)
            SendRecovers(1u << id);
    }

    // The primary begins an epoch as soon as it is justified; once per epoch and view, in whatever number is next.
    private void ProposeEpoch()
    {
        if (justifiedAt == 0 || IsAmnesic || lastProposed >= HighestForEpochs || epochProposedIn == (View, Epoch))
            return;
        var votes = new List<Recover>(quorum.Weak);
        foreach (Recover? recover in recovers)
        {
            if (recover?.Epoch == Epoch && votes.Count < quorum.Weak)
                votes.Add(recover);
        }

        if (votes.Count < quorum.Weak)
            return;
        epochProposedIn = (View, Epoch);
        ProposeNext(Batch.Configure(NextTimestamp(), new EpochChange(votes)));
    }

    private (View View, Epoch Epoch) epochProposedIn = (new View(ulong.MaxValue), default);

    // Above the numbers for requests a backup prepares an epoch only when it has delivered every lower number and finds that
    // the epoch is next: nothing there can be spent on what has no effect.
    private bool MayAcceptEpoch(LogSlot slot)
    {
        if (slot.Vouched)
            return true;
        if (slot.Batch!.ReadEpochChange() is not { } change || !change.IsJustified(quorum, signatures))
            return false;
        return slot.Number <= HighestForRequests
            || (slot.Number <= HighestForEpochs && Delivered.Next == slot.Number && change.Begins.Value == Epoch.Value + 1);
    }

    // Acceptance checks signatures only; whether the epoch is next is decided here, alike everywhere.
    private void BeginEpoch(Batch batch)
    {
        if (batch.ReadEpochChange() is not { } change
            || change.Begins.Value != Epoch.Value + 1
            || !change.IsJustified(quorum, signatures))
        {
            return;
        }

        Epoch = change.Begins;
        ActiveExecution = change.NextActive(quorum);
        justifiedAt = 0;
        TellClusterState();
        CountRecovers();
    }

    private void BeginIncarnation(Batch batch)
    {
        Incarnation begun = batch.ReadIncarnation();
        if (begun.CompareTo(StateIncarnation) <= 0)
            return;
        StateIncarnation = begun;
        TellClusterState();
    }

    private void TellClusterState()
    {
        for (int i = 0; i < clientCount; i++)
            SendClusterState(PartyId.Client(i));
        for (int i = 0; i < quorum.ExecutionReplicas; i++)
            SendClusterState(PartyId.Execution(i));
    }
}

using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Execution;

// Entries of the order that are no requests: epochs (DESIGN §9) and log incarnations (DESIGN §5, §6).
public sealed partial class ExecutionReplica
{
    // Per agreement replica, the highest log incarnation in which it spoke.
    private readonly Incarnation[] named;

    // The r of ORDERs, replies and reports. It runs ahead of the replicated `incarnation`, which an entry of the log changes.
    private Incarnation logIncarnation;

    // Mask of the agreement replicas that stated, in our log incarnation, another history of what is known here.
    private uint contradicting;

    /// <summary>The log incarnation r whose order is executed.</summary>
    public Incarnation LogIncarnation => logIncarnation;

    // Where the service's last checkpoint stands: what is not in it starts from nothing.
    private void ReadCheckpoint()
    {
        lastCheckpoint = lastBegun = service.LastCheckpoint;
        if (lastCheckpoint.Value > 0)
        {
            ReadAnnex(service.LastCheckpointAnnex);
            return;
        }

        sessions = new SessionTable();
        incarnation = default;
        epoch = default;
        active = initiallyActive;
        history = default;
        chain = default;
        lastTimestamp = default;
    }

    private void StartFromCheckpoint()
    {
        schedule = new CheckpointSchedule(lastCheckpoint);
        due = default;
        contradicting = 0;
        queue.Reset(lastCheckpoint, logIncarnation);
        durability.Reset(logIncarnation, lastCheckpoint, history);

        // The last one may not be stable yet, and nobody else may be able to make it so.
        if (lastCheckpoint.Value > 0 && !ownCheckpoints.Exists(own => own.Number == lastCheckpoint))
            AddUnsigned(StateAt(lastCheckpoint, service.LastCheckpointDigest, service.LastCheckpointAnnex.Span));
    }

    // The (f+1)-th highest incarnation that agreement replicas name is one that a correct replica is in, or has passed.
    private void Name(int sender, Incarnation incarnationOfSender)
    {
        if (incarnationOfSender.CompareTo(named[sender]) <= 0)
            return;
        named[sender] = incarnationOfSender;
        Span<Incarnation> sorted = stackalloc Incarnation[named.Length];
        named.CopyTo(sorted);
        sorted.Sort();
        Incarnation vouched = sorted[^quorum.Weak];
        if (vouched.CompareTo(logIncarnation) > 0)
            RollBack(vouched);
    }

    // What was executed since the last checkpoint that is known to be durable may be lost in the new incarnation, or be
    // ordered otherwise.
    private void RollBack(Incarnation next)
    {
        logIncarnation = next;
        service.Rollback();
        ReadCheckpoint();
        heldReplies.Clear();
        pendingReports.Clear();
        keptResults.Clear();
        keptBytes = 0;
        lastOpens.Clear();
        begun.Clear();
        work = null;
        unsigned.Clear();
        ownCheckpoints.RemoveAll(own => own.Number > lastCheckpoint);
        bodiesAskedAt = 0;
        gapSince = 0;
        StartFromCheckpoint();
        AskForOrders(allAgreement);
    }

    // f + 1, of whom one is correct, state another history in the incarnation that we are in.
    private void Contradicted(int sender)
    {
        Rejections.Count(Rejection.Mismatch);
        contradicting |= 1u << sender;
        if (System.Numerics.BitOperations.PopCount(contradicting) >= quorum.Weak)
            HasDiverged = true;
    }

    private void BeginIncarnation(Batch batch)
    {
        Incarnation begun = batch.ReadIncarnation();
        if (begun.CompareTo(incarnation) > 0)
            incarnation = begun;
    }

    // Agreement replicas accept any entry whose signatures are right; whether its epoch is next is decided here, alike
    // everywhere.
    private bool BeginEpoch(Batch batch)
    {
        if (batch.ReadEpochChange() is not { } change
            || change.Begins.Value != epoch.Value + 1
            || !change.IsJustified(quorum, signatures))
        {
            return false;
        }

        epoch = change.Begins;
        active = change.NextActive(quorum);
        return true;
    }

    // Whoever sends in an epoch is active in it and has executed everything before. This completes what was stalled: only
    // replies, reports and checkpoints of the current epoch count.
    private void SpeakInNewEpoch()
    {
        FlushReports(force: true);
        for (int i = 0; i < ownCheckpoints.Count; i++)
            ownCheckpoints[i] = Checkpoint.Create(PartyId.Execution(id), epoch, complete: true, ownCheckpoints[i].State, sign);
        if (!IsActive)
            return;
        foreach (Checkpoint checkpoint in ownCheckpoints)
            SendCheckpoint(checkpoint, new Recipients(allAgreement, 0, null));
        foreach (Session session in sessions.All)
        {
            for (int slot = 0; slot < session.Slots.Count; slot++)
            {
                if (session.Slots[slot].Sequence > 0)
                    ReplyAgain(PartyId.Client((int)session.Client), session.Id, (ushort)slot, session.Slots[slot]);
            }
        }
    }

    private void ReplyAgain(PartyId client, SessionId session, ushort slotIndex, SessionSlot slot)
    {
        if (!slot.IsSync || durability.Durable >= slot.Number)
            SendReply(client, session, slotIndex, slot, full: false);
        else if (!heldReplies.Exists(held => held.State == slot))
            heldReplies.Add((client, session, slotIndex, slot));
    }
}

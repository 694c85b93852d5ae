using Agreement.Messages;

namespace Agreement.Protocol;

// Restart from the log of a former life.
public sealed partial class Replica
{
    private SequenceNumber restoredTo;
    private bool restoring;
    private bool resumes;

    /// <summary>
    /// Writes what must stand at the head of every new segment of the log, so that older segments can be deleted.
    /// </summary>
    /// <returns>The records.</returns>
    public IReadOnlyList<byte[]> LogHead()
    {
        var head = new List<byte[]>();
        var writer = new MessageWriter();
        if (Stable is not null)
            Add(LogRecordKind.Stable, Stable.Write);
        if (newView is not null)
            Add(LogRecordKind.EnteredView, newView.Write);
        if (!InView && viewChanges[id] is { } change)
            Add(LogRecordKind.LeftView, change.Write);
        if (IsAmnesic)
            Add(LogRecordKind.Amnesic, record => record.WriteUInt64(Ceiling.Value));
        return head;

        void Add(LogRecordKind kind, Action<MessageWriter> write)
        {
            writer.Clear();
            writer.WriteByte((byte)kind);
            write(writer);
            head.Add(writer.ToArray());
        }
    }

    /// <summary>Takes one record of the log of a former life; all of them, in order, before anything else.</summary>
    /// <returns>False when the record makes no sense: the log is damaged.</returns>
    public bool Restore(ReadOnlyMemory<byte> record)
    {
        restoring = true;
        var reader = new MessageReader(record);
        var kind = (LogRecordKind)reader.ReadByte();
        switch (kind)
        {
            case LogRecordKind.Body:
                if (Requests.TryTake(record.Span[1..]) is not { } request)
                    return false;
                pool.AddOrdered(request);
                return true;
            case LogRecordKind.PrePrepared:
                reader.ReadByte();
                return PrePrepare.TryRead(ref reader, out PrePrepare proposed) && RestoreProposal(proposed);
            case LogRecordKind.Prepared:
                reader.ReadByte();
                return Vote.TryRead(ref reader, out Vote vote) && RestorePrepared(vote);
            case LogRecordKind.Learned:
                var committedView = new View(reader.ReadUInt64());
                reader.ReadByte();
                return Order.TryRead(ref reader, out Order learned) && RestoreLearned(learned, committedView);
            case LogRecordKind.Stable:
                reader.ReadByte();
                if (!StableCertificate.TryRead(ref reader, out StableCertificate certificate))
                    return false;
                if (certificate.State.Number > LowWaterMark)
                    Apply(certificate);
                RedeliverRestored();
                return true;
            case LogRecordKind.EnteredView:
                reader.ReadByte();
                return NewView.TryRead(ref reader, out NewView entered) && RestoreEntered(entered);
            case LogRecordKind.LeftView:
                reader.ReadByte();
                return ViewChange.TryRead(ref reader, out ViewChange left) && RestoreLeft(left);
            case LogRecordKind.Delivered:
                restoredTo = new SequenceNumber(Math.Max(restoredTo.Value, reader.ReadUInt64()));
                RedeliverRestored();
                return reader.Complete;
            case LogRecordKind.Amnesic:
                Ceiling = new SequenceNumber(reader.ReadUInt64());
                IsAmnesic = Ceiling > LowWaterMark;
                return reader.Complete;
            default:
                return false;
        }
    }

    /// <summary>Ends the restoration: everything read is on disk or at least in the page cache.</summary>
    /// <returns>False when something that was delivered is missing: the log is damaged.</returns>
    public bool EndRestore()
    {
        restoring = false;
        resumes = true;
        Output.Clear();
        if (lastProposed < highestActive)
            lastProposed = highestActive;
        viewsWithoutProgress = 0;
        return Delivered >= restoredTo;
    }

    // Like VIEW-CHANGE messages that arrive: the same view twice, at the head of a later segment, says nothing new.
    private bool RestoreEntered(NewView entered)
    {
        int later = entered.View.CompareTo(View);
        if (later < 0 || (later == 0 && InView))
            return true;
        if (NewViewChoice.Compute(entered.View, entered.ViewChanges, quorum) is not { } choice)
            return false;
        Enter(entered, choice);
        return true;
    }

    private bool RestoreLeft(ViewChange left)
    {
        if (left.View.CompareTo(View) < 0 || (left.View == View && InView))
            return true;
        View = left.View;
        InView = false;
        leftAt = now;
        viewChanges[id] = left;
        leftDelivered = Delivered;
        wanted[id] = left.View;
        ForgetUnaccepted();
        return true;
    }

    // What waits for nothing but time goes on with the first tick.
    private void Resume()
    {
        resumes = false;
        enteredAt = leftAt = now;
        AcceptChosen();
        TryDeliver();
        TryBeginView();
    }

    private bool RestoreProposal(in PrePrepare proposed)
    {
        if (!log.Holds(proposed.Number))
            return true;
        LogSlot slot = log[proposed.Number];
        if (!slot.Delivered || slot.Batch!.Digest == proposed.Batch.Digest)
        {
            Overrule(slot, proposed.Batch);
            slot.Batch = proposed.Batch;
            slot.ProposalView = proposed.View;
            slot.Prepared = false;
        }

        if (!HoldsBodies(proposed.Batch) || slot.Batch.Digest != proposed.Batch.Digest)
            return true;
        AddToPrePrepared(slot, proposed.View, log: false);
        slot.Accepted = true;
        if (proposed.View.Value % (ulong)quorum.AgreementReplicas != (ulong)id)
            slot.Prepares.Add(id, proposed.View, Ballot(proposed.Batch));
        if (lastProposedTime.CompareTo(proposed.Batch.Timestamp) < 0)
            lastProposedTime = proposed.Batch.Timestamp;
        Activate(proposed.Number);
        return true;
    }

    private bool RestorePrepared(in Vote vote)
    {
        if (log.Holds(vote.Number) && log[vote.Number] is { Accepted: true } slot
            && slot.ProposalView == vote.View && slot.Batch!.Digest == vote.Batch)
        {
            slot.Prepared = true;
            slot.LastPrepared = new ViewedDigest(vote.View, vote.Batch);
            if (slot.Delivered)
                slot.CommittedView = vote.View;
            slot.Commits.Add(id, vote.View, Ballot(slot.Batch));
        }

        return true;
    }

    private bool RestoreLearned(in Order learned, View committedView)
    {
        if (!log.Holds(learned.Number))
            return true;
        LogSlot slot = log[learned.Number];
        Overrule(slot, learned.Batch);
        slot.Batch = learned.Batch;
        slot.Learned = true;
        slot.CommittedView = committedView;
        slot.LearnedView = learned.View;
        if (HoldsBodies(learned.Batch))
        {
            AddToPrePrepared(slot, learned.View, log: false);
            NotePrepared(slot, learned.View);
        }

        Activate(learned.Number);
        return true;
    }

    // A log whose oldest segments were deleted begins in the middle: its first records of deliveries may be of numbers
    // whose predecessors are gone, because the checkpoint that covers them all is recorded only later.
    private void RedeliverRestored()
    {
        while (Delivered < restoredTo && log.Holds(Delivered.Next) && log[Delivered.Next] is { Batch: not null } slot)
        {
            NoteOwnCertificate(slot);
            MarkDelivered(slot);
        }
    }

    private void ReferenceBodies(LogSlot slot)
    {
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
        {
            int bytes = pool.Reference(slot.Batch.Requests[i], now).Encoded.Length;
            slot.BodyBytes += bytes;
            logBytes += bytes;
        }
    }
}

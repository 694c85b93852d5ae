using Agreement.Messages;

namespace Agreement.Protocol;

// Restart from the log of a former life.
public sealed partial class Replica
{
    private SequenceNumber restoredTo;

    /// <summary>
    /// Writes what must stand at the head of every new segment of the log, so that older segments can be deleted.
    /// </summary>
    /// <returns>The records.</returns>
    public IReadOnlyList<byte[]> LogHead()
    {
        var head = new List<byte[]>();
        var writer = new MessageWriter();
        writer.WriteByte((byte)LogRecordKind.EnteredView);
        writer.WriteUInt64(View.Value);
        head.Add(writer.ToArray());
        if (Stable is not null)
        {
            writer.Clear();
            writer.WriteByte((byte)LogRecordKind.Stable);
            Stable.Write(writer);
            head.Add(writer.ToArray());
        }

        return head;
    }

    /// <summary>Takes one record of the log of a former life; all of them, in order, before anything else.</summary>
    /// <returns>False when the record makes no sense: the log is damaged.</returns>
    public bool Restore(ReadOnlyMemory<byte> record)
    {
        var reader = new MessageReader(record);
        var kind = (LogRecordKind)reader.ReadByte();
        switch (kind)
        {
            case LogRecordKind.Body:
                if (Request.TryParse(record[1..].ToArray()) is not { } request)
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
                reader.ReadByte();
                return Order.TryRead(ref reader, out Order learned) && RestoreLearned(learned);
            case LogRecordKind.Stable:
                reader.ReadByte();
                if (!StableCertificate.TryRead(ref reader, out StableCertificate certificate))
                    return false;
                if (certificate.State.Number > LowWaterMark)
                    Apply(certificate);
                RedeliverRestored();
                return true;
            case LogRecordKind.EnteredView:
                View = new View(reader.ReadUInt64());
                return reader.Complete;
            case LogRecordKind.Delivered:
                restoredTo = new SequenceNumber(Math.Max(restoredTo.Value, reader.ReadUInt64()));
                RedeliverRestored();
                return reader.Complete;
            default:
                return false;
        }
    }

    /// <summary>Ends the restoration: everything read is on disk or at least in the page cache.</summary>
    /// <returns>False when something that was delivered is missing: the log is damaged.</returns>
    public bool EndRestore()
    {
        Output.Clear();
        if (lastProposed < highestActive)
            lastProposed = highestActive;
        return Delivered >= restoredTo;
    }

    private bool RestoreProposal(in PrePrepare proposed)
    {
        if (!log.Holds(proposed.Number))
            return true;
        LogSlot slot = log[proposed.Number];
        slot.Batch = proposed.Batch;
        slot.ProposalView = proposed.View;
        slot.Prepared = false;
        if (!HoldsBodies(proposed.Batch))
            return true;
        if (!slot.Accepted)
            ReferenceBodies(slot);
        slot.Accepted = true;
        if (proposed.View.Value % (ulong)quorum.AgreementReplicas != (ulong)id)
            slot.Prepares.Add(id, proposed.View, proposed.Batch.Digest);
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
            slot.Commits.Add(id, vote.View, vote.Batch);
        }

        return true;
    }

    private bool RestoreLearned(in Order learned)
    {
        if (!log.Holds(learned.Number))
            return true;
        LogSlot slot = log[learned.Number];
        if (slot.Accepted)
            Overrule(slot);
        slot.Batch = learned.Batch;
        slot.Learned = true;
        if (HoldsBodies(learned.Batch))
            ReferenceBodies(slot);
        Activate(learned.Number);
        return true;
    }

    // A log whose oldest segments were deleted begins in the middle: its first records of deliveries may be of numbers
    // whose predecessors are gone, because the checkpoint that covers them all is recorded only later.
    private void RedeliverRestored()
    {
        while (Delivered < restoredTo && log.Holds(Delivered.Next) && log[Delivered.Next] is { Batch: not null } slot)
            MarkDelivered(slot);
    }

    private void ReferenceBodies(LogSlot slot)
    {
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
            slot.BodyBytes += pool.Reference(slot.Batch.Requests[i], now).Encoded.Length;
        logBytes += slot.BodyBytes;
    }
}

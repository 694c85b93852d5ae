using Agreement.Messages;

namespace Agreement.Protocol;

// Delivery: what is committed extends the order, number by number, and goes to the execution replicas (DESIGN §6).
public sealed partial class Replica
{
    private bool IsCommitted(LogSlot slot)
    {
        if (slot.Batch is null)
            return false;
        if (slot.Learned)
            return HoldsBodies(slot.Batch);
        return slot.Prepared && slot.Commits.Count(slot.ProposalView, Ballot(slot.Batch)) >= quorum.Strong;
    }

    private void TryDeliver()
    {
        if (restoring)
            return;
        while (log.Holds(Delivered.Next) && log[Delivered.Next] is { Delivered: false } slot && IsCommitted(slot))
        {
            NoteOwnCertificate(slot);
            if (slot.Learned)
                LogLearned(slot);
            MarkDelivered(slot);
            CheckPreparedByOthers(slot);
            MessageWriter record = Output.BeginRecord();
            int start = record.Length;
            record.WriteByte((byte)LogRecordKind.Delivered);
            record.WriteUInt64(slot.Number.Value);
            Output.EndRecord(start, slot.Number, mayWait: true);
            slot.RecordsAtDelivery = Output.RecordCount;
            if (SendsOrderAtOnce(slot.Number))
                SendOrder(slot, MessageKind.Order, new Recipients(0, ActiveExecution, null));
            else
                DeferOrder(slot.Number);
        }

        // An epoch in a reserved number waits for everything before it.
        if (log.Holds(Delivered.Next) && log[Delivered.Next] is { Accepted: false, Batch.Kind: EntryKind.Configuration } waiting)
            TryAccept(waiting);
    }

    // Others may have seen it committed in a lower view, and said so, before the votes of this one were complete here.
    private static void NoteOwnCertificate(LogSlot slot)
    {
        if (slot.Prepared && slot.ProposalView.CompareTo(slot.CommittedView) > 0)
            slot.CommittedView = slot.ProposalView;
    }

    // The order is extended by this slot, whether now or, at a restart, in a former life.
    private void MarkDelivered(LogSlot slot)
    {
        Batch batch = slot.Batch!;
        slot.Delivered = true;
        deliveredHistory = History.Extend(deliveredHistory, slot.Number, batch.Digest);
        slot.History = deliveredHistory;
        Delivered = slot.Number;
        if (batch.Timestamp.CompareTo(lastTimestamp) > 0)
            lastTimestamp = batch.Timestamp;
        if (lastProposed < Delivered)
            lastProposed = Delivered;
        if (lastProposedTime.CompareTo(lastTimestamp) < 0)
            lastProposedTime = lastTimestamp;
        deliveredAt = now;
        MeasureAgreement(slot);
        long bytes = 0;
        bool sync = false;
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (pool.Deliver(batch.Requests[i], slot.Number) is not { } request)
                continue;
            DeliveredRequests++;
            bytes += request.Encoded.Length;
            if ((request.Flags & RequestFlags.Sync) != 0)
                sync = true;
        }

        if (batch.Kind == EntryKind.Configuration)
            BeginEpoch(batch);
        else if (batch.Kind == EntryKind.Incarnation)
            BeginIncarnation(batch);
        JudgeEarlyReports(slot);

        // Execution replicas commit a checkpoint only when it is durable, so the disks hurry.
        if (!schedule.Advance(slot.Number, bytes, options.CheckpointInterval) && !sync)
            return;
        Output.SyncWanted = true;
        WantDurability(slot.Number);
    }

    private void SendOrder(LogSlot slot, MessageKind kind, in Recipients to)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new Order(Incarnation, Epoch, slot.Number, slot.History, slot.Batch!, slot.CommittedView).Write(writer, kind);
        Output.EndMessage(start, to);
    }
}

using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Checkpoints that execution replicas certify move the water marks (DESIGN §8); durability statements (DESIGN §5).
public sealed partial class Replica
{
    /// <summary>Checkpoints above the stable one that are kept for each execution replica.</summary>
    private const int CheckpointsKept = 16;

    private readonly List<Checkpoint>[] checkpoints;
    private readonly Action<LogSlot> forget;
    private readonly Synced?[] peersSynced;
    private CheckpointSchedule schedule;
    private ulong recordsAtStable;
    private ulong recordsOnDisk;

    /// <summary>A signed checkpoint of an execution replica, from whoever passed it on.</summary>
    public void OnCheckpoint(in Verified<Checkpoint> message)
    {
        Checkpoint checkpoint = message.Value;
        if (checkpoint.Number <= LowWaterMark)
            return;
        if (checkpoint.Sender.Index >= (uint)quorum.ExecutionReplicas || !checkpoint.IsSigned(signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        List<Checkpoint> known = checkpoints[checkpoint.Sender.Index];
        known.RemoveAll(other => other.Number == checkpoint.Number && other.Root == checkpoint.Root);
        if (known.Count >= CheckpointsKept)
            known.RemoveAt(0);
        known.Add(checkpoint);
        if (Certify(checkpoint) is { } certificate)
            BecomeStable(certificate);
    }

    /// <summary>A peer's proof of a stable checkpoint: how a replica that was away longer than the log catches up.</summary>
    public void OnStableCertificate(in Verified<StableCertificate> message)
    {
        StableCertificate certificate = message.Value;
        if (certificate.State.Number <= LowWaterMark)
            return;
        if (!certificate.IsValid(quorum, signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        BecomeStable(certificate);
    }

    /// <summary>A peer's statement of what it has on disk.</summary>
    public void OnSynced(in Verified<Synced> message)
    {
        peersSynced[message.Sender.Index] = message.Value;
        ReleaseAffidavits();
    }

    /// <summary>Everything up to the given count of records (see <see cref="Output.RecordCount"/>) is on disk.</summary>
    public void OnLogSynced(ulong records)
    {
        SequenceNumber before = Synced;
        if (Synced < LowWaterMark && recordsAtStable <= records)
            Synced = LowWaterMark;
        recordsOnDisk = Math.Max(recordsOnDisk, records);
        while (Synced >= LowWaterMark && Synced < Delivered && IsDurableHere(log[Synced.Next]))
            Synced = Synced.Next;
        if (Synced > before)
            SendSynced(otherReplicas, ActiveExecution);
        ReleaseAffidavits();
    }

    // On disk, and told of by whatever VIEW-CHANGE of ours a next view can be made from. Our last VIEW-CHANGE may lead to
    // several NEW-VIEWs, if the primary is bad, and to an incarnation that misses what we learned after it left. So that must
    // first be prepared in this view and incarnation by 2f + 1: then no other incarnation commits anything in this view. It
    // stands in P under this view, lest P of something else, claimed by a liar, overrules it.
    private bool IsDurableHere(LogSlot slot) =>
        slot.RecordsAtDelivery <= recordsOnDisk
        && InView
        && (View.Value == 0 || slot.Number <= durableUnder || (slot.LastPrepared?.View == View && slot.CommittedView.CompareTo(View) >= 0));

    private void SendSynced(uint agreement, uint execution)
    {
        if (Synced < LowWaterMark)
            return;
        Digest history = Synced == LowWaterMark ? Stable?.State.History ?? default : log[Synced].History;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new Synced(Incarnation, Synced, history).Write(writer);
        Output.EndMessage(start, new Recipients(agreement, execution, null));
    }

    // f + 1 that match on (n, root), from distinct execution replicas, whatever their epoch. Logs are cut behind what it
    // proves, so each of them must hold every object of it (DESIGN §8).
    private StableCertificate? Certify(Checkpoint checkpoint)
    {
        var matching = new List<Checkpoint>(quorum.Weak);
        foreach (List<Checkpoint> known in checkpoints)
        {
            Checkpoint? match = known.Find(other => other.Number == checkpoint.Number && other.Root == checkpoint.Root && other.Complete);
            if (match is not null && matching.Count < quorum.Weak)
                matching.Add(match);
        }

        return matching.Count >= quorum.Weak ? new StableCertificate(matching) : null;
    }

    private void BecomeStable(StableCertificate certificate)
    {
        CheckpointState state = certificate.State;
        if (state.Number <= Delivered && HistoryAt(state.Number) is { } own && own != state.History)
        {
            if (state.Incarnation.CompareTo(StateIncarnation) > 0)
            {
                // A log incarnation began that we missed: what we delivered since our checkpoint is not in it.
                RollBack(state.Incarnation);
                BecomeStable(certificate);
                return;
            }

            // f + 1 execution replicas signed a history that is not ours: more than f parties lie. Counted, never obeyed.
            Rejections.Count(Rejection.Mismatch);
            return;
        }

        Apply(certificate);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Stable);
        certificate.Write(record);
        Output.EndRecord(start, state.Number);
        recordsAtStable = Output.RecordCount;
        Output.TruncateUpTo = state.Number;

        // Older records may go from now on, so the proof that they may must not be lost (DESIGN §5).
        Output.SyncBeforeSending = true;
        MessageWriter message = Output.BeginMessage();
        start = message.Length;
        certificate.Write(message);
        Output.EndMessage(start, new Recipients(0, ActiveExecution, null));
        BodyArrived();
    }

    // Moves the low water mark, and, when this replica lags behind it, its own place in the order too.
    private void Apply(StableCertificate certificate)
    {
        CheckpointState state = certificate.State;
        Stable = certificate;
        log.Advance(state.Number, forget);
        if (IsAmnesic && state.Number >= Ceiling)
            IsAmnesic = false;
        foreach (List<Checkpoint> known in checkpoints)
            known.RemoveAll(other => other.Number <= state.Number);
        if (Delivered >= state.Number)
            return;
        Delivered = state.Number;
        deliveredHistory = state.History;
        lastTimestamp = state.Timestamp;
        deliveredAt = now;
        StateIncarnation = state.Incarnation;
        if (Incarnation.CompareTo(state.Incarnation) < 0)
            Incarnation = state.Incarnation;
        if (Epoch != state.Epoch)
            justifiedAt = 0;
        Epoch = state.Epoch;
        ActiveExecution = state.Active;
        schedule = new CheckpointSchedule(Delivered);
        if (lastProposed < Delivered)
            lastProposed = Delivered;
        if (lastProposedTime.CompareTo(lastTimestamp) < 0)
            lastProposedTime = lastTimestamp;
    }

    private Digest? HistoryAt(SequenceNumber number)
    {
        if (number == Delivered)
            return deliveredHistory;
        return log.Holds(number) && log[number].Delivered ? log[number].History : null;
    }

    private void Forget(LogSlot slot)
    {
        if (slot.Chosen is not null)
            chosenMissing--;
        if (slot.Batch is { } batch && slot.FindPrePrepared(batch.Digest) is null)
            DiscardBodies(batch);
        if (slot.Batch is not null && slot.FindPrePrepared(slot.Batch.Digest) != slot.Batch)
            Batches.Return(slot.Batch);
        for (int i = 0; i < slot.PrePreparedCount; i++)
        {
            ReleaseBodies(slot, slot.PrePrepared(i).Batch);
            Batches.Return(slot.PrePrepared(i).Batch);
        }
    }

    private void ReleaseBodies(LogSlot slot, Batch batch)
    {
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            int bytes = pool.Release(batch.Requests[i]);
            slot.BodyBytes -= bytes;
            logBytes -= bytes;
        }
    }

    // A batch that was never accepted refers to nothing yet, but some of its bodies may have been fetched for it.
    private void DiscardBodies(Batch batch)
    {
        for (int i = 0; i < batch.Requests.Count; i++)
            pool.Discard(batch.Requests[i]);
    }
}

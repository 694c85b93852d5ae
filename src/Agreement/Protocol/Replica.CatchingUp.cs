using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Retransmission, catching up with peers, and restart from the log.
public sealed partial class Replica
{
    /// <summary>Numbers re-sent in answer to one message.</summary>
    private const int ResendNumbers = 64;

    /// <summary>Bytes of bodies in one message that re-sends them.</summary>
    private const int ResendBytes = 1 << 20;

    /// <summary>Least time between two requests for more of the order, in milliseconds.</summary>
    private const int MoreMilliseconds = 3;

    private readonly List<Digest> missing = [];
    private SequenceNumber restoredTo;
    private long progressAt;
    private long moreAskedAt;

    /// <summary>A peer's statement that it committed a batch: f + 1 equal ones prove it.</summary>
    public void OnCommitted(in Verified<Order> message)
    {
        Order statement = message.Value;
        if (!log.Holds(statement.Number))
        {
            if (statement.Number > log.Horizon)
                Rejections.Count(Rejection.OutsideWindow);
            return;
        }

        LogSlot slot = log[statement.Number];
        if (slot.Delivered || slot.Learned)
            return;
        slot.Statements[message.Sender.Index] = statement;
        int matching = 0;
        foreach (Order? other in slot.Statements)
        {
            if (other is { } known && known.Batch.Digest == statement.Batch.Digest && known.History == statement.History)
                matching++;
        }

        if (matching < quorum.Weak)
            return;
        if (slot.Accepted && slot.Batch!.Digest != statement.Batch.Digest)
        {
            // Ours was proposed in a view that a later one overruled, or by a primary that told others otherwise.
            Overrule(slot);
        }

        slot.Batch = statement.Batch;
        slot.Learned = true;
        slot.Since = now;
        Activate(statement.Number);
        FetchMissingBodies(slot, 1u << (int)message.Sender.Index);
        TryDeliver();
        if (Delivered == highestActive && now - moreAskedAt >= MoreMilliseconds)
        {
            // All that was re-sent is used up: there may be more. Not at every number, or answers would multiply.
            moreAskedAt = now;
            SendProgress(otherReplicas);
        }
    }

    /// <summary>A peer says how far it is; sends it what it lacks.</summary>
    public void OnProgress(in Verified<Progress> message)
    {
        Progress peer = message.Value;
        uint mask = 1u << (int)message.Sender.Index;
        if (peer.LowWaterMark < LowWaterMark && Stable is not null)
            SendStable(message.Sender);
        var known = new SequenceNumber(Math.Max(peer.Delivered.Value, LowWaterMark.Value));
        for (int i = 0; i < ResendNumbers && known < highestActive; i++)
        {
            known = known.Next;
            if (!log.Holds(known))
                return;
            LogSlot slot = log[known];
            if (slot.Delivered)
                SendOrder(slot, MessageKind.Committed, new Recipients(mask, 0, null));

            // The votes too: fewer than f + 1 may have delivered this number, whose statements alone prove nothing.
            if (peer.View == View)
                ResendVotes(slot, mask);
        }
    }

    /// <summary>An execution replica wants the order from some number on.</summary>
    public void OnFetchOrders(in Verified<FetchOrders> message)
    {
        SequenceNumber number = message.Value.First;
        if (number <= LowWaterMark)
        {
            if (Stable is not null)
                SendStable(message.Sender);
            number = LowWaterMark.Next;
        }

        for (int i = 0; i < ResendNumbers && number <= Delivered; i++, number = number.Next)
            SendOrder(log[number], MessageKind.Order, Recipients.One(message.Sender));
        if (Synced.Value > 0)
            SendSynced(0, 1u << (int)message.Sender.Index);
    }

    /// <summary>A replica wants bodies.</summary>
    public void OnFetchBodies(in Verified<FetchBodies> message)
    {
        MessageWriter writer = Output.BeginMessage();
        ReadOnlySpan<Digest> wanted = message.Value.Digests;
        while (!wanted.IsEmpty)
        {
            int start = writer.Length;
            Bodies.WriteHeader(writer, 0);
            uint count = 0;
            int taken = 0;
            while (taken < wanted.Length && writer.Length - start < ResendBytes)
            {
                if (pool.Find(wanted[taken++]) is not { } request)
                    continue;
                writer.WriteBytes(request.Encoded.Span);
                count++;
            }

            writer.PatchUInt32(start + 1, count);
            Output.EndMessage(start, Recipients.One(message.Sender));
            wanted = wanted[taken..];
        }
    }

    /// <summary>Bodies that were fetched. Each is taken only if a proposal needs it and it is valid (DESIGN §4).</summary>
    public void OnBodies(in Verified<Bodies> message)
    {
        foreach (ReadOnlyMemory<byte> encoded in message.Value.Requests)
        {
            if (Request.TryParse(encoded.ToArray()) is not { } request)
            {
                Rejections.Count(Rejection.Malformed);
                continue;
            }

            if (FindSlotThatLacks(request.Digest) is { } slot && (IsVouchedFor(slot) || IsValid(request)))
                pool.AddOrdered(request);
        }

        BodyArrived();
    }

    private void Overrule(LogSlot slot)
    {
        Forget(slot);
        slot.BodyBytes = 0;
        slot.Accepted = slot.Prepared = false;
    }

    private LogSlot? FindSlotThatLacks(in Digest digest)
    {
        if (pool.Find(digest) is not null)
            return null;
        for (SequenceNumber number = Delivered.Next; number <= highestActive; number = number.Next)
        {
            if (log.Holds(number) && log[number] is { Batch: { } batch } slot && Contains(batch, digest))
                return slot;
        }

        return null;
    }

    private static bool Contains(Batch batch, in Digest digest)
    {
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (batch.Requests[i] == digest)
                return true;
        }

        return false;
    }

    // f + 1 replicas pre-prepared or prepared the batch: a correct one checked its bodies.
    private bool IsVouchedFor(LogSlot slot) =>
        slot.Learned
        || slot.Prepares.Count(slot.ProposalView, slot.Batch!.Digest, except: (1u << Primary) | (1u << id)) + 1 >= quorum.Weak;

    private void FetchOverdueBodies()
    {
        for (SequenceNumber number = Delivered.Next; number <= highestActive; number = number.Next)
        {
            if (!log.Holds(number) || log[number] is not { Batch: not null, Accepted: false } slot)
                continue;
            if (now - Math.Max(slot.Since, slot.BodiesAskedAt) >= options.BodyGraceMilliseconds)
            {
                // The primary first; whoever else is as good the next time.
                uint asked = slot.BodiesAskedAt == 0 && !IsPrimary ? 1u << Primary : otherReplicas;
                FetchMissingBodies(slot, asked);
            }
        }
    }

    private void FetchMissingBodies(LogSlot slot, uint mask)
    {
        missing.Clear();
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
        {
            if (pool.Find(slot.Batch.Requests[i]) is null)
                missing.Add(slot.Batch.Requests[i]);
        }

        if (missing.Count == 0)
            return;
        slot.BodiesAskedAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        FetchBodies.Write(writer, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(missing));
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    private void TellProgress()
    {
        bool stalled = highestActive > Delivered
            && log.Holds(Delivered.Next)
            && now - log[Delivered.Next].Since >= options.StallMilliseconds;
        if (now - progressAt >= (stalled ? options.StallMilliseconds : options.ProgressMilliseconds))
            SendProgress(otherReplicas);
    }

    private void SendProgress(uint mask)
    {
        if (mask == otherReplicas)
            progressAt = now;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new Progress(View, LowWaterMark, Delivered).Write(writer);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    private void SendStable(PartyId party)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        Stable!.Write(writer);
        Output.EndMessage(start, Recipients.One(party));
    }

    private void ResendVotes(LogSlot slot, uint mask)
    {
        if (!slot.Accepted || slot.ProposalView != View)
            return;
        var vote = new Vote(slot.ProposalView, slot.Number, slot.Batch!.Digest);
        if (IsPrimary)
            SendProposal(slot, mask);
        else
            SendToReplicas(mask, MessageKind.Prepare, vote);
        if (slot.Prepared)
            SendToReplicas(mask, MessageKind.Commit, vote);
    }

    private void LogLearned(LogSlot slot)
    {
        LogBodies(slot);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Learned);
        new Order(Incarnation, Epoch, slot.Number, default, slot.Batch!).Write(record, MessageKind.Committed);
        Output.EndRecord(start, slot.Number);
    }

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

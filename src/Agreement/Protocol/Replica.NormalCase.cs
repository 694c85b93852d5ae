using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Normal case: requests, PRE-PREPARE, PREPARE, COMMIT, delivery (TOCS 2002 §4.3).
public sealed partial class Replica
{
    private readonly List<Digest> proposal = [];
    private readonly Func<Request, bool> isValid;
    private SequenceNumber lastProposed;
    private Timestamp lastProposedTime;

    // Highest number about which a proposal or statement is held.
    private SequenceNumber highestActive;
    private long logBytes;

    /// <summary>A request came over its client's own link.</summary>
    public void OnRequest(in Verified<Request> message)
    {
        Request request = message.Value;
        if (message.Sender != request.Client)
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        if (!pool.TryAdd(request, now, out Rejection rejection))
        {
            Rejections.Count(rejection);
            return;
        }

        BodyArrived();
    }

    /// <summary>A proposal of the primary.</summary>
    public void OnPrePrepare(in Verified<PrePrepare> message)
    {
        PrePrepare proposed = message.Value;
        if (proposed.View != View || message.Sender.Index != (uint)Primary || IsPrimary)
        {
            Rejections.Count(Rejection.WrongView);
            return;
        }

        if (!log.Holds(proposed.Number))
        {
            Rejections.Count(Rejection.OutsideWindow);
            return;
        }

        LogSlot slot = log[proposed.Number];
        if (slot.Batch is not null)
        {
            if (!slot.Learned && slot.ProposalView == View && slot.Batch.Digest != proposed.Batch.Digest)
                Rejections.Count(Rejection.Equivocation);
            return;
        }

        if (!IsTimely(proposed))
        {
            Rejections.Count(Rejection.BadTimestamp);
            return;
        }

        slot.Batch = proposed.Batch;
        slot.ProposalView = View;
        slot.Since = now;
        Activate(proposed.Number);
        TryAccept(slot);
        TryDeliver();
    }

    /// <summary>A PREPARE.</summary>
    public void OnPrepare(in Verified<Vote> message)
    {
        if (FindVotedSlot(message) is not { } slot || message.Sender.Index == (uint)Primary)
            return;
        slot.Prepares.Add((int)message.Sender.Index, message.Value.View, message.Value.Batch);
        CheckPrepared(slot);
        TryDeliver();
    }

    /// <summary>A COMMIT.</summary>
    public void OnCommit(in Verified<Vote> message)
    {
        if (FindVotedSlot(message) is not { } slot)
            return;
        slot.Commits.Add((int)message.Sender.Index, message.Value.View, message.Value.Batch);
        TryDeliver();
    }

    // Votes of one number above the mark but not yet in our window are kept: our mark may only be late.
    private LogSlot? FindVotedSlot(in Verified<Vote> message)
    {
        if (message.Value.View != View)
        {
            Rejections.Count(Rejection.WrongView);
            return null;
        }

        if (log.Holds(message.Value.Number))
            return log[message.Value.Number];
        if (message.Value.Number > log.Horizon)
            Rejections.Count(Rejection.OutsideWindow);
        return null;
    }

    private bool IsTimely(in PrePrepare proposed)
    {
        // What f + 1 replicas prepared was near some correct one's clock when it was fresh: a replica that was cut off for
        // longer than the drift can follow (DESIGN §5). A departure: a time far in the past is taken too. After an outage
        // of the primary its proposals are old, and as long as views don't change nobody else could propose their numbers.
        // The price is that a bad primary can hold time back; it can't turn it back, nor run ahead.
        long ahead = proposed.Batch.Timestamp.Nanoseconds - wallNanoseconds;
        if (ahead > options.TimestampDriftNanoseconds
            && log[proposed.Number].Prepares.Count(View, proposed.Batch.Digest, except: 1u << Primary) < quorum.Weak)
        {
            return false;
        }

        var previous = new SequenceNumber(proposed.Number.Value - 1);
        Timestamp floor = previous == Delivered ? lastTimestamp
            : log.Holds(previous) && log[previous].Batch is { } batch ? batch.Timestamp
            : default;
        return proposed.Batch.Timestamp.CompareTo(floor) >= 0;
    }

    private bool IsValid(Request request)
    {
        Span<byte> signed = stackalloc byte[Request.SignedBytes];
        Request.WriteSigned(request.Digest, signed);
        if (signatures.Verify(request.Client, signed, request.Signature.Span))
            return true;
        Rejections.Count(Rejection.BadSignature);
        return false;
    }

    // The numbers above wait for the marks to move, whoever proposes there: a bad primary could else fill the window with
    // requests and so keep out the configuration that a recovery needs.
    private SequenceNumber HighestForRequests => new(log.HighWaterMark.Value - ReservedNumbers);

    private void Propose()
    {
        if (!IsPrimary)
            return;
        while (pool.Waiting > 0
            && lastProposed < HighestForRequests
            && logBytes <= options.MaximumLogBytes
            && lastProposed.Value < Delivered.Value + (ulong)options.ProposalsInFlight)
        {
            proposal.Clear();
            pool.TakeBatch(isValid, proposal);
            if (proposal.Count == 0)
                return;
            lastProposed = lastProposed.Next;
            lastProposedTime = new Timestamp(Math.Max(wallNanoseconds, lastProposedTime.Nanoseconds + 1));
            LogSlot slot = log[lastProposed];
            slot.Batch = new Batch(EntryKind.Requests, lastProposedTime, [.. proposal]);
            slot.ProposalView = View;
            slot.Since = now;
            Activate(lastProposed);
            TryAccept(slot);
        }
    }

    // Logs the proposal with its bodies and votes for it. PREPARE leaves only when every body is held and logged, so that
    // what is committed can always be fetched from some correct replica. There is no vote for what was learned from peers:
    // no primary may have proposed it to us in our view, and we may have voted for another batch in its place.
    private void TryAccept(LogSlot slot)
    {
        if (slot.Accepted || slot.Learned || slot.Batch is null || slot.Number > HighestForRequests || !HoldsBodies(slot.Batch))
            return;
        slot.Accepted = true;
        LogBodies(slot);
        var proposed = new PrePrepare(slot.ProposalView, slot.Number, slot.Batch);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.PrePrepared);
        proposed.Write(record);
        Output.EndRecord(start, slot.Number);
        if (IsPrimary)
        {
            SendProposal(slot, otherReplicas);
        }
        else
        {
            slot.Prepares.Add(id, slot.ProposalView, slot.Batch.Digest);
            SendToReplicas(otherReplicas, MessageKind.Prepare, new Vote(slot.ProposalView, slot.Number, slot.Batch.Digest));
        }

        CheckPrepared(slot);
    }

    private void SendProposal(LogSlot slot, uint mask)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new PrePrepare(slot.ProposalView, slot.Number, slot.Batch!).Write(writer);
        Output.EndMessage(start, new Recipients(mask, 0, null));
    }

    private void CheckPrepared(LogSlot slot)
    {
        if (!slot.Accepted || slot.Prepared
            || slot.Prepares.Count(slot.ProposalView, slot.Batch!.Digest, except: 1u << Primary) < quorum.Prepares)
        {
            return;
        }

        slot.Prepared = true;
        var vote = new Vote(slot.ProposalView, slot.Number, slot.Batch.Digest);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Prepared);
        vote.Write(record, MessageKind.Commit);
        Output.EndRecord(start, slot.Number);
        slot.Commits.Add(id, slot.ProposalView, slot.Batch.Digest);
        SendToReplicas(otherReplicas, MessageKind.Commit, vote);
    }

    private bool IsCommitted(LogSlot slot)
    {
        if (slot.Batch is null)
            return false;
        if (slot.Learned)
            return HoldsBodies(slot.Batch);
        return slot.Prepared && slot.Commits.Count(slot.ProposalView, slot.Batch.Digest) >= quorum.Strong;
    }

    private void TryDeliver()
    {
        while (log.Holds(Delivered.Next) && log[Delivered.Next] is { Delivered: false } slot && IsCommitted(slot))
        {
            if (!slot.Accepted)
                LogLearned(slot);
            MarkDelivered(slot);
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
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (pool.Find(batch.Requests[i]) is not { } request)
                continue;
            pool.Delivered(request);
            DeliveredRequests++;
            if (request.Flags.HasFlag(RequestFlags.Sync))
                Output.SyncWanted = true;
        }
    }

    private void SendOrder(LogSlot slot, MessageKind kind, in Recipients to)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new Order(Incarnation, Epoch, slot.Number, slot.History, slot.Batch!).Write(writer, kind);
        Output.EndMessage(start, to);
    }

    private void LogBodies(LogSlot slot)
    {
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
        {
            Request request = pool.Reference(slot.Batch.Requests[i], now);
            slot.BodyBytes += request.Encoded.Length;
            MessageWriter record = Output.BeginRecord();
            int start = record.Length;
            record.WriteByte((byte)LogRecordKind.Body);
            record.WriteRaw(request.Encoded.Span);
            Output.EndRecord(start, slot.Number);
        }

        logBytes += slot.BodyBytes;
    }

    private bool HoldsBodies(Batch batch)
    {
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (pool.Find(batch.Requests[i]) is null)
                return false;
        }

        return true;
    }

    private void BodyArrived()
    {
        for (SequenceNumber number = Delivered.Next; number <= highestActive; number = number.Next)
        {
            if (log.Holds(number) && log[number] is { Accepted: false, Batch: not null } slot)
                TryAccept(slot);
        }

        TryDeliver();
    }

    private void Activate(SequenceNumber number)
    {
        if (number > highestActive)
            highestActive = number;
    }
}

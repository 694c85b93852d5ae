using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Normal case: requests, PRE-PREPARE, PREPARE, COMMIT (TOCS 2002 §4.3).
public sealed partial class Replica
{
    private readonly List<Digest> proposal = [];
    private readonly Func<Request, bool> isValid;
    private SequenceNumber lastProposed;
    private Timestamp lastProposedTime;

    // Highest number about which a proposal or statement is held, and since when one is held above what is delivered.
    private SequenceNumber highestActive;
    private long activeSince;
    private long logBytes;

    /// <summary>A request came over its client's own link. The replica owns it from now on.</summary>
    public void OnRequest(in Verified<Request> message)
    {
        Request request = message.Value;
        bool isNew = false;
        Rejection rejection = Rejection.WrongSender;
        if (message.Sender != request.Client || !pool.TryAdd(request, now, out isNew, out rejection))
            Rejections.Count(rejection);
        else
            AffirmAgain(request);
        if (!isNew)
        {
            Requests.Return(request);
            return;
        }

        WillTellHeld(request.Digest);
        BodyArrived();
    }

    /// <summary>
    /// A request that a peer passes on because the primary, which may be us, seems not to know it. Taken whatever its
    /// client sent us itself; the order drops repetitions. The replica owns it from now on.
    /// </summary>
    public void OnForwarded(in Verified<Request> message)
    {
        Request request = message.Value;
        bool isTaken = false;
        if (InView && IsPrimary && !pool.IsWaitingVerified(request.Digest) && IsValid(request))
        {
            if (pool.TryAddForwarded(request, now, out isTaken))
                BodyArrived();
            else
                Rejections.Count(Rejection.ClientOverLimit);
        }

        if (!isTaken)
            Requests.Return(request);
    }

    /// <summary>A proposal of the primary, from itself or handed on by a backup.</summary>
    public void OnPrePrepare(in Verified<PrePrepare> message)
    {
        PrePrepare proposed = message.Value;
        if (proposed.View != View || !InView || IsPrimary)
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
        if (message.Sender.Index != (uint)Primary && !IsProposalProven(slot, proposed.Batch))
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        if (slot.Chosen is not null)
        {
            if (TakeChosen(slot, proposed.Batch))
                TryDeliver();
            else
                Rejections.Count(Rejection.Equivocation);
            return;
        }

        if (slot.Batch is not null)
        {
            if (!slot.Learned && !slot.Delivered && slot.ProposalView == View && slot.Batch.Digest != proposed.Batch.Digest)
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
        MeasurePace(slot);
        TryAccept(slot);
        TryDeliver();
    }

    /// <summary>A PREPARE.</summary>
    public void OnPrepare(in Verified<Vote> message)
    {
        bool isPrimarys = message.Sender.Index == message.Value.View.Value % (ulong)quorum.AgreementReplicas;
        if (FindVotedSlot(message) is not { } slot || isPrimarys)
            return;
        slot.Prepares.Add((int)message.Sender.Index, message.Value.View, message.Value.Batch);
        if (slot.Batch is null)
            NoteVoted(slot, message.Value);
        NoteBacked(slot);
        CheckPrepared(slot);
        TryDeliver();
    }

    /// <summary>A COMMIT.</summary>
    public void OnCommit(in Verified<Vote> message)
    {
        if (FindVotedSlot(message) is not { } slot)
            return;
        slot.Commits.Add((int)message.Sender.Index, message.Value.View, message.Value.Batch);
        if (slot.Delivered)
            CheckPreparedByOthers(slot);
        TryDeliver();
    }

    // Votes above our mark's window, and of views that we have not entered yet, are kept: we may only be late. What a number
    // was prepared in may also still be committed after we left that view.
    private LogSlot? FindVotedSlot(in Verified<Vote> message)
    {
        Vote vote = message.Value;
        if (!log.Holds(vote.Number))
        {
            if (vote.Number > log.Horizon)
                Rejections.Count(Rejection.OutsideWindow);
            return null;
        }

        LogSlot slot = log[vote.Number];
        if (vote.View.CompareTo(View) >= 0 || (slot.Prepared && vote.View == slot.ProposalView))
            return slot;
        Rejections.Count(Rejection.WrongView);
        return null;
    }

    private bool IsTimely(in PrePrepare proposed)
    {
        // What f + 1 replicas prepared was near some correct one's clock when it was fresh: a replica that was cut off for
        // longer than the drift can follow (DESIGN §5).
        long difference = proposed.Batch.Timestamp.Nanoseconds - wallNanoseconds;
        if (Math.Abs(difference) > options.TimestampDriftNanoseconds
            && log[proposed.Number].Prepares.Count(View, Ballot(proposed.Batch), except: 1u << Primary) < quorum.Weak)
        {
            return false;
        }

        // Null requests have no time of their own, so the last one that has may lie further back.
        for (var previous = new SequenceNumber(proposed.Number.Value - 1); previous > Delivered; previous = new SequenceNumber(previous.Value - 1))
        {
            if (log.Holds(previous) && log[previous].Batch is { } batch && batch.Timestamp.Nanoseconds > 0)
                return proposed.Batch.Timestamp.CompareTo(batch.Timestamp) >= 0;
        }

        return proposed.Batch.Timestamp.CompareTo(lastTimestamp) >= 0;
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

    // The last one is left to an incarnation entry, which follows what a new view proposes again.
    private SequenceNumber HighestForEpochs => new(log.HighWaterMark.Value - 1);

    private void Propose()
    {
        if (!IsPrimary || !InView || IsAmnesic || chosenMissing > 0)
            return;
        SkipTaken();
        ProposeEpoch();
        while (pool.Waiting > 0 && MayPropose() && logBytes <= options.MaximumLogBytes)
        {
            proposal.Clear();
            pool.TakeBatch(now, inFlight: lastProposed > Delivered, isValid, proposal);
            if (proposal.Count == 0)
                break;
            ProposeNext(Batches.Make(NextTimestamp(), proposal));
        }

        // For replicas that must not vote before the order has come so far.
        while (lastProposed < fillUpTo && pool.Waiting == 0 && MayPropose())
            ProposeNext(new Batch(EntryKind.Requests, NextTimestamp(), []));
    }

    private bool MayPropose() =>
        lastProposed < HighestForRequests && lastProposed.Value < Delivered.Value + (ulong)options.ProposalsInFlight;

    private Timestamp NextTimestamp() => new(Math.Max(wallNanoseconds, lastProposedTime.Nanoseconds + 1));

    private void ProposeNext(Batch batch)
    {
        lastProposed = lastProposed.Next;
        lastProposedTime = batch.Timestamp;
        LogSlot slot = log[lastProposed];
        slot.Batch = batch;
        slot.ProposalView = View;
        slot.Since = now;
        Activate(lastProposed);
        TryAccept(slot);
        SkipTaken();
    }

    // What f + 1 replicas say was committed may wait here for its bodies, or for numbers before it, when a primary comes back:
    // its numbers are taken.
    private void SkipTaken()
    {
        while (log.Holds(lastProposed.Next) && log[lastProposed.Next].Batch is not null)
            lastProposed = lastProposed.Next;
    }

    // Logs the proposal with its bodies and votes for it. PREPARE leaves only when every body is held and logged, so that
    // what is committed can always be fetched from some correct replica. There is no vote for what was learned from peers:
    // no primary may have proposed it to us in our view, and we may have voted for another batch in its place.
    private void TryAccept(LogSlot slot)
    {
        if (!MayAccept(slot))
            return;
        slot.Accepted = true;
        LogProposal(slot);
        if (IsPrimary)
        {
            SendProposal(slot, otherReplicas);
        }
        else
        {
            Digest ballot = Ballot(slot.Batch!);
            slot.Prepares.Add(id, slot.ProposalView, ballot);
            NoteBacked(slot);
            SendToReplicas(otherReplicas, MessageKind.Prepare, new Vote(slot.ProposalView, slot.Number, ballot));
        }

        CheckPrepared(slot);
    }

    private bool MayAccept(LogSlot slot)
    {
        if (slot.Accepted || slot.Learned || slot.Batch is null || !InView || IsAmnesic || slot.ProposalView != View || restoring)
            return false;
        return slot.Batch.Kind switch
        {
            _ when slot.Number > log.HighWaterMark => false,
            EntryKind.Requests => HoldsBodies(slot.Batch, out long bytes) && (IsChosen(slot) || (slot.Number <= HighestForRequests && HasRoomFor(slot.Batch, bytes))),
            EntryKind.Configuration => MayAcceptEpoch(slot),
            _ => slot.Vouched,
        };
    }

    // The new view proposed it; what it proposes may lie anywhere in the window.
    private bool IsChosen(LogSlot slot) => slot.Vouched || slot.Number <= chosenUpTo;

    // Votes on who is active, and on what an incarnation is, are synced before they leave in every mode (DESIGN §5).
    private void LogProposal(LogSlot slot)
    {
        Batch batch = slot.Batch!;
        AddToPrePrepared(slot, slot.ProposalView, log: true);
        var proposed = new PrePrepare(slot.ProposalView, slot.Number, batch);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.PrePrepared);
        proposed.Write(record);
        Output.EndRecord(start, slot.Number);
        if (batch.Kind != EntryKind.Requests)
            Output.SyncBeforeSending = true;
    }

    // The batch of the slot enters its Q set, and its bodies stay until the number is stable.
    private void AddToPrePrepared(LogSlot slot, View view, bool log)
    {
        if (!slot.AddPrePrepared(view, slot.Batch!, out Batch? dropped))
            return;
        if (dropped is not null)
            ReleaseBodies(slot, dropped);
        if (log)
            LogBodies(slot);
        else
            ReferenceBodies(slot);
    }

    // What votes name: the batch, and the log incarnation in which they are cast. A bad primary may begin its view with an
    // incarnation for some and without for others; these must not commit together, or a later view could take it back.
    private Digest Ballot(Batch batch)
    {
        if (Incarnation.Value == 0)
            return batch.Digest;
        Span<byte> bytes = stackalloc byte[Digest.SizeBytes + sizeof(ulong)];
        batch.Digest.CopyTo(bytes);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(bytes[Digest.SizeBytes..], Incarnation.Value);
        return Digest.Of(bytes);
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
        if (!slot.Accepted || slot.Prepared || !InView || slot.ProposalView != View || IsAmnesic
            || slot.Prepares.Count(slot.ProposalView, Ballot(slot.Batch!), except: 1u << Primary) < quorum.Prepares)
        {
            return;
        }

        slot.Prepared = true;
        slot.LastPrepared = new ViewedDigest(slot.ProposalView, slot.Batch!.Digest);
        var vote = new Vote(slot.ProposalView, slot.Number, slot.Batch.Digest);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Prepared);
        vote.Write(record, MessageKind.Commit);
        Output.EndRecord(start, slot.Number);
        if (slot.Batch.Kind != EntryKind.Requests)
            Output.SyncBeforeSending = true;
        if (slot.Delivered)
        {
            slot.CommittedView = slot.ProposalView;
            slot.RecordsAtDelivery = Output.RecordCount;
        }

        Vote commit = vote with { Batch = Ballot(slot.Batch) };
        slot.Commits.Add(id, commit.View, commit.Batch);
        SendToReplicas(otherReplicas, MessageKind.Commit, commit);
    }

    private void LogBodies(LogSlot slot)
    {
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
        {
            Request request = pool.Reference(slot.Batch.Requests[i], now);
            slot.BodyBytes += request.Encoded.Length;
            logBytes += request.Encoded.Length;
            MessageWriter record = Output.BeginRecord();
            int start = record.Length;
            record.WriteByte((byte)LogRecordKind.Body);
            record.WriteRaw(request.Encoded.Span);
            Output.EndRecord(start, slot.Number);
        }
    }

    // What a correct primary keeps to for itself is here the bound on what a bad one can make this replica hold; twice as
    // much, since our low mark may be behind its.
    private bool HasRoomFor(Batch batch, long bytes) =>
        logBytes <= 2 * options.MaximumLogBytes && (batch.Requests.Count <= 1 || bytes <= Limits.MaximumBatchBytes);

    private bool HoldsBodies(Batch batch) => HoldsBodies(batch, out _);

    private bool HoldsBodies(Batch batch, out long bytes)
    {
        bytes = 0;
        for (int i = 0; i < batch.Requests.Count; i++)
        {
            if (pool.Find(batch.Requests[i]) is not { } request)
                return false;
            bytes += request.Encoded.Length;
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
        if (number <= highestActive)
            return;
        if (highestActive <= Delivered)
            activeSince = now;
        highestActive = number;
    }
}

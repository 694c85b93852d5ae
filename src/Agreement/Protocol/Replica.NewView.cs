using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Entering a view: what it proposes again, what has to be fetched for it, and log incarnations (DESIGN §5).
public sealed partial class Replica
{
    /// <summary>How often batches that a new view chose are asked for, in milliseconds.</summary>
    private const int FetchBatchMilliseconds = 50;

    private long batchesAskedAt;
    private int chosenMissing;

    /// <summary>A peer lacks a batch that a new view chose.</summary>
    public void OnFetchBatch(in Verified<FetchBatch> message)
    {
        FetchBatch wantedBatch = message.Value;
        if (!log.Holds(wantedBatch.Number) || !BeginServing(message.Sender))
            return;
        LogSlot slot = log[wantedBatch.Number];
        Batch? batch = slot.FindPrePrepared(wantedBatch.Batch);
        if (batch is null && slot.Batch?.Digest == wantedBatch.Batch)
            batch = slot.Batch;
        if (batch is null)
            return;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new ProposedBatch(wantedBatch.Number, batch).Write(writer);
        Output.EndMessage(start, Recipients.One(message.Sender));
        EndServing(message.Sender);
    }

    /// <summary>A batch that was asked for.</summary>
    public void OnProposedBatch(in Verified<ProposedBatch> message)
    {
        ProposedBatch answer = message.Value;
        if (log.Holds(answer.Number) && TakeChosen(log[answer.Number], answer.Batch))
            TryDeliver();
    }

    private bool TakeChosen(LogSlot slot, Batch batch)
    {
        if (slot.Chosen is not { } digest || digest != batch.Digest)
            return false;
        slot.Chosen = null;
        slot.Batch = batch;
        slot.Since = now;
        chosenMissing--;
        TryAccept(slot);
        return true;
    }

    private void Enter(NewView announced, NewViewChoice choice)
    {
        View = announced.View;
        InView = true;
        newView = announced;
        enteredAt = now;
        primaryLostAt = (lostReplicas & (1u << Primary)) != 0 ? now : 0;
        pace.Reset();
        pool.BeginView();
        NoteEarlyVotes();
        if (choice.Stable is not null && choice.Stable.State.Number > LowWaterMark)
            BecomeStable(choice.Stable);
        bool rollsBack = choice.Incarnation != Incarnation || Contradicts(View, choice);
        if (rollsBack)
            RollBack(choice.Incarnation);
        if (choice.Opens)
            IsAmnesic = false;

        // What our VIEW-CHANGE told of may be another batch than the one that takes its number after a rollback.
        durableUnder = viewChanges[id]?.View == View && !rollsBack ? leftDelivered : LowWaterMark;
        chosenMissing = 0;
        SequenceNumber last = choice.Opens ? choice.Last.Next : choice.Last;
        chosenUpTo = last;
        lastProposed = last > Delivered ? last : Delivered;
        SequenceNumber reach = highestActive > last ? highestActive : last;
        highestActive = lastProposed;
        for (SequenceNumber number = LowWaterMark.Next; number <= reach && log.Holds(number); number = number.Next)
            BeginSlot(log[number], choice, last);
        RequeueDropped();
    }

    private void BeginSlot(LogSlot slot, NewViewChoice choice, SequenceNumber last)
    {
        slot.Accepted = slot.Prepared = slot.Vouched = false;
        if (slot.Number < choice.First)
            return;
        Digest? digest = slot.Number <= choice.Last ? choice.Digests[(int)(slot.Number.Value - choice.First.Value)]
            : slot.Number == last ? Batch.Begin(choice.Incarnation).Digest
            : null;
        if ((slot.Delivered || slot.Learned) && slot.Batch!.Digest != digest)
        {
            // Committed in this view or a later one, as we heard before we heard of the view.
            slot.LearnedView = View;
            if (slot.LastPrepared is not null)
                slot.LastPrepared = new ViewedDigest(View, slot.Batch.Digest);
            Activate(slot.Number);
        }
        else if (digest is not { } chosen)
        {
            DropProposal(slot);
        }
        else if (slot.Number == last && choice.Opens)
        {
            ProposeAgain(slot, Batch.Begin(choice.Incarnation));
        }
        else
        {
            ProposeAgain(slot, chosen);
            slot.Vouched = !choice.Unvouched.Contains(slot.Number);
        }
    }

    private void ProposeAgain(LogSlot slot, in Digest digest)
    {
        Batch? batch = slot.Batch?.Digest == digest ? slot.Batch
            : digest == Batch.Null.Digest ? Batch.Null
            : slot.FindPrePrepared(digest);
        if (batch is not null)
        {
            ProposeAgain(slot, batch);
            return;
        }

        DropProposal(slot);
        slot.Chosen = digest;
        slot.ProposalView = View;
        slot.Vouched = true;
        slot.Since = now;
        chosenMissing++;
        Activate(slot.Number);
    }

    private void ProposeAgain(LogSlot slot, Batch batch)
    {
        if (slot.Batch is not null && slot.Batch.Digest != batch.Digest)
            DropProposal(slot);
        slot.Chosen = null;
        slot.Batch = batch;
        slot.ProposalView = View;
        slot.Vouched = true;
        slot.Learned = false;
        slot.Since = now;
        if (lastProposedTime.CompareTo(batch.Timestamp) < 0)
            lastProposedTime = batch.Timestamp;
        Activate(slot.Number);
    }

    // The slot has no proposal any more; what was pre-prepared stays in its Q set.
    private void DropProposal(LogSlot slot)
    {
        if (slot.Batch is { } batch && slot.FindPrePrepared(batch.Digest) is null)
            DiscardBodies(batch);
        slot.Batch = null;
        slot.Chosen = null;
        slot.Accepted = slot.Prepared = slot.Learned = slot.Vouched = false;
    }

    // Requests of batches that the new view did not choose wait again, at once, instead of until their clients ask again.
    private void RequeueDropped()
    {
        for (SequenceNumber number = LowWaterMark.Next; number <= log.HighWaterMark; number = number.Next)
        {
            LogSlot slot = log[number];
            for (int i = 0; i < slot.PrePreparedCount; i++)
            {
                Batch batch = slot.PrePrepared(i).Batch;
                if (batch.Digest == slot.Batch?.Digest || batch.Digest == slot.Chosen)
                    continue;
                for (int j = 0; j < batch.Requests.Count; j++)
                    pool.Requeue(batch.Requests[j], now);
            }
        }
    }

    // The choice names another batch where we delivered one. With at most f faults that happens only when a log incarnation
    // began that we missed.
    private bool Contradicts(View view, NewViewChoice choice)
    {
        for (SequenceNumber number = LowWaterMark.Next; number <= Delivered; number = number.Next)
        {
            LogSlot slot = log[number];
            if (number < choice.First || slot.CommittedView.CompareTo(view) >= 0)
                continue;
            if (number > choice.Last || slot.Batch!.Digest != choice.Digests[(int)(number.Value - choice.First.Value)])
                return true;
        }

        return false;
    }

    // Goes back to the stable checkpoint: what was delivered after it may be lost elsewhere, and is delivered again, or not,
    // as the new incarnation has it. Execution replicas do the same when they see ORDERs of it.
    private void RollBack(Incarnation incarnation)
    {
        Incarnation = incarnation;
        Delivered = LowWaterMark;
        deliveredHistory = Stable?.State.History ?? default;
        lastTimestamp = Stable?.State.Timestamp ?? default;
        StateIncarnation = Stable?.State.Incarnation ?? default;
        Epoch = Stable?.State.Epoch ?? default;
        ActiveExecution = Stable?.State.Active ?? initiallyActive;
        restoredTo = Delivered;
        schedule = new CheckpointSchedule(LowWaterMark);
        if (Synced > LowWaterMark)
            Synced = LowWaterMark;
        deferredOrders.Clear();
        heldAffidavits.Clear();
        pool.ForgetDelivered();
        for (SequenceNumber number = LowWaterMark.Next; number <= log.Horizon; number = number.Next)
        {
            LogSlot slot = log[number];
            slot.Delivered = slot.Learned = false;
            slot.History = default;
            slot.Affirmed = 0;
            Array.Clear(slot.Statements);
        }
    }

    private void AcceptChosen()
    {
        for (SequenceNumber number = LowWaterMark.Next; number <= highestActive; number = number.Next)
        {
            if (log.Holds(number) && log[number] is { Accepted: false, Batch: not null } slot)
                TryAccept(slot);
        }

        if (chosenMissing > 0)
            FetchChosen();
    }

    private void FetchChosen()
    {
        batchesAskedAt = now;
        for (SequenceNumber number = LowWaterMark.Next; number <= highestActive; number = number.Next)
        {
            if (!log.Holds(number) || log[number].Chosen is not { } digest)
                continue;
            MessageWriter writer = Output.BeginMessage();
            int start = writer.Length;
            new FetchBatch(number, digest).Write(writer);
            Output.EndMessage(start, new Recipients(otherReplicas, 0, null));
        }
    }
}

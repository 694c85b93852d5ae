using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Retransmission, and catching up with peers.
public sealed partial class Replica
{
    /// <summary>Numbers re-sent in answer to one message.</summary>
    private const int ResendNumbers = 64;

    /// <summary>Numbers whose bodies are fetched at a time.</summary>
    private const int FetchNumbers = 4;

    /// <summary>Bytes of bodies in one message that re-sends them.</summary>
    private const int ResendBytes = 1 << 20;

    /// <summary>Bytes that one replica gets in <see cref="ServeMilliseconds"/>; it asks for the rest again.</summary>
    private const long ServeBytes = 8 << 20;

    private const long ServeMilliseconds = 50;

    /// <summary>Least time between two requests for more of the order, in milliseconds.</summary>
    private const int MoreMilliseconds = 3;

    /// <summary>Least time between two large messages that help one peer into a view, in milliseconds.</summary>
    private const int HelpMilliseconds = 40;

    private readonly List<Digest> missing = [];
    private readonly long[] helpedAt;
    private readonly Dictionary<PartyId, long> served = [];
    private long servedSince;
    private long servingFrom;
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
        if (statement.Incarnation != Incarnation)
        {
            // Of a log that we have left, or of one that a view began which we will hear of.
            Rejections.Count(Rejection.WrongView);
            return;
        }

        slot.Statements[message.Sender.Index] = statement;
        int matching = 0;
        View lowest = statement.View;
        View highest = statement.View;
        foreach (Order? other in slot.Statements)
        {
            if (other is not { } known || known.Batch.Digest != statement.Batch.Digest || known.History != statement.History)
                continue;
            matching++;
            if (known.View.CompareTo(lowest) < 0)
                lowest = known.View;
            if (known.View.CompareTo(highest) > 0)
                highest = known.View;
        }

        if (matching < quorum.Weak)
            return;
        Overrule(slot, statement.Batch);

        // A correct replica's view is not below the lowest named, and 2f + 1 prepared it in that view or later. It goes into our P
        // and Q sets under the highest named one that we may know of: what is committed may stand there under any view.
        slot.CommittedView = lowest;
        View current = InView || View.Value == 0 ? View : new View(View.Value - 1);
        slot.LearnedView = highest.CompareTo(current) < 0 ? highest : current;
        slot.Batch = statement.Batch;
        slot.Learned = true;
        slot.Since = now;
        Activate(statement.Number);
        if (slot.BodiesAsked == 0)
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
        HelpLaggard(message.Sender, peer.View, peer.InView);
        if (peer.InView && peer.View.CompareTo(View) > 0 && CanSpend(message.Sender))
            SendProgress(mask);
        GrantFill((int)message.Sender.Index, peer.Ceiling);
        if (!BeginServing(message.Sender))
            return;
        if (peer.LowWaterMark < LowWaterMark && Stable is not null)
            SendStable(message.Sender);
        ResendStatements(peer.Delivered, mask);

        // The votes too: fewer than f + 1 may have delivered a number, whose statements alone prove nothing. And from where its
        // disk is, not only its order: what it delivered counts as durable only when it is prepared in this view.
        if (peer.View == View)
            ResendVotes(peer.Synced < peer.Delivered ? peer.Synced : peer.Delivered, mask);
        EndServing(message.Sender);
    }

    private void ResendStatements(SequenceNumber known, uint mask)
    {
        known = known > LowWaterMark ? known : LowWaterMark;
        for (int i = 0; i < ResendNumbers && known < Delivered; i++)
        {
            known = known.Next;
            SendOrder(log[known], MessageKind.Committed, new Recipients(mask, 0, null));
        }
    }

    private void ResendVotes(SequenceNumber known, uint mask)
    {
        known = known > LowWaterMark ? known : LowWaterMark;
        for (int i = 0; i < ResendNumbers && known < highestActive && log.Holds(known.Next); i++)
        {
            known = known.Next;
            ResendVotes(log[known], mask);
        }
    }

    /// <summary>An execution replica wants the order from some number on.</summary>
    public void OnFetchOrders(in Verified<FetchOrders> message)
    {
        if (!BeginServing(message.Sender))
            return;
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
        EndServing(message.Sender);
    }

    /// <summary>A client wants to know how the cluster stands.</summary>
    public void OnFetchClusterState(in Verified<FetchClusterState> message)
    {
        if (!BeginServing(message.Sender))
            return;
        SendClusterState(message.Sender);
        EndServing(message.Sender);
    }

    // One that asks again and again gets no more than this link carries.
    private bool BeginServing(PartyId party)
    {
        if (now - servedSince >= ServeMilliseconds)
        {
            servedSince = now;
            served.Clear();
        }

        servingFrom = Output.MessageBytesQueued;
        return served.GetValueOrDefault(party) < ServeBytes;
    }

    private void EndServing(PartyId party) =>
        served[party] = served.GetValueOrDefault(party) + Output.MessageBytesQueued - servingFrom;

    /// <summary>A replica wants bodies.</summary>
    public void OnFetchBodies(in Verified<FetchBodies> message)
    {
        if (!BeginServing(message.Sender))
            return;
        long given = served.GetValueOrDefault(message.Sender);
        MessageWriter writer = Output.BeginMessage();
        ReadOnlySpan<Digest> wanted = message.Value.Digests;
        while (!wanted.IsEmpty && given < ServeBytes)
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
            given += writer.Length - start;
            Output.EndMessage(start, Recipients.One(message.Sender));
            wanted = wanted[taken..];
        }

        served[message.Sender] = given;
    }

    /// <summary>Bodies that were fetched. Each is taken only if a proposal needs it and it is valid (DESIGN §4).</summary>
    public void OnBodies(in Verified<Bodies> message)
    {
        foreach (ReadOnlyMemory<byte> encoded in message.Value.Requests)
        {
            if (Requests.TryTake(encoded.Span) is not { } request)
                Rejections.Count(Rejection.Malformed);
            else if (FindSlotThatLacks(request.Digest) is { } slot && (IsVouchedFor(slot) || IsValid(request)))
                pool.AddOrdered(request);
            else
                Requests.Return(request);
        }

        BodyArrived();
    }

    // Another batch was committed here than the one that was proposed to us, in a view that a later one overruled or by a
    // primary that told others otherwise. What we pre-prepared stays in the Q set.
    private void Overrule(LogSlot slot, Batch committed)
    {
        if (slot.Chosen is not null)
        {
            slot.Chosen = null;
            chosenMissing--;
        }

        if (slot.Batch is not null && slot.Batch.Digest != committed.Digest)
            DropProposal(slot);
    }

    // Help costs, so each peer gets it only so often.
    private bool CanSpend(PartyId peer)
    {
        if (helpedAt[peer.Index] != 0 && now - helpedAt[peer.Index] < HelpMilliseconds)
            return false;
        helpedAt[peer.Index] = now;
        return true;
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
        || slot.Vouched
        || slot.Prepares.Count(slot.ProposalView, Ballot(slot.Batch!), except: (1u << Primary) | (1u << id)) + 1 >= quorum.Weak;

    // Few numbers at a time, one peer at a time, and each time later: bodies are large, and a replica that lacks them is
    // often one whose links are full already.
    private void FetchOverdueBodies()
    {
        int asked = 0;
        for (SequenceNumber number = Delivered.Next; number <= highestActive && asked < FetchNumbers; number = number.Next)
        {
            if (!log.Holds(number) || log[number] is not { Batch: not null, Accepted: false } slot || HoldsBodies(slot.Batch))
                continue;
            asked++;
            long patience = (long)options.BodyGraceMilliseconds << Math.Min(slot.BodiesAsked * 2, 8);
            if (now - Math.Max(slot.Since, slot.BodiesAskedAt) >= patience)
                FetchMissingBodies(slot, 1u << NextBodySource(slot));
        }
    }

    // The primary first, which had them all; then the others in turn.
    private int NextBodySource(LogSlot slot)
    {
        int replicas = quorum.AgreementReplicas;
        int step = slot.BodiesAsked % (replicas - 1);
        int own = (id - Primary + replicas) % replicas;
        return (Primary + (step < own ? step : step + 1)) % replicas;
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
        slot.BodiesAsked++;
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
        new Progress(View, InView, LowWaterMark, Delivered, Synced, IsAmnesic ? Ceiling : default).Write(writer);
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
        if (!InView || IsAmnesic || !slot.Accepted || slot.ProposalView != View)
            return;
        var vote = new Vote(slot.ProposalView, slot.Number, Ballot(slot.Batch!));
        if (IsPrimary)
            SendProposal(slot, mask);
        else
            SendToReplicas(mask, MessageKind.Prepare, vote);
        if (slot.Prepared)
            SendToReplicas(mask, MessageKind.Commit, vote);
    }

    // What was learned and is not prepared here in this view: f + 1 COMMITs are one of a correct replica, which has prepared it.
    private void CheckPreparedByOthers(LogSlot slot)
    {
        if (slot.CommittedView.CompareTo(View) >= 0 || (slot.Accepted && !IsAmnesic) || !InView
            || slot.Commits.Count(View, Ballot(slot.Batch!)) < quorum.Weak)
        {
            return;
        }

        slot.CommittedView = slot.LearnedView = View;
        LogLearned(slot);
        slot.RecordsAtDelivery = Output.RecordCount;
    }

    private void LogLearned(LogSlot slot)
    {
        AddToPrePrepared(slot, slot.LearnedView, log: true);
        NotePrepared(slot, slot.LearnedView);
        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Learned);
        record.WriteUInt64(slot.CommittedView.Value);
        new Order(Incarnation, Epoch, slot.Number, default, slot.Batch!, slot.LearnedView).Write(record, MessageKind.Committed);
        Output.EndRecord(start, slot.Number);
    }

    // The batch of the slot is the one prepared last. Its view does not go down when it is learned under a lower one.
    private static void NotePrepared(LogSlot slot, View view)
    {
        if (slot.LastPrepared is { } known && known.Batch == slot.Batch!.Digest && known.View.CompareTo(view) > 0)
            return;
        slot.LastPrepared = new ViewedDigest(view, slot.Batch!.Digest);
    }
}

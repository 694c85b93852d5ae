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

    /// <summary>Bytes of bodies that one replica gets in <see cref="ServeMilliseconds"/>; it asks for the rest again.</summary>
    private const long ServeBytes = 8 << 20;

    private const long ServeMilliseconds = 50;

    /// <summary>Least time between two requests for more of the order, in milliseconds.</summary>
    private const int MoreMilliseconds = 3;

    private readonly List<Digest> missing = [];
    private readonly Dictionary<PartyId, long> served = [];
    private long servedSince;
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
        if (now - servedSince >= ServeMilliseconds)
        {
            servedSince = now;
            served.Clear();
        }

        served.TryGetValue(message.Sender, out long given);
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
        new Progress(View, true, LowWaterMark, Delivered).Write(writer);
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
}

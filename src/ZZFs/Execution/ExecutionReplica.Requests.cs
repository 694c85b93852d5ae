using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Execution;

// Executing single requests exactly once, and replying (DESIGN §4, §6).
public sealed partial class ExecutionReplica
{
    /// <summary>Results up to this size are sent in full by every active replica; a digest would hardly be shorter.</summary>
    private const int SmallResultBytes = 512;

    /// <summary>Large results of slots that are kept in memory for clients that ask again, in bytes.</summary>
    private const long KeptResultBytes = 8L << 20;

    private readonly List<(PartyId Client, SessionId Session, ushort Slot, SessionSlot State)> heldReplies = [];

    // Slots with a large result that is kept though it could be had again, the one that was executed longest ago first.
    private readonly LinkedList<SessionSlot> keptResults = new();
    private readonly Dictionary<uint, SessionSlot> lastOpens = [];
    private long keptBytes;

    /// <summary>A client asks for the full reply of a slot.</summary>
    public void OnFetchReply(in Verified<FetchReply> message)
    {
        FetchReply wanted = message.Value;
        SessionSlot? slot = FindSlot(message.Sender.Index, wanted.Session, wanted.Slot);
        if (slot is null || slot.Sequence != wanted.SlotSequence || slot.RequestDigest != wanted.RequestDigest || slot.Result is null)
            return;
        if (!slot.IsSync || durability.Durable >= slot.Number)
            SendReply(message.Sender, wanted.Session, wanted.Slot, slot, full: true);
    }

    private SessionSlot? FindSlot(uint client, SessionId session, ushort slot)
    {
        if (session == SessionId.None)
            return lastOpens.GetValueOrDefault(client);
        return sessions.Find(session, client) is { } found && slot < found.Slots.Count ? found.Slots[slot] : null;
    }

    // Returns the digest of the reply, or the zero digest if there is none.
    private Digest ExecuteRequest(Request request, SequenceNumber number)
    {
        if (request.Incarnation != incarnation)
            return default;
        if (request.Session == SessionId.None)
            return OpenSession(request, number);

        if (sessions.Find(request.Session, request.Client.Index) is not { } session || request.Slot >= session.Slots.Count)
        {
            // The session ended; the client learns it from f + 1 and opens another.
            var stray = new SessionSlot();
            Fill(stray, request, number, OperationResult.Failed(SessionOperation.SessionEnded));
            return Answer(request, stray);
        }

        SessionSlot slot = session.Slots[request.Slot];
        bool isRepetition = request.SlotSequence == slot.Sequence && request.Digest == slot.RequestDigest && slot.IsRepeatable;

        // Sequences have no gaps but where an incarnation begins, so that one number per slot tells a client which of its
        // requests a new incarnation kept. A session that was opened in this one has lost nothing to it.
        bool crosses = request.Incarnation.CompareTo(slot.Incarnation) > 0 && request.Incarnation.CompareTo(session.OpenedIn) > 0;
        bool isNext = request.SlotSequence == slot.Sequence + 1 || (request.SlotSequence > slot.Sequence && crosses);
        if (!isNext && !isRepetition)
            return default;
        sessions.Touch(session);
        Drop(slot);
        if (SessionOperation.IsSession(request.Operation.Span))
            ExecuteSessionOperation(session, slot, request, number);
        else
            ExecuteFileOperation(session, slot, request, number);
        return Answer(request, slot);
    }

    private Digest OpenSession(Request request, SequenceNumber number)
    {
        var slot = new SessionSlot();
        if (SessionOperation.TryRead(request.Operation, out SessionOperation operation) && operation.Kind == SessionOperationKind.Open)
        {
            Session session = sessions.Open(request.Client.Index, operation.Nonce, operation.Slots, incarnation, out Session? ended);
            if (ended is not null)
                service.EndSession(ended.Id);
            Fill(slot, request, number, new OperationResult { Number = session.Id.Value, Data = SessionOperation.EncodeSequences(session.Slots) });
        }
        else
        {
            Fill(slot, request, number, OperationResult.Failed(Errno.EPROTO));
        }

        lastOpens[request.Client.Index] = slot;
        return Answer(request, slot);
    }

    private void ExecuteSessionOperation(Session session, SessionSlot slot, Request request, SequenceNumber number)
    {
        bool valid = SessionOperation.TryRead(request.Operation, out SessionOperation operation)
            && operation.Kind != SessionOperationKind.Open;
        Fill(slot, request, number, valid ? OperationResult.Success : OperationResult.Failed(Errno.EPROTO));
        if (!valid || operation.Kind != SessionOperationKind.Close)
            return;
        sessions.Close(session);
        service.EndSession(session.Id);
    }

    private void ExecuteFileOperation(Session session, SessionSlot slot, Request request, SequenceNumber number)
    {
        result.Clear();
        ExportEntry export = options.Exports[(int)request.Client.Index];
        service.Execute(new OperationContext(lastTimestamp, session.Id, incarnation, export), request.Operation, result);
        Fill(slot, request, number);
        if (slot.Result!.Length > SessionTable.LargeResultBytes)
        {
            slot.IsRepeatable = OperationTraits.OnlyReads(request.Operation);
            Keep(slot);
        }
    }

    private void Fill(SessionSlot slot, Request request, SequenceNumber number, OperationResult outcome)
    {
        result.Clear();
        OperationCodec.EncodeResult(outcome, result);
        Fill(slot, request, number);
    }

    private void Fill(SessionSlot slot, Request request, SequenceNumber number)
    {
        slot.Sequence = request.SlotSequence;
        slot.Incarnation = request.Incarnation;
        slot.RequestDigest = request.Digest;
        slot.Number = number;
        slot.IsSync = request.Flags.HasFlag(RequestFlags.Sync);
        slot.IsRepeatable = false;
        slot.Result = result.ToArray();
        slot.ResultDigest = Digest.Of(slot.Result);
    }

    private Digest Answer(Request request, SessionSlot slot)
    {
        Operations++;
        bool starved = IsStarved(request.Client);
        reportsHurry |= starved;
        if (!IsActive)
            return slot.ResultDigest;
        if (slot.IsSync && durability.Durable < slot.Number)
        {
            heldReplies.Add((request.Client, request.Session, request.Slot, slot));
            return slot.ResultDigest;
        }

        bool designated = Rank(id) == (int)((slot.Sequence + request.Slot) % (ulong)System.Numerics.BitOperations.PopCount(active));
        SendReply(request.Client, request.Session, request.Slot, slot, full: designated || starved || slot.Result!.Length <= SmallResultBytes);
        return slot.ResultDigest;
    }

    private int Rank(int replica) => System.Numerics.BitOperations.PopCount(active & ((1u << replica) - 1));

    private void SendReply(PartyId client, SessionId session, ushort slotIndex, SessionSlot slot, bool full)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new Reply(
            logIncarnation,
            session,
            slotIndex,
            slot.Sequence,
            slot.RequestDigest,
            epoch,
            slot.Number,
            durability.Durable,
            full,
            slot.ResultDigest,
            full ? slot.Result : default).Write(writer);
        Output.EndMessage(start, Recipients.One(client));
    }

    // Replies to FSYNCs leave once 2f + 1 agreement replicas have everything up to them on disk.
    private void ReleaseDurable()
    {
        for (int i = heldReplies.Count - 1; i >= 0; i--)
        {
            (PartyId client, SessionId session, ushort slotIndex, SessionSlot slot) = heldReplies[i];
            if (slot.Number > durability.Durable)
                continue;
            heldReplies.RemoveAt(i);
            if (slot.Result is not null)
                SendReply(client, session, slotIndex, slot, full: true);
        }

        SignDurableCheckpoints();
    }

    private void Keep(SessionSlot slot)
    {
        if (!slot.IsRepeatable)
            return;
        slot.KeptPlace = keptResults.AddLast(slot);
        keptBytes += slot.Result!.Length;
        while (keptBytes > KeptResultBytes)
        {
            SessionSlot oldest = keptResults.First!.Value;
            Drop(oldest);
            oldest.Result = null;
        }
    }

    // The slot gets another result, or its result goes: it no longer counts.
    private void Drop(SessionSlot slot)
    {
        if (slot.KeptPlace is null)
            return;
        keptResults.Remove(slot.KeptPlace);
        slot.KeptPlace = null;
        keptBytes -= slot.Result!.Length;
    }
}

using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Execution;

namespace ZZFs.Client;

// A new log incarnation may have lost what was not on disk: the session is found again or made anew, what was lost is
// submitted again, in order, and only then does everything go on (DESIGN §6).
public sealed partial class ClientSession
{
    /// <summary>Bytes of changes kept before new operations wait until some are on disk.</summary>
    private const long MaximumUnsyncedBytes = 64L << 20;

    private readonly IOperationSemantics semantics;
    private readonly UnsyncedOperations unsynced;
    private readonly List<UnsyncedOperation> lost = [];
    private readonly List<PendingRequest> interrupted = [];
    private readonly PendingRequest?[] slots;
    private readonly ulong[] sequences;
    private RecoveryPhase phase;
    private UInt128 nonce;
    private PendingRequest? draining;
    private bool owesError;

    // The incarnation for which the session was opened, and the log incarnation of the reply: older replies may tell of what
    // is lost.
    private Incarnation openedFor;
    private Incarnation openedIn;

    private enum RecoveryPhase
    {
        None,

        // The session is being opened again.
        Opening,

        // Replies to what was under way and did survive are being fetched.
        Fetching,

        // What was lost is submitted again, one after the other.
        Resubmitting,
    }

    /// <summary>Changes that f + 1 execution replicas do not vouch for yet.</summary>
    public int Unsynced => unsynced.Count;

    /// <summary>Changes that were lost and could not be repeated with the same result; the next fsync or close tells.</summary>
    public ulong Unrepeatable { get; private set; }

    // A session that is being opened waits too: its request names an incarnation that is over.
    private void CheckIncarnation()
    {
        if (closing is not null && !IsOpen)
            return;
        if ((IsOpen || opening is not null) && cluster.Current!.Value.Incarnation.CompareTo(openedFor) > 0)
        {
            if (IsOpen)
                phase = RecoveryPhase.Opening;
            SendOpen();
        }
    }

    private void OpenedAgain(OperationResult result, Incarnation logIncarnation)
    {
        var found = new SessionId(result.Number!.Value);
        SessionId before = session;
        ulong[] executed = SessionOperation.DecodeSequences(result, slotCount);
        openedIn = logIncarnation;
        lost.InsertRange(0, unsynced.TakeLost(
            logIncarnation,
            kept => kept.Session == found && kept.SlotSequence <= executed[kept.Slot]));

        // Those of an earlier session of ours, which ended: whether they survived can't be told.
        foreach (UnsyncedOperation _ in lost.Where(kept => kept.Session != before))
            OweError();
        lost.RemoveAll(kept => kept.Session != before);
        for (int slot = 0; slot < slotCount; slot++)
        {
            if (slots[slot] is { } pending)
                Sort(pending, slot, survived: found == before && pending.Request!.SlotSequence <= executed[slot]);

            // Numbers are never used twice, so that each names one request in whatever incarnation.
            sequences[slot] = found == before ? Math.Max(sequences[slot], executed[slot]) : 0;
        }

        session = found;

        // A lost operation that was under way for the second time keeps its session's name until it is executed.
        for (int i = 0; i < lost.Count; i++)
            lost[i] = lost[i] with { Session = found };
        phase = RecoveryPhase.Fetching;
        GoOn();
    }

    private void Sort(PendingRequest pending, int slot, bool survived)
    {
        pending.Collector!.Clear();
        if (survived && !semantics.OnlyReads(pending.Operation))
        {
            SendFetchReply(pending, cluster.Current!.Value.Active);
            return;
        }

        slots[slot] = null;
        pending.Request = null;
        if (pending.Repeats is { } repeated)
            lost.Insert(LostBefore(repeated), repeated);
        else if (pending == draining)
            draining = null;
        else
            interrupted.Add(pending);
    }

    // What was completed before it, and is lost again, goes first.
    private int LostBefore(UnsyncedOperation repeated)
    {
        int place = 0;
        while (place < lost.Count && lost[place].Incarnation.CompareTo(repeated.Incarnation) > 0)
            place++;
        return place;
    }

    private void GoOn()
    {
        if (phase == RecoveryPhase.Fetching && !slots.Any(pending => pending is not null))
            phase = RecoveryPhase.Resubmitting;
        if (phase != RecoveryPhase.Resubmitting || slots[0] is not null)
            return;
        if (lost.Count > 0)
        {
            UnsyncedOperation next = lost[0];
            lost.RemoveAt(0);
            slots[0] = new PendingRequest(next.Operation, RequestFlags.None, null) { Repeats = next };
            Start(slots[0]!, session, 0, ++sequences[0]);
            return;
        }

        phase = RecoveryPhase.None;
        PendingRequest[] later = [.. waiting];
        waiting.Clear();
        foreach (PendingRequest pending in interrupted)
            waiting.Enqueue(pending);
        interrupted.Clear();
        foreach (PendingRequest pending in later)
            waiting.Enqueue(pending);
        FillSlots();
    }

    private void Repeated(UnsyncedOperation again, PendingRequest pending, OperationResult result)
    {
        if (!semantics.Repeated(again.Result, result))
            OweError();
        KeepIfUnsynced(pending, again.Result);
    }

    private void OweError()
    {
        Unrepeatable++;
        owesError = true;
    }

    // The promise of an fsync covers what was done before it: if some of that is gone for good, it fails, once.
    private OperationResult SettleError(PendingRequest pending, OperationResult result)
    {
        if (!owesError || (pending != closing && !pending.Flags.HasFlag(RequestFlags.Sync)))
            return result;
        owesError = false;
        return OperationResult.Failed(Errno.EIO);
    }

    private void KeepIfUnsynced(PendingRequest pending, OperationResult result)
    {
        ReadOnlyMemory<byte> operation = pending.Operation;
        bool hasEffect = result.Error == Errno.None || result.Parts is not null;
        if (!hasEffect || SessionOperation.IsSession(operation.Span) || semantics.OnlyReads(operation))
            return;
        Request request = pending.Request!;
        unsynced.Add(new UnsyncedOperation(
            operation, result, request.Session, request.Slot, request.SlotSequence, pending.Collector!.Incarnation, pending.Collector.Number));
    }

    // Renewing the session, as an fsync, shows what is on disk; new operations wait meanwhile.
    private bool MustDrain()
    {
        if (unsynced.Bytes <= MaximumUnsyncedBytes)
            return false;
        if (draining is null && Array.IndexOf(slots, null) is var free and >= 0)
        {
            draining = new PendingRequest(Encode(new SessionOperation(SessionOperationKind.Renew, 0, 0)), RequestFlags.Sync, null);
            slots[free] = draining;
            Start(draining, session, (ushort)free, ++sequences[free]);
        }

        return true;
    }
}

using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>One client's requests that wait to be ordered, and what was delivered of its slots.</summary>
internal sealed class ClientQueue
{
    /// <summary>Slots remembered for one client: all of two full sessions. Forgetting one only costs a duplicate in the order.</summary>
    private const int MaximumSlotsRemembered = 2 * Limits.MaximumSlots;

    private readonly Dictionary<(ulong Session, ushort Slot), ulong> delivered = [];
    private PooledRequest? last;

    // The first request that waits with effect, as last seen, and since when it was the first.
    private PooledRequest? head;
    private long headSince;

    /// <summary>What waits for longest; follow <see cref="PooledRequest.Next"/>.</summary>
    public PooledRequest? First { get; private set; }

    /// <summary>How many wait.</summary>
    public int Count { get; private set; }

    /// <summary>How many bytes wait.</summary>
    public long Bytes { get; private set; }

    /// <summary>The last batch for which a request of this client had a bad signature.</summary>
    public ulong RefusedIn { get; set; }

    /// <summary>Puts a request at the end.</summary>
    public void Append(PooledRequest entry)
    {
        entry.Previous = last;
        if (last is null)
            First = entry;
        else
            last.Next = entry;
        last = entry;
        Count++;
        Bytes += entry.Request.Encoded.Length;
    }

    /// <summary>
    /// Takes a request out. What no longer waits leaves at once, not when it comes to the head: behind one request that
    /// nobody orders, the bodies of all later ones would else stay in memory beyond every bound.
    /// </summary>
    public void Remove(PooledRequest entry)
    {
        if (entry.Previous is null)
            First = entry.Next;
        else
            entry.Previous.Next = entry.Next;
        if (entry.Next is null)
            last = entry.Previous;
        else
            entry.Next.Previous = entry.Previous;
        entry.Previous = entry.Next = null;
        if (head == entry)
            head = null;
        Count--;
        Bytes -= entry.Request.Encoded.Length;
    }

    /// <summary>The first request that still has an effect when it is ordered, if any.</summary>
    public PooledRequest? FirstUnsettled()
    {
        for (PooledRequest? entry = First; entry is not null; entry = entry.Next)
        {
            if (!entry.Bad && !IsSettled(entry.Request))
                return entry;
        }

        return null;
    }

    /// <summary>The same, and for how long it has been the first.</summary>
    public PooledRequest? FirstUnsettled(long now, out long firstSince)
    {
        PooledRequest? first = FirstUnsettled();
        if (first != head)
        {
            head = first;
            headSince = now;
        }

        firstSince = headSince;
        return first;
    }

    /// <summary>Whether one more may wait.</summary>
    public bool HasRoom(Request request, ReplicaOptions options) =>
        Count < options.ClientPendingRequests && Bytes + request.Encoded.Length <= options.ClientPendingBytes;

    /// <summary>Whether a request of its slot with the same number or a higher one was delivered: nobody waits for this one.</summary>
    public bool IsSettled(Request request) =>
        request.Session != SessionId.None
        && delivered.TryGetValue((request.Session.Value, request.Slot), out ulong number)
        && request.SlotSequence <= number;

    /// <summary>
    /// Whether a request of its slot with a higher number was delivered. Sessions are opened under no session id; a nonce,
    /// which execution checks, makes that happen once.
    /// </summary>
    public bool IsOld(Request request) =>
        request.Session != SessionId.None
        && delivered.TryGetValue((request.Session.Value, request.Slot), out ulong number)
        && request.SlotSequence < number;

    /// <summary>Whether no request of its slot with a higher number was delivered.</summary>
    public bool IsNewest(Request request) =>
        !delivered.TryGetValue((request.Session.Value, request.Slot), out ulong number) || request.SlotSequence >= number;

    /// <summary>A request was delivered.</summary>
    public void Delivered(Request request)
    {
        if (delivered.Count >= MaximumSlotsRemembered)
            delivered.Clear();
        (ulong, ushort) key = (request.Session.Value, request.Slot);
        if (!delivered.TryGetValue(key, out ulong number) || request.SlotSequence > number)
            delivered[key] = request.SlotSequence;
    }

    /// <summary>Forgets what was delivered.</summary>
    public void ForgetDelivered() => delivered.Clear();
}

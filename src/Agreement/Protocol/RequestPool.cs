using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// The request bodies that a replica holds: those waiting to be ordered, in a fair queue over the clients, and those
/// that batches above the low water mark refer to. Every client has its own bounds, so one can't crowd out another.
/// </summary>
internal sealed class RequestPool
{
    /// <summary>A body that nobody ordered for this long is dropped; its client will send it again, in milliseconds.</summary>
    private const long WaitingMilliseconds = 10_000;

    private readonly Dictionary<Digest, Entry> entries = [];
    private readonly ClientState[] clients;
    private readonly ReplicaOptions options;
    private int nextClient;

    // Waiting requests that were passed on to the primary: none while it is quick, so that judging its pace costs nothing.
    private int passedOn;

    public RequestPool(int clientCount, ReplicaOptions options)
    {
        this.options = options;
        clients = new ClientState[clientCount];
        for (int i = 0; i < clientCount; i++)
            clients[i] = new ClientState();
    }

    /// <summary>Requests that wait to be ordered.</summary>
    public int Waiting { get; private set; }

    /// <summary>Bodies held.</summary>
    public int Held => entries.Count;

    /// <summary>The body with this digest, if held.</summary>
    public Request? Find(in Digest digest) => entries.TryGetValue(digest, out Entry? entry) ? entry.Request : null;

    /// <summary>Takes a body that came over its client's own link.</summary>
    /// <param name="request">The body.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="rejection">Why it was not taken, if the result is false.</param>
    public bool TryAdd(Request request, long now, out Rejection rejection)
    {
        rejection = default;
        if (request.Client.Index >= clients.Length)
        {
            rejection = Rejection.WrongSender;
            return false;
        }

        ClientState client = clients[request.Client.Index];
        if (entries.TryGetValue(request.Digest, out Entry? known))
        {
            // Ordered before and still in the window: its client asks again because it has no reply. The execution
            // replicas answer that; ordering it again serves only when they have lost a large reply.
            if (!known.Waiting && now - known.OrderedAt >= options.ReorderMilliseconds && client.IsNewest(request))
                Enqueue(client, known, now);
            return true;
        }

        if (client.IsOld(request))
        {
            rejection = Rejection.OldRequest;
            return false;
        }

        client.Expire(this, now);
        if (!client.HasRoom(request, options))
        {
            rejection = Rejection.ClientOverLimit;
            return false;
        }

        var entry = new Entry(request);
        entries.Add(request.Digest, entry);
        Enqueue(client, entry, now);
        return true;
    }

    /// <summary>Takes a body that a proposal needs and that is valid for other reasons than its client's link.</summary>
    public void AddOrdered(Request request)
    {
        if (!entries.ContainsKey(request.Digest))
            entries.Add(request.Digest, new Entry(request));
    }

    /// <summary>A batch above the low water mark refers to this body: it no longer waits, and stays.</summary>
    public Request Reference(in Digest digest, long now)
    {
        Entry entry = entries[digest];
        entry.References++;
        entry.OrderedAt = now;
        StopWaiting(entry);
        return entry.Request;
    }

    /// <summary>The batch that referred to this body is below the low water mark, or was replaced.</summary>
    /// <returns>Bytes of the body.</returns>
    public int Release(in Digest digest)
    {
        if (!entries.TryGetValue(digest, out Entry? entry))
            return 0;
        entry.References--;
        DropIfUnused(entry);
        return entry.Request.Encoded.Length;
    }

    /// <summary>A batch with this request was proposed and is not any more: it waits again, unless it was delivered.</summary>
    public void Requeue(in Digest digest, long now)
    {
        if (!entries.TryGetValue(digest, out Entry? entry) || entry.Waiting)
            return;
        ClientState client = clients[entry.Request.Client.Index];
        if (!client.IsSettled(entry.Request))
            Enqueue(client, entry, now);
    }

    /// <summary>Forgets what was delivered: after a rollback the slots of sessions go on from where they were.</summary>
    public void ForgetDelivered()
    {
        foreach (ClientState client in clients)
            client.ForgetDelivered();
    }

    /// <summary>When a request was passed on to the primary, 0 if it wasn't, and its length.</summary>
    public bool TryGetPassedOn(in Digest digest, out long passedOnAt, out int bytes)
    {
        bool known = entries.TryGetValue(digest, out Entry? entry);
        passedOnAt = known ? entry!.PassedOnAt : 0;
        bytes = known ? entry!.Request.Encoded.Length : 0;
        return known;
    }

    /// <summary>When the one of the clients' first requests was passed on that waits longest since, or <paramref name="now"/>.</summary>
    public long OldestPassedOn(long now)
    {
        long oldest = now;
        if (passedOn == 0)
            return oldest;
        foreach (ClientState client in clients)
        {
            if (client.FirstUnsettled() is { PassedOnAt: > 0 } entry)
                oldest = Math.Min(oldest, entry.PassedOnAt);
        }

        return oldest;
    }

    /// <summary>Another replica is the primary: what was passed on to the last one is not known to it.</summary>
    public void ForgetPassedOn()
    {
        foreach (ClientState client in clients)
        {
            foreach (Entry entry in client.Queue)
                entry.PassedOnAt = 0;
        }

        passedOn = 0;
    }

    /// <summary>Whether this request waits and its signature was verified.</summary>
    public bool IsWaitingVerified(in Digest digest) =>
        entries.TryGetValue(digest, out Entry? entry) && entry is { Waiting: true, Verified: true };

    /// <summary>Takes a request that a peer passed on, with a signature that was verified.</summary>
    /// <returns>False when its client has too much waiting, or is unknown.</returns>
    public bool TryAddForwarded(Request request, long now)
    {
        if (request.Client.Index >= clients.Length)
            return false;
        ClientState client = clients[request.Client.Index];
        if (!entries.TryGetValue(request.Digest, out Entry? entry))
        {
            if (!client.HasRoom(request, options))
                return false;
            entry = new Entry(request);
            entries.Add(request.Digest, entry);
        }

        // What came over its client's link may have borne a bad signature.
        if (!entry.Verified && entry.References == 0)
            entry.Request = request;
        entry.Verified = entry.Forwarded = true;
        if (!entry.Waiting && (entry.OrderedAt == 0 || now - entry.OrderedAt >= options.ReorderMilliseconds))
            Enqueue(client, entry, now);
        return true;
    }

    /// <summary>
    /// Whether some client's first request waits for longer than <paramref name="patience"/>. On the way, those that wait
    /// for longer than <paramref name="grace"/> are verified, dropped if their signature is bad, and passed on once.
    /// </summary>
    public bool IsOverdue(long now, long floor, long grace, long patience, Func<Request, bool> isValid, Action<Request> passOn)
    {
        if (Waiting == 0)
            return false;
        bool overdue = false;
        foreach (ClientState client in clients)
        {
            Entry? entry = client.FirstUnsettled();
            if (!ReferenceEquals(entry, client.Head))
            {
                client.Head = entry;
                client.HeadSince = now;
            }

            if (entry is null)
                continue;
            long waited = now - Math.Max(Math.Max(client.HeadSince, entry.ArrivedAt), floor);
            if (waited < grace)
                continue;
            if (!entry.Verified && !isValid(entry.Request))
            {
                StopWaiting(entry);
                DropIfUnused(entry);
                continue;
            }

            entry.Verified = true;
            if (entry.PassedOnAt == 0)
            {
                entry.PassedOnAt = now;
                passedOn++;
                passOn(entry.Request);
            }

            overdue |= waited >= patience;
        }

        return overdue;
    }

    /// <summary>Takes the next requests to propose, one client after the other, within the bounds of a batch.</summary>
    /// <param name="isValid">Checks the signature; a request that fails is dropped.</param>
    /// <param name="batch">Filled with their digests.</param>
    public void TakeBatch(Func<Request, bool> isValid, List<Digest> batch)
    {
        long bytes = 0;
        int idleClients = 0;
        while (Waiting > 0 && batch.Count < Limits.MaximumBatchRequests && idleClients < clients.Length)
        {
            ClientState client = clients[nextClient];
            Entry? entry = client.Peek();
            if (entry is not null && batch.Count > 0 && bytes + entry.Request.Encoded.Length > Limits.MaximumBatchBytes)
                return;
            nextClient = (nextClient + 1) % clients.Length;
            if (entry is null)
            {
                idleClients++;
                continue;
            }

            idleClients = 0;
            StopWaiting(entry);

            // Of two requests under one slot number the first ordered wins; the other can have no effect any more.
            bool isLate = entry is { OrderedAt: 0, Forwarded: false } && client.IsSettled(entry.Request);
            if (isLate || (!entry.Verified && !isValid(entry.Request)))
            {
                DropIfUnused(entry);
                continue;
            }

            entry.Verified = true;
            bytes += entry.Request.Encoded.Length;
            batch.Add(entry.Request.Digest);
        }
    }

    /// <summary>Drops what has waited too long, whether or not its client says anything more.</summary>
    public void Expire(long now)
    {
        if (Waiting == 0)
            return;
        foreach (ClientState client in clients)
            client.Expire(this, now);
    }

    /// <summary>The batch that wanted this body will not be accepted: the body goes, unless something else needs it.</summary>
    public void Discard(in Digest digest)
    {
        if (entries.TryGetValue(digest, out Entry? entry))
            DropIfUnused(entry);
    }

    /// <summary>A request was delivered: older ones of its slot are of no use any more.</summary>
    public void Delivered(Request request)
    {
        if (request.Client.Index < clients.Length)
            clients[request.Client.Index].Delivered(request);
    }

    private void Enqueue(ClientState client, Entry entry, long now)
    {
        entry.Waiting = true;
        entry.ArrivedAt = now;
        client.Queue.AddLast(entry.Place);
        client.WaitingRequests++;
        client.WaitingBytes += entry.Request.Encoded.Length;
        Waiting++;
    }

    private void StopWaiting(Entry entry)
    {
        if (!entry.Waiting)
            return;
        entry.Waiting = false;
        if (entry.PassedOnAt > 0)
            passedOn--;
        entry.PassedOnAt = 0;
        ClientState client = clients[entry.Request.Client.Index];
        client.Queue.Remove(entry.Place);
        client.WaitingRequests--;
        client.WaitingBytes -= entry.Request.Encoded.Length;
        Waiting--;
    }

    private void DropIfUnused(Entry entry)
    {
        if (entry.References <= 0 && !entry.Waiting)
            entries.Remove(entry.Request.Digest);
    }

    private sealed class Entry
    {
        public Request Request;

        /// <summary>Its place in its client's queue, where it is exactly while it waits.</summary>
        public readonly LinkedListNode<Entry> Place;

        public int References;
        public bool Waiting;
        public bool Verified;
        public bool Forwarded;
        public long ArrivedAt;
        public long PassedOnAt;
        public long OrderedAt;

        public Entry(Request request)
        {
            Request = request;
            Place = new LinkedListNode<Entry>(this);
        }
    }

    private sealed class ClientState
    {
        /// <summary>Slots remembered for one client: all of two full sessions. Forgetting one only costs a duplicate in the order.</summary>
        private const int MaximumSlotsRemembered = 2 * Limits.MaximumSlots;

        // What no longer waits leaves at once, not when it comes to the head: behind one request that nobody orders,
        // the bodies of all later ones would else stay in memory beyond every bound.
        public readonly LinkedList<Entry> Queue = new();
        public int WaitingRequests;
        public long WaitingBytes;
        private readonly Dictionary<(ulong Session, ushort Slot), ulong> delivered = [];

        /// <summary>The first request that waits with effect, as last seen, and since when it was the first.</summary>
        public Entry? Head;
        public long HeadSince;

        public Entry? Peek() => Queue.First?.Value;

        public Entry? FirstUnsettled()
        {
            for (LinkedListNode<Entry>? place = Queue.First; place is not null; place = place.Next)
            {
                if (!IsSettled(place.Value.Request))
                    return place.Value;
            }

            return null;
        }

        public bool HasRoom(Request request, ReplicaOptions options) =>
            WaitingRequests < options.ClientPendingRequests
            && WaitingBytes + request.Encoded.Length <= options.ClientPendingBytes;

        // A request of its slot with the same number or a higher one was delivered: nobody waits for this one.
        public bool IsSettled(Request request) =>
            request.Session != SessionId.None
            && delivered.TryGetValue((request.Session.Value, request.Slot), out ulong last)
            && request.SlotSequence <= last;

        public void ForgetDelivered() => delivered.Clear();

        public void Expire(RequestPool pool, long now)
        {
            while (Peek() is { } entry && now - entry.ArrivedAt > WaitingMilliseconds)
            {
                pool.StopWaiting(entry);
                pool.DropIfUnused(entry);
            }
        }

        // Sessions are opened under no session id; a nonce, which execution checks, makes that happen once.
        public bool IsOld(Request request) =>
            request.Session != SessionId.None
            && delivered.TryGetValue((request.Session.Value, request.Slot), out ulong last)
            && request.SlotSequence < last;

        public bool IsNewest(Request request) =>
            !delivered.TryGetValue((request.Session.Value, request.Slot), out ulong last) || request.SlotSequence >= last;

        public void Delivered(Request request)
        {
            if (delivered.Count >= MaximumSlotsRemembered)
                delivered.Clear();
            (ulong, ushort) key = (request.Session.Value, request.Slot);
            if (!delivered.TryGetValue(key, out ulong last) || request.SlotSequence > last)
                delivered[key] = request.SlotSequence;
        }
    }
}

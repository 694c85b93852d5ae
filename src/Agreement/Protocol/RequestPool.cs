using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// The request bodies that a replica holds: those waiting to be ordered, in a fair queue over the clients, and those
/// that batches above the low water mark refer to. Every client has its own bounds, so one can't crowd out another.
/// </summary>
internal sealed class RequestPool
{
    /// <summary>A body that nobody ordered for this long is dropped; its client will send it again, in milliseconds, at least.</summary>
    private const long LeastWaitingMilliseconds = 10_000;

    /// <summary>
    /// For how long after its arrival what others say of holding a request is relied on, in milliseconds: much shorter than
    /// they keep it.
    /// </summary>
    private const long HeldMilliseconds = 4000;

    /// <summary>A replica says that it holds a request only this long after it arrived, in milliseconds.</summary>
    private const long PromiseMilliseconds = 1000;

    /// <summary>Dropped bodies' places that are kept to be used again.</summary>
    private const int MaximumFree = 4096;

    private readonly Dictionary<Digest, PooledRequest> entries = [];
    private readonly Stack<PooledRequest> free = [];
    private readonly ClientQueue[] clients;
    private readonly Quorum quorum;
    private readonly ReplicaOptions options;
    private readonly EarlyStatements early;
    private readonly RequestArena arena;
    private int nextClient;
    private ulong batches;

    // Waiting requests that were passed on to the primary: none while it is quick, so that judging its pace costs nothing.
    private readonly long waitingMilliseconds;
    private int passedOn;

    public RequestPool(int clientCount, Quorum quorum, ReplicaOptions options, RequestArena arena)
    {
        this.arena = arena;
        this.quorum = quorum;
        this.options = options;

        // Longer than the longest patience: a request that goes before it is overdue would depose nobody.
        waitingMilliseconds = Math.Max(LeastWaitingMilliseconds, 2 * ((long)options.ViewChangeMilliseconds << Replica.MaximumDoublings));
        early = new EarlyStatements(quorum.AgreementReplicas);
        clients = new ClientQueue[clientCount];
        for (int i = 0; i < clientCount; i++)
            clients[i] = new ClientQueue();
    }

    /// <summary>Requests that wait to be ordered.</summary>
    public int Waiting { get; private set; }

    /// <summary>Bodies held.</summary>
    public int Held => entries.Count;

    /// <summary>The body with this digest, if held.</summary>
    public Request? Find(in Digest digest) => entries.TryGetValue(digest, out PooledRequest? entry) ? entry.Request : null;

    /// <summary>Takes a body that came over its client's own link.</summary>
    /// <param name="request">The body.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="isNew">Whether it was not held before.</param>
    /// <param name="rejection">Why it was not taken, if the result is false.</param>
    public bool TryAdd(Request request, long now, out bool isNew, out Rejection rejection)
    {
        isNew = false;
        rejection = default;
        if (request.Client.Index >= clients.Length)
        {
            rejection = Rejection.WrongSender;
            return false;
        }

        ClientQueue client = clients[request.Client.Index];
        if (entries.TryGetValue(request.Digest, out PooledRequest? known))
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

        Expire(client, now);
        if (!client.HasRoom(request, options))
        {
            rejection = Rejection.ClientOverLimit;
            return false;
        }

        isNew = true;
        PooledRequest entry = Hold(request);
        Enqueue(client, entry, now);
        entry.HeldBy = early.Take(request.Digest, now);
        return true;
    }

    /// <summary>Takes a body that a proposal needs and that is valid for other reasons than its client's link. Owns it.</summary>
    public void AddOrdered(Request request)
    {
        if (entries.ContainsKey(request.Digest))
            arena.Return(request);
        else
            Hold(request);
    }

    /// <summary>A batch above the low water mark refers to this body: it no longer waits, and stays.</summary>
    public Request Reference(in Digest digest, long now)
    {
        PooledRequest entry = entries[digest];
        entry.References++;
        entry.OrderedAt = now;
        StopWaiting(entry);
        return entry.Request;
    }

    /// <summary>The batch that referred to this body is below the low water mark, or was replaced.</summary>
    /// <returns>Bytes of the body.</returns>
    public int Release(in Digest digest)
    {
        if (!entries.TryGetValue(digest, out PooledRequest? entry))
            return 0;
        entry.References--;
        int bytes = entry.Request.Encoded.Length;
        DropIfUnused(entry);
        return bytes;
    }

    /// <summary>A batch with this request was proposed and is not any more: it waits again, unless it was delivered.</summary>
    public void Requeue(in Digest digest, long now)
    {
        if (!entries.TryGetValue(digest, out PooledRequest? entry) || entry.Waiting)
            return;
        ClientQueue client = clients[entry.Request.Client.Index];
        if (!client.IsSettled(entry.Request))
            Enqueue(client, entry, now);
    }

    /// <summary>Forgets what was delivered: after a rollback the slots of sessions go on from where they were.</summary>
    public void ForgetDelivered()
    {
        foreach (ClientQueue client in clients)
            client.ForgetDelivered();
    }

    /// <summary>When a request was passed on to the primary, 0 if it wasn't, and its length.</summary>
    public bool TryGetPassedOn(in Digest digest, out long passedOnAt, out int bytes)
    {
        bool known = entries.TryGetValue(digest, out PooledRequest? entry);
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
        foreach (ClientQueue client in clients)
        {
            if (client.FirstUnsettled() is { PassedOnAt: > 0 } entry)
                oldest = Math.Min(oldest, entry.PassedOnAt);
        }

        return oldest;
    }

    /// <summary>Another view began: what was passed on to the last primary, or told to it, is not known to this one.</summary>
    public void BeginView()
    {
        early.Clear();
        passedOn = 0;
        foreach (ClientQueue client in clients)
        {
            for (PooledRequest? entry = client.First; entry is not null; entry = entry.Next)
            {
                entry.PassedOnAt = 0;
                entry.HeldBy = 0;
            }
        }
    }

    /// <summary>A replica says that it holds a request that came over its client's own link.</summary>
    public void HeldBy(int replica, in Digest digest, long now)
    {
        if (entries.TryGetValue(digest, out PooledRequest? entry))
            entry.HeldBy |= 1u << replica;
        else
            early.Add(replica, digest, now);
    }

    /// <summary>Forgets what a replica said that it holds: it may have started again.</summary>
    public void ForgetHeldBy(int replica)
    {
        early.Clear();
        foreach (ClientQueue client in clients)
        {
            for (PooledRequest? entry = client.First; entry is not null; entry = entry.Next)
                entry.HeldBy &= ~(1u << replica);
        }
    }

    /// <summary>
    /// The primary is about to be told that this request is held: from now on it stays until it is ordered or waits too long,
    /// whatever is found of its signature.
    /// </summary>
    /// <returns>False when there is no use in telling.</returns>
    public bool TryPromise(in Digest digest, long now)
    {
        if (!entries.TryGetValue(digest, out PooledRequest? entry) || !entry.Waiting || now - entry.ArrivedAt > PromiseMilliseconds)
            return false;
        entry.Promised = true;
        return true;
    }

    /// <summary>Whether this request waits and its signature was verified.</summary>
    public bool IsWaitingVerified(in Digest digest) =>
        entries.TryGetValue(digest, out PooledRequest? entry) && entry is { Waiting: true, Verified: true };

    /// <summary>Takes a request that a peer passed on, with a signature that was verified.</summary>
    /// <param name="request">The request.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="isTaken">Whether this object is held now.</param>
    /// <returns>False when its client has too much waiting, or is unknown.</returns>
    public bool TryAddForwarded(Request request, long now, out bool isTaken)
    {
        isTaken = false;
        if (request.Client.Index >= clients.Length)
            return false;
        ClientQueue client = clients[request.Client.Index];
        if (!entries.TryGetValue(request.Digest, out PooledRequest? entry))
        {
            if (!client.HasRoom(request, options))
                return false;
            entry = Hold(request);
            isTaken = true;
        }
        else if (!entry.Verified && entry.References == 0)
        {
            // What came over its client's link may have borne a bad signature.
            arena.Return(entry.Request);
            entry.Request = request;
            isTaken = true;
        }

        entry.Verified = entry.Forwarded = true;
        entry.Bad = false;
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
        foreach (ClientQueue client in clients)
        {
            if (client.FirstUnsettled(now, out long firstSince) is not { } entry)
                continue;
            long waited = now - Math.Max(Math.Max(firstSince, entry.ArrivedAt), floor);
            if (waited < grace)
                continue;
            if (!entry.Verified && !isValid(entry.Request))
            {
                Refuse(entry);
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

    /// <summary>
    /// Takes the next requests to propose, one client after the other, within the bounds of a batch. Of those that the same
    /// 2f + 1 replicas hold from their clients no signature is checked: f + 1 correct ones are among them and accept the
    /// batch, and what f + 1 accept is valid for all (DESIGN §4).
    /// </summary>
    /// <param name="now">Milliseconds.</param>
    /// <param name="inFlight">
    /// Whether proposals are in flight. Then those requests that fewer replicas hold so far are left for a short time, in
    /// which they may become known: signatures cost more than all else. Otherwise one of them is checked, to go on.
    /// </param>
    /// <param name="isValid">Checks the signature; a request that fails is dropped.</param>
    /// <param name="batch">Filled with their digests.</param>
    public void TakeBatch(long now, bool inFlight, Func<Request, bool> isValid, List<Digest> batch)
    {
        long bytes = 0;
        int idleClients = 0;
        batches++;
        uint holders = uint.MaxValue;
        bool spare = inFlight;
        while (Waiting > 0 && batch.Count < Limits.MaximumBatchRequests && idleClients < clients.Length)
        {
            ClientQueue client = clients[nextClient];
            PooledRequest? entry = client.RefusedIn == batches ? null : client.First;
            bool isValidUnchecked = entry is not null && (entry.Verified || IsHeld(entry, holders, now));
            if (spare && !isValidUnchecked && now - entry?.ArrivedAt < options.HeldGraceMilliseconds)
                entry = null;
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
            bool isRefused = !isLate && !isValidUnchecked && !isValid(entry.Request);
            if (isLate || entry.Bad || isRefused)
            {
                // One bad signature ends a client's turn: checking many would make all others wait.
                if (isRefused)
                    client.RefusedIn = batches;
                DropIfUnused(entry);
                continue;
            }

            if (isValidUnchecked && !entry.Verified)
                holders &= entry.HeldBy;
            entry.Verified |= !isValidUnchecked;
            spare |= !isValidUnchecked;
            bytes += entry.Request.Encoded.Length;
            batch.Add(entry.Request.Digest);
        }
    }

    /// <summary>Drops what has waited too long, whether or not its client says anything more.</summary>
    public void Expire(long now)
    {
        if (Waiting == 0)
            return;
        foreach (ClientQueue client in clients)
            Expire(client, now);
    }

    /// <summary>The batch that wanted this body will not be accepted: the body goes, unless something else needs it.</summary>
    public void Discard(in Digest digest)
    {
        if (entries.TryGetValue(digest, out PooledRequest? entry))
            DropIfUnused(entry);
    }

    /// <summary>A request is delivered at a number: older ones of its slot are of no use any more.</summary>
    /// <returns>The request, if its body is held.</returns>
    public Request? Deliver(in Digest digest, SequenceNumber number)
    {
        if (!entries.TryGetValue(digest, out PooledRequest? entry))
            return null;
        entry.DeliveredAt = number;
        if (entry.Request.Client.Index < clients.Length)
            clients[entry.Request.Client.Index].Delivered(entry.Request);
        return entry.Request;
    }

    /// <summary>Whether a request that its client sends again was delivered before, and its reply ought to have come.</summary>
    /// <param name="request">The request, of a known client.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="grace">How long ago it must have been ordered, in milliseconds; a copy may merely be late.</param>
    /// <param name="number">Where it was delivered last; 0 if that is below the low water mark.</param>
    public bool IsRepetition(Request request, long now, long grace, out SequenceNumber number)
    {
        number = default;
        if (!entries.TryGetValue(request.Digest, out PooledRequest? entry) || entry.DeliveredAt.Value == 0)
            return clients[request.Client.Index].IsSettled(request);
        number = entry.DeliveredAt;
        return now - entry.OrderedAt >= grace;
    }

    private PooledRequest Hold(Request request)
    {
        PooledRequest entry = free.Count > 0 ? free.Pop() : new PooledRequest();
        entry.Request = request;
        entries.Add(request.Digest, entry);
        return entry;
    }

    // A batch is accepted as a whole: those who hold all of its unchecked requests must be enough. One that is correct keeps
    // what it spoke of for longer than we rely on that.
    private bool IsHeld(PooledRequest entry, uint holders, long now) =>
        now - entry.ArrivedAt < HeldMilliseconds && BitOperations.PopCount(holders & entry.HeldBy) + 1 >= quorum.Strong;

    // With a bad signature it makes nobody change views. Where the primary was told of it, it may still be ordered.
    private void Refuse(PooledRequest entry)
    {
        if (entry.Promised)
        {
            entry.Bad = true;
            return;
        }

        StopWaiting(entry);
        DropIfUnused(entry);
    }

    private void Enqueue(ClientQueue client, PooledRequest entry, long now)
    {
        entry.Waiting = true;
        entry.ArrivedAt = now;

        // Whoever held it when it waited before may have dropped it since.
        entry.HeldBy = 0;
        client.Append(entry);
        Waiting++;
    }

    private void StopWaiting(PooledRequest entry)
    {
        if (!entry.Waiting)
            return;
        entry.Waiting = false;
        if (entry.PassedOnAt > 0)
            passedOn--;
        entry.PassedOnAt = 0;
        clients[entry.Request.Client.Index].Remove(entry);
        Waiting--;
    }

    private void Expire(ClientQueue client, long now)
    {
        while (client.First is { } entry && now - entry.ArrivedAt > waitingMilliseconds)
        {
            StopWaiting(entry);
            DropIfUnused(entry);
        }
    }

    private void DropIfUnused(PooledRequest entry)
    {
        if (entry.References > 0 || entry.Waiting)
            return;
        entries.Remove(entry.Request.Digest);
        arena.Return(entry.Request);
        entry.Clear();
        if (free.Count < MaximumFree)
            free.Push(entry);
    }
}

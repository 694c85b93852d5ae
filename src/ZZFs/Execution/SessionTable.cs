using Agreement.Messages;

namespace ZZFs.Execution;

/// <summary>One slot of a session: its last request and reply (NFSv4.1's reply cache).</summary>
public sealed class SessionSlot
{
    /// <summary>Sequence number of the last request executed in this slot; 0 before the first.</summary>
    public ulong Sequence { get; set; }

    /// <summary>The incarnation that it was signed for.</summary>
    public Incarnation Incarnation { get; set; }

    /// <summary>Its digest.</summary>
    public Digest RequestDigest { get; set; }

    /// <summary>The number at which it was executed.</summary>
    public SequenceNumber Number { get; set; }

    /// <summary>Whether its reply must wait until <see cref="Number"/> is durable.</summary>
    public bool IsSync { get; set; }

    /// <summary>
    /// The reply is large and the operation only reads: checkpoints keep no copy, and a duplicate is executed again. A
    /// function of operation and result, hence equal on all replicas.
    /// </summary>
    public bool IsRepeatable { get; set; }

    /// <summary>Digest of the result.</summary>
    public Digest ResultDigest { get; set; }

    /// <summary>The result; null when it is repeatable and was not kept.</summary>
    public byte[]? Result { get; set; }

    /// <summary>Its place among the results that this replica keeps though they could be had again; not replicated.</summary>
    internal LinkedListNode<SessionSlot>? KeptPlace { get; set; }
}

/// <summary>A client's session.</summary>
public sealed class Session(SessionId id, uint client, UInt128 nonce, int slots)
{
    private const int IncarnationShift = 40;

    /// <summary>The name of the session that is opened as so manieth, in an incarnation.</summary>
    public static SessionId Name(Incarnation incarnation, ulong count) => new((incarnation.Value << IncarnationShift) | count);

    /// <summary>Its name.</summary>
    public SessionId Id { get; } = id;

    /// <summary>The incarnation in which it was opened, which its name contains.</summary>
    public Incarnation OpenedIn => new(Id.Value >> IncarnationShift);

    /// <summary>Index of the client that opened it.</summary>
    public uint Client { get; } = client;

    /// <summary>What the client chose to name its wish to open it.</summary>
    public UInt128 Nonce { get; } = nonce;

    /// <summary>Its slots.</summary>
    public IReadOnlyList<SessionSlot> Slots { get; } = [.. Enumerable.Range(0, slots).Select(_ => new SessionSlot())];

    /// <summary>Lease clock at its last request, in nanoseconds.</summary>
    public long LastUsed { get; set; }
}

/// <summary>
/// The sessions and their reply caches: replicated state beside the file system, which makes every request happen once.
/// </summary>
/// <remarks>
/// Leases run on a clock that advances, with each batch, by the smaller of the timestamp step and
/// <see cref="TickNanoseconds"/>, so that neither an outage nor a primary with a bad clock expires everybody.
/// </remarks>
public sealed class SessionTable
{
    /// <summary>A session that was not used for this long, by the lease clock, ends; in nanoseconds.</summary>
    public const long LeaseNanoseconds = 120_000_000_000;

    /// <summary>Most that one batch advances the lease clock, in nanoseconds.</summary>
    public const long TickNanoseconds = 10_000_000_000;

    /// <summary>Sessions of one client; opening one more ends its least recently used.</summary>
    public const int MaximumSessionsPerClient = 16;

    /// <summary>Results above this size are not kept in checkpoints when their operation can be repeated, in bytes.</summary>
    public const int LargeResultBytes = 4096;

    private const long SweepNanoseconds = 5_000_000_000;

    // Sorted, so that whatever walks over all sessions does so in the same order everywhere.
    private readonly SortedDictionary<ulong, Session> sessions = [];
    private ulong opened;
    private long leaseClock;
    private long nextSweep;

    /// <summary>Sessions now open.</summary>
    public int Count => sessions.Count;

    /// <summary>All of them, by id.</summary>
    public IReadOnlyCollection<Session> All => sessions.Values;

    /// <summary>The session, if it is open and belongs to the client.</summary>
    public Session? Find(SessionId id, uint client) =>
        sessions.TryGetValue(id.Value, out Session? session) && session.Client == client ? session : null;

    /// <summary>Opens a session, or finds the one that this nonce opened.</summary>
    /// <param name="client">Who opens it.</param>
    /// <param name="nonce">The client's name for this wish.</param>
    /// <param name="slots">How many slots.</param>
    /// <param name="incarnation">Goes into the id, so that no old id names a new session.</param>
    /// <param name="ended">A session that had to end for it.</param>
    public Session Open(uint client, UInt128 nonce, int slots, Incarnation incarnation, out Session? ended)
    {
        ended = null;
        Session? oldest = null;
        int count = 0;
        foreach (Session session in sessions.Values)
        {
            if (session.Client != client)
                continue;
            if (session.Nonce == nonce)
                return session;
            count++;
            if (oldest is null || session.LastUsed < oldest.LastUsed)
                oldest = session;
        }

        if (count >= MaximumSessionsPerClient)
        {
            ended = oldest;
            sessions.Remove(oldest!.Id.Value);
        }

        opened++;
        SessionId id = Session.Name(incarnation, opened);
        var made = new Session(id, client, nonce, slots) { LastUsed = leaseClock };
        sessions.Add(id.Value, made);
        return made;
    }

    /// <summary>Ends a session.</summary>
    public void Close(Session session) => sessions.Remove(session.Id.Value);

    /// <summary>Notes that a session was used.</summary>
    public void Touch(Session session) => session.LastUsed = leaseClock;

    /// <summary>Lets agreed time pass.</summary>
    /// <param name="stepNanoseconds">From the last batch's timestamp to this one's.</param>
    /// <param name="expired">Filled with the sessions whose lease ran out; they are no longer in the table.</param>
    public void Advance(long stepNanoseconds, List<Session> expired)
    {
        leaseClock += Math.Clamp(stepNanoseconds, 0, TickNanoseconds);
        if (leaseClock < nextSweep)
            return;
        nextSweep = leaseClock + SweepNanoseconds;
        foreach (Session session in sessions.Values)
        {
            if (leaseClock - session.LastUsed > LeaseNanoseconds)
                expired.Add(session);
        }

        foreach (Session session in expired)
            sessions.Remove(session.Id.Value);
    }

    /// <summary>Appends the whole table.</summary>
    /// <remarks>
    /// Layout: opened (8), lease clock (8), next sweep (8), count (4); per session id (8), client (4), nonce (16), last used
    /// (8), slots (4); per slot sequence (8) and, unless that is 0, incarnation (8), request digest (32), number (8), flags
    /// (1: sync = 1, repeatable = 2), result digest (32), and unless repeatable the result (4 + n).
    /// </remarks>
    public void Write(MessageWriter writer)
    {
        writer.WriteUInt64(opened);
        writer.WriteInt64(leaseClock);
        writer.WriteInt64(nextSweep);
        writer.WriteUInt32((uint)sessions.Count);
        foreach (Session session in sessions.Values)
        {
            writer.WriteUInt64(session.Id.Value);
            writer.WriteUInt32(session.Client);
            writer.WriteUInt64((ulong)session.Nonce);
            writer.WriteUInt64((ulong)(session.Nonce >> 64));
            writer.WriteInt64(session.LastUsed);
            writer.WriteUInt32((uint)session.Slots.Count);
            foreach (SessionSlot slot in session.Slots)
                WriteSlot(writer, slot);
        }
    }

    /// <summary>Reads a table; the reader has failed if the bytes are none.</summary>
    public static SessionTable Read(ref MessageReader reader)
    {
        var table = new SessionTable
        {
            opened = reader.ReadUInt64(),
            leaseClock = reader.ReadInt64(),
            nextSweep = reader.ReadInt64(),
        };
        uint count = reader.ReadUInt32();
        for (uint i = 0; i < count && !reader.Failed; i++)
        {
            var id = new SessionId(reader.ReadUInt64());
            uint client = reader.ReadUInt32();
            ulong low = reader.ReadUInt64();
            var nonce = new UInt128(reader.ReadUInt64(), low);
            long lastUsed = reader.ReadInt64();
            int slots = reader.ReadCount(Limits.MaximumSlots);
            var session = new Session(id, client, nonce, slots) { LastUsed = lastUsed };
            foreach (SessionSlot slot in session.Slots)
                ReadSlot(ref reader, slot);
            if (!table.sessions.TryAdd(id.Value, session))
                reader.Fail();
        }

        return table;
    }

    private static void WriteSlot(MessageWriter writer, SessionSlot slot)
    {
        writer.WriteUInt64(slot.Sequence);
        if (slot.Sequence == 0)
            return;
        writer.WriteUInt64(slot.Incarnation.Value);
        writer.WriteDigest(slot.RequestDigest);
        writer.WriteUInt64(slot.Number.Value);
        writer.WriteByte((byte)((slot.IsSync ? 1 : 0) | (slot.IsRepeatable ? 2 : 0)));
        writer.WriteDigest(slot.ResultDigest);
        if (!slot.IsRepeatable)
            writer.WriteBytes(slot.Result);
    }

    private static void ReadSlot(ref MessageReader reader, SessionSlot slot)
    {
        slot.Sequence = reader.ReadUInt64();
        if (slot.Sequence == 0)
            return;
        slot.Incarnation = new Incarnation(reader.ReadUInt64());
        slot.RequestDigest = reader.ReadDigest();
        slot.Number = new SequenceNumber(reader.ReadUInt64());
        byte flags = reader.ReadByte();
        slot.IsSync = (flags & 1) != 0;
        slot.IsRepeatable = (flags & 2) != 0;
        slot.ResultDigest = reader.ReadDigest();
        if (!slot.IsRepeatable)
            slot.Result = reader.ReadBytes(Limits.MaximumResultBytes).ToArray();
    }
}

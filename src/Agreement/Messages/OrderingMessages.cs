namespace Agreement.Messages;

/// <summary>PRE-PREPARE⟨v, n, batch⟩ (TOCS 2002 §4.3).</summary>
/// <remarks>Layout: kind (1), view (8), number (8), batch.</remarks>
public readonly record struct PrePrepare(View View, SequenceNumber Number, Batch Batch)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.PrePrepare);
        writer.WriteUInt64(View.Value);
        writer.WriteUInt64(Number.Value);
        Batch.Write(writer);
    }

    /// <summary>Parses what follows the kind byte; the batch is taken from <paramref name="arena"/> if there is one.</summary>
    public static bool TryRead(ref MessageReader reader, out PrePrepare message, BatchArena? arena)
    {
        var view = new View(reader.ReadUInt64());
        var number = new SequenceNumber(reader.ReadUInt64());
        message = new PrePrepare(view, number, Batch.Read(ref reader, arena));
        return reader.Complete;
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out PrePrepare message) => TryRead(ref reader, out message, null);
}

/// <summary>PREPARE⟨v, n, d⟩ or COMMIT⟨v, n, d⟩, told apart by the kind byte.</summary>
/// <remarks>Layout: kind (1), view (8), number (8), batch digest (32).</remarks>
public readonly record struct Vote(View View, SequenceNumber Number, Digest Batch)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer, MessageKind kind)
    {
        writer.WriteByte((byte)kind);
        writer.WriteUInt64(View.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(Batch);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out Vote message)
    {
        message = new Vote(new View(reader.ReadUInt64()), new SequenceNumber(reader.ReadUInt64()), reader.ReadDigest());
        return reader.Complete;
    }
}

/// <summary>
/// SYNCED⟨r, n, history digest⟩: the sender has delivered up to n and all bodies and log entries up to n are on its disk.
/// </summary>
/// <remarks>Layout: kind (1), incarnation (8), number (8), history digest (32).</remarks>
public readonly record struct Synced(Incarnation Incarnation, SequenceNumber Number, Digest History)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.Synced);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(History);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out Synced message)
    {
        message = new Synced(new Incarnation(reader.ReadUInt64()), new SequenceNumber(reader.ReadUInt64()), reader.ReadDigest());
        return reader.Complete;
    }
}

/// <summary>
/// ORDER⟨r, e, n, batch, history digest⟩: the sender committed this batch at n. The same statement goes, as COMMITTED,
/// to agreement replicas that lag; f + 1 equal ones prove it to either.
/// </summary>
/// <param name="Incarnation">Log incarnation in which it is sent.</param>
/// <param name="Epoch">Epoch in which it is sent.</param>
/// <param name="Number">n.</param>
/// <param name="History">Chained history digest after n.</param>
/// <param name="Batch">The batch.</param>
/// <param name="View">View in which the sender prepared it last; a replica that learns the batch logs it under that view.</param>
/// <remarks>Layout: kind (1), incarnation (8), epoch (8), number (8), history digest (32), view (8), batch.</remarks>
public readonly record struct Order(Incarnation Incarnation, Epoch Epoch, SequenceNumber Number, Digest History, Batch Batch, View View = default)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer, MessageKind kind)
    {
        writer.WriteByte((byte)kind);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt64(Number.Value);
        writer.WriteDigest(History);
        writer.WriteUInt64(View.Value);
        Batch.Write(writer);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out Order message)
    {
        var incarnation = new Incarnation(reader.ReadUInt64());
        var epoch = new Epoch(reader.ReadUInt64());
        var number = new SequenceNumber(reader.ReadUInt64());
        Digest history = reader.ReadDigest();
        var view = new View(reader.ReadUInt64());
        message = new Order(incarnation, epoch, number, history, Batch.Read(ref reader), view);
        return reader.Complete;
    }
}

/// <summary>
/// What an agreement replica tells its peers of itself, when a link comes up and regularly: they re-send what it lacks.
/// </summary>
/// <param name="View">The sender's view.</param>
/// <param name="InView">False while the sender waits for the NEW-VIEW that begins it.</param>
/// <param name="LowWaterMark">Its last stable checkpoint.</param>
/// <param name="Delivered">Last number that it delivered.</param>
/// <param name="Synced">Last number that it says it has on disk.</param>
/// <param name="Ceiling">Of an amnesic replica: it votes again when a checkpoint at or above this is stable. Else 0.</param>
/// <remarks>Layout: kind (1), view (8), in view (1), low water mark (8), delivered (8), synced (8), ceiling (8).</remarks>
public readonly record struct Progress(
    View View, bool InView, SequenceNumber LowWaterMark, SequenceNumber Delivered, SequenceNumber Synced = default, SequenceNumber Ceiling = default)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.Progress);
        writer.WriteUInt64(View.Value);
        writer.WriteBool(InView);
        writer.WriteUInt64(LowWaterMark.Value);
        writer.WriteUInt64(Delivered.Value);
        writer.WriteUInt64(Synced.Value);
        writer.WriteUInt64(Ceiling.Value);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out Progress message)
    {
        message = new Progress(
            new View(reader.ReadUInt64()),
            reader.ReadBool(),
            new SequenceNumber(reader.ReadUInt64()),
            new SequenceNumber(reader.ReadUInt64()),
            new SequenceNumber(reader.ReadUInt64()),
            new SequenceNumber(reader.ReadUInt64()));
        return reader.Complete;
    }
}

/// <summary>
/// HELD: a backup tells the primary which requests it holds that came over their clients' own links. It keeps them for
/// several seconds whatever is found of their signatures.
/// </summary>
/// <remarks>Layout: kind (1), count (4), digests (32 each). A slice of the message that was received.</remarks>
public readonly struct Held
{
    private readonly ReadOnlyMemory<byte> digests;

    private Held(ReadOnlyMemory<byte> digests) => this.digests = digests;

    /// <summary>How many requests it names.</summary>
    public int Count => digests.Length / Digest.SizeBytes;

    /// <summary>One of them.</summary>
    public Digest this[int index] => new(digests.Span.Slice(index * Digest.SizeBytes, Digest.SizeBytes));

    /// <summary>Appends the message; at most <see cref="Limits.MaximumBatchRequests"/> requests.</summary>
    public static void Write(MessageWriter writer, ReadOnlySpan<Digest> requests)
    {
        writer.WriteByte((byte)MessageKind.Held);
        writer.WriteUInt32((uint)requests.Length);
        foreach (ref readonly Digest request in requests)
            writer.WriteDigest(request);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out Held message)
    {
        int count = reader.ReadCount(Limits.MaximumBatchRequests);
        message = new Held(reader.ReadRaw(count * Digest.SizeBytes));
        return reader.Complete;
    }
}

/// <summary>Asks for bodies by digest.</summary>
/// <remarks>Layout: kind (1), count (4), digests (32 each).</remarks>
public readonly record struct FetchBodies(Digest[] Digests)
{
    /// <summary>Appends the message.</summary>
    public static void Write(MessageWriter writer, ReadOnlySpan<Digest> digests)
    {
        writer.WriteByte((byte)MessageKind.FetchBodies);
        writer.WriteUInt32((uint)digests.Length);
        foreach (ref readonly Digest digest in digests)
            writer.WriteDigest(digest);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchBodies message)
    {
        var digests = new Digest[reader.ReadCount(Limits.MaximumBatchRequests)];
        for (int i = 0; i < digests.Length; i++)
            digests[i] = reader.ReadDigest();
        message = new FetchBodies(digests);
        return reader.Complete;
    }
}

/// <summary>Request bodies, as they were asked for; each proves itself by its digest.</summary>
/// <remarks>Layout: kind (1), count (4), encoded requests (4 + n each).</remarks>
public readonly record struct Bodies(ReadOnlyMemory<byte>[] Requests)
{
    /// <summary>Begins the message; the caller then writes each request with WriteBytes.</summary>
    public static void WriteHeader(MessageWriter writer, int count)
    {
        writer.WriteByte((byte)MessageKind.Bodies);
        writer.WriteUInt32((uint)count);
    }

    /// <summary>Parses what follows the kind byte; the requests are slices of the message.</summary>
    public static bool TryRead(ref MessageReader reader, out Bodies message)
    {
        var requests = new ReadOnlyMemory<byte>[reader.ReadCount(Limits.MaximumBatchRequests)];
        for (int i = 0; i < requests.Length; i++)
            requests[i] = reader.ReadBytes(Request.OverheadBytes + Limits.MaximumOperationBytes);
        message = new Bodies(requests);
        return reader.Complete;
    }
}

/// <summary>An execution replica asks to be sent the ORDERs from a number on.</summary>
/// <remarks>Layout: kind (1), first number wanted (8).</remarks>
public readonly record struct FetchOrders(SequenceNumber First)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.FetchOrders);
        writer.WriteUInt64(First.Value);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchOrders message)
    {
        message = new FetchOrders(new SequenceNumber(reader.ReadUInt64()));
        return reader.Complete;
    }
}

/// <summary>
/// A backup asks a peer that voted for them for the PRE-PREPAREs of a view that its primary has not sent it.
/// </summary>
/// <param name="View">The view.</param>
/// <param name="First">The lowest number wanted.</param>
/// <param name="Wanted">Bit i: the number First + i is wanted.</param>
/// <remarks>Layout: kind (1), view (8), first number (8), mask (8).</remarks>
public readonly record struct FetchProposals(View View, SequenceNumber First, ulong Wanted)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.FetchProposals);
        writer.WriteUInt64(View.Value);
        writer.WriteUInt64(First.Value);
        writer.WriteUInt64(Wanted);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchProposals message)
    {
        message = new FetchProposals(new View(reader.ReadUInt64()), new SequenceNumber(reader.ReadUInt64()), reader.ReadUInt64());
        return reader.Complete;
    }
}

/// <summary>A client asks how the cluster stands: what it was told once may have been lost, or have changed.</summary>
/// <remarks>Layout: kind (1).</remarks>
public readonly record struct FetchClusterState
{
    /// <summary>Appends the message.</summary>
    public static void Write(MessageWriter writer) => writer.WriteByte((byte)MessageKind.FetchClusterState);

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out FetchClusterState message)
    {
        message = default;
        return reader.Complete;
    }
}

/// <summary>What an agreement replica says of the cluster; f + 1 equal ones are believed.</summary>
/// <remarks>Layout: kind (1), incarnation (8), epoch (8), mask of active execution replicas (4), view (8; information only).</remarks>
public readonly record struct ClusterState(Incarnation Incarnation, Epoch Epoch, uint Active, View View)
{
    /// <summary>Appends the message.</summary>
    public void Write(MessageWriter writer)
    {
        writer.WriteByte((byte)MessageKind.ClusterState);
        writer.WriteUInt64(Incarnation.Value);
        writer.WriteUInt64(Epoch.Value);
        writer.WriteUInt32(Active);
        writer.WriteUInt64(View.Value);
    }

    /// <summary>Parses what follows the kind byte.</summary>
    public static bool TryRead(ref MessageReader reader, out ClusterState message)
    {
        message = new ClusterState(new Incarnation(reader.ReadUInt64()), new Epoch(reader.ReadUInt64()), reader.ReadUInt32(), new View(reader.ReadUInt64()));
        return reader.Complete;
    }
}

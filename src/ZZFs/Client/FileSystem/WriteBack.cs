using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>Writes that leave as one operation.</summary>
/// <param name="Sequence">Place in the order in which they were sealed.</param>
/// <param name="Writer">On whose behalf.</param>
/// <param name="Append">Whether the cluster decides the offset.</param>
/// <param name="Extents">The writes.</param>
internal sealed record WriteBatch(ulong Sequence, Credentials Writer, bool Append, List<WriteExtent> Extents)
{
    /// <summary>All their bytes.</summary>
    public long Bytes => Extents.Sum(static extent => (long)extent.Length);

    /// <summary>The first offset after them.</summary>
    public ulong End => Extents.Max(static extent => extent.End);

    /// <summary>Whether the order of the two matters.</summary>
    public bool ConflictsWith(WriteBatch other) => Append || other.Append
        || Extents.Exists(mine => other.Extents.Exists(theirs => mine.Offset < theirs.End && theirs.Offset < mine.End));

    /// <summary>The write operations.</summary>
    public IEnumerable<Operation> Operations(ObjectId id) =>
        Extents.Select(extent => new Write(id, extent.Offset, extent.Data, Append, Authorized: true));
}

/// <summary>Sends the batches of a <see cref="WriteBack"/> and takes note of their results.</summary>
internal interface IBatchSender
{
    /// <summary>
    /// Has the batch executed; ends when its outcome is known, with one result for each extent that was executed, the
    /// last one failed if not all were. Does not fail by exception.
    /// </summary>
    Task<IReadOnlyList<OperationResult>> SendAsync(WriteBatch batch);
}

/// <summary>
/// The write-back of one file: gathers writes, sends full transfers at once and the rest when it is flushed, several
/// operations in flight unless they overlap.
/// </summary>
/// <param name="budget">Shared by all files.</param>
/// <param name="sender">Where batches go.</param>
/// <param name="whenClean">Called whenever nothing is dirty any more.</param>
internal sealed class WriteBack(DirtyBudget budget, IBatchSender sender, Action whenClean)
{
    private const int MaximumInFlight = 8;

    private readonly WriteBuffer buffer = new();
    private readonly Queue<WriteBatch> waiting = new();
    private readonly List<WriteBatch> inFlight = [];
    private readonly List<(ulong UpTo, TaskCompletionSource Done)> flushes = [];
    private Credentials writer = Credentials.Superuser;
    private bool appending;
    private ulong lastSequence;

    /// <summary>Whether something written has not been executed yet.</summary>
    public bool IsDirty => buffer.DirtyBytes > 0 || waiting.Count > 0 || inFlight.Count > 0;

    /// <summary>Whether something waits for a flush.</summary>
    public bool HasUnsent => buffer.DirtyBytes > 0;

    /// <summary>Failed writes so far; whoever saw fewer has not been told.</summary>
    public uint Failures { get; private set; }

    /// <summary>What the last failure was.</summary>
    public Errno LastError { get; private set; }

    /// <summary>The end of what is dirty; 0 when nothing is.</summary>
    public ulong End
    {
        get
        {
            ulong end = buffer.End;
            foreach (WriteBatch batch in waiting)
                end = Math.Max(end, batch.End);
            foreach (WriteBatch batch in inFlight)
                end = Math.Max(end, batch.End);
            return end;
        }
    }

    /// <summary>
    /// Adds a write for which the caller has acquired its length from the budget; what overwrites dirty bytes is given
    /// back. The data is copied.
    /// </summary>
    public void Add(Credentials caller, ulong offset, ReadOnlySpan<byte> data, bool append)
    {
        bool joins = append == appending && caller.IsSameAs(writer) && (!append || buffer.End == offset);
        if (buffer.DirtyBytes > 0 && !joins)
            Seal(onlyFull: false);
        writer = caller;
        appending = append;
        long before = buffer.DirtyBytes;
        buffer.Add(offset, data);
        budget.Release(data.Length - (buffer.DirtyBytes - before));
        if (buffer.HasFullExtent)
            Seal(onlyFull: true);
        Pump();
    }

    /// <summary>Reads a range that lies inside one buffered extent.</summary>
    public bool TryRead(ulong offset, uint count, out ReadOnlyMemory<byte> data) => buffer.TryRead(offset, count, out data);

    /// <summary>Sends everything written so far; the task ends when all of it has been executed or has failed.</summary>
    public Task FlushAsync()
    {
        Seal(onlyFull: false);
        Pump();
        if (waiting.Count == 0 && inFlight.Count == 0)
            return Task.CompletedTask;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        flushes.Add((lastSequence, done));
        return done.Task;
    }

    /// <summary>
    /// Takes everything dirty as one batch that the caller sends in a compound of its own and then gives to
    /// <see cref="Finish"/>; null when it isn't one batch of this user with nothing in flight.
    /// </summary>
    public WriteBatch? TakeAll(Credentials caller)
    {
        if (waiting.Count > 0 || inFlight.Count > 0 || buffer.DirtyBytes == 0 || appending || !caller.IsSameAs(writer))
            return null;
        Seal(onlyFull: false);
        if (waiting.Count > 1)
            return null;
        WriteBatch batch = waiting.Dequeue();
        inFlight.Add(batch);
        return batch;
    }

    /// <summary>A batch in flight has ended.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="results">As <see cref="IBatchSender.SendAsync"/> returns them.</param>
    public void Finish(WriteBatch batch, IReadOnlyList<OperationResult> results)
    {
        inFlight.Remove(batch);
        budget.Release(batch.Bytes);
        Errno error = results.Count == 0 ? Errno.EIO : results[^1].Error;
        if (error != Errno.None)
        {
            Failures++;
            LastError = error;
        }
        else
        {
            // Of a failed write the submitter may still hold the bytes, so those are left to the collector.
            foreach (WriteExtent extent in batch.Extents)
                extent.Recycle();
        }

        Pump();
        WakeFlushes();
        if (!IsDirty)
            whenClean();
    }

    /// <summary>Forgets what has not been sent: nobody can read it any more.</summary>
    public void Discard()
    {
        budget.Release(buffer.DirtyBytes);
        buffer.Clear();
        if (!IsDirty)
            whenClean();
    }

    private void Seal(bool onlyFull)
    {
        while (buffer.Take(onlyFull) is { Count: > 0 } extents)
        {
            // Each append ends where the cluster says, so the next one can only follow it.
            if (!appending)
                waiting.Enqueue(new WriteBatch(++lastSequence, writer, false, extents));
            else
                extents.ForEach(extent => waiting.Enqueue(new WriteBatch(++lastSequence, writer, true, [extent])));
        }
    }

    private void Pump()
    {
        while (inFlight.Count < MaximumInFlight && waiting.TryPeek(out WriteBatch? next)
            && !inFlight.Exists(next.ConflictsWith))
        {
            inFlight.Add(waiting.Dequeue());
            _ = SendAsync(next);
        }
    }

    private async Task SendAsync(WriteBatch batch) => Finish(batch, await sender.SendAsync(batch));

    private void WakeFlushes()
    {
        ulong oldest = waiting.TryPeek(out WriteBatch? next) ? next.Sequence : ulong.MaxValue;
        foreach (WriteBatch batch in inFlight)
            oldest = Math.Min(oldest, batch.Sequence);
        for (int index = flushes.Count - 1; index >= 0; index--)
        {
            if (flushes[index].UpTo >= oldest)
                continue;
            flushes[index].Done.TrySetResult();
            flushes.RemoveAt(index);
        }
    }
}

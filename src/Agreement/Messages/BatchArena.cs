namespace Agreement.Messages;

/// <summary>
/// Batches that are used again after they were dropped, so that making one allocates nothing once as many of its length
/// were made before. Who takes one returns it, once, when nothing refers to it any more; one that is not returned is
/// collected.
/// </summary>
public sealed class BatchArena
{
    private const int MaximumKept = 2048;

    private readonly Stack<Batch>[] free = new Stack<Batch>[Limits.MaximumBatchRequests + 1];
    private int kept;

    /// <summary>An empty one.</summary>
    public BatchArena()
    {
        for (int i = 0; i < free.Length; i++)
            free[i] = new Stack<Batch>();
    }

    /// <summary>A batch of requests.</summary>
    public Batch Make(Timestamp timestamp, IReadOnlyList<Digest> requests)
    {
        Batch batch = Take(requests.Count);
        for (int i = 0; i < requests.Count; i++)
            batch.OwnRequests[i] = requests[i];
        batch.Become(timestamp);
        return batch;
    }

    /// <summary>Nothing refers to the batch any more. One that was not taken here is left to the collector.</summary>
    public void Return(Batch batch)
    {
        if (!batch.Lent)
            return;
        batch.Lent = false;
        if (kept == MaximumKept)
            return;
        kept++;
        free[batch.OwnRequests.Length].Push(batch);
    }

    /// <summary>A batch whose <see cref="Batch.OwnRequests"/> are to be filled before it becomes one.</summary>
    internal Batch Take(int count)
    {
        if (free[count].TryPop(out Batch? batch))
            kept--;
        else
            batch = new Batch(new Digest[count]);
        batch.Lent = true;
        return batch;
    }
}

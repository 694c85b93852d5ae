namespace Agreement.Messages;

/// <summary>
/// Arrays of digests that are used again, by length. Who takes one returns it once when nobody reads it any more, or leaves
/// it to the collector.
/// </summary>
public sealed class DigestArena
{
    private const int MaximumKept = 2048;

    private readonly Stack<Digest[]>[] free = new Stack<Digest[]>[Limits.MaximumBatchRequests + 1];
    private int kept;

    /// <summary>An empty one.</summary>
    public DigestArena()
    {
        for (int i = 0; i < free.Length; i++)
            free[i] = new Stack<Digest[]>();
    }

    /// <summary>An array of at most <see cref="Limits.MaximumBatchRequests"/> digests, of any content.</summary>
    public Digest[] Take(int count)
    {
        if (!free[count].TryPop(out Digest[]? digests))
            return count == 0 ? [] : new Digest[count];
        kept--;
        return digests;
    }

    /// <summary>Takes an array back.</summary>
    public void Return(Digest[] digests)
    {
        if (digests.Length == 0 || digests.Length >= free.Length || kept == MaximumKept)
            return;
        kept++;
        free[digests.Length].Push(digests);
    }
}

using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// HELD statements about requests that their client has not brought here yet. Kept for a short time and within a bound for
/// each replica: what is forgotten costs one signature check.
/// </summary>
internal sealed class EarlyStatements(int replicas)
{
    /// <summary>A statement is kept for this long, up to twice, in milliseconds.</summary>
    private const long KeptMilliseconds = 500;

    /// <summary>Statements of one replica that are kept in that time.</summary>
    private const int MaximumOfReplica = 4096;

    private const int InitialCapacity = 64;

    private readonly int[] counts = new int[replicas];
    private Dictionary<Digest, uint> young = new(InitialCapacity);
    private Dictionary<Digest, uint> old = new(InitialCapacity);
    private long turnedAt;

    /// <summary>A replica says that it holds a request.</summary>
    public void Add(int replica, in Digest request, long now)
    {
        Turn(now);
        if (counts[replica] >= MaximumOfReplica)
            return;
        counts[replica]++;
        young.TryGetValue(request, out uint holders);
        young[request] = holders | (1u << replica);
    }

    /// <summary>Takes what was said of a request: the mask of the replicas that hold it.</summary>
    public uint Take(in Digest request, long now)
    {
        Turn(now);
        uint holders = 0;
        if (young.Count > 0 && young.Remove(request, out uint recent))
            holders = recent;
        if (old.Count > 0 && old.Remove(request, out uint earlier))
            holders |= earlier;
        return holders;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        young.Clear();
        old.Clear();
        Array.Clear(counts);
    }

    private void Turn(long now)
    {
        long age = now - turnedAt;
        if (age < KeptMilliseconds)
            return;
        turnedAt = now;
        (young, old) = (old, young);
        young.Clear();
        if (age >= 2 * KeptMilliseconds)
            old.Clear();
        Array.Clear(counts);
    }
}

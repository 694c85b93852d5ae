using System.Diagnostics.CodeAnalysis;

namespace ZZFs.Abstraction;

/// <summary>
/// A bounded cache that keeps what was used lately: two halves, of which the older is given up when the younger is full.
/// Nothing leaves it but in <see cref="Trim"/>, so values may be changed in place between two trims.
/// </summary>
/// <param name="capacity">Values kept after a trim, at most.</param>
/// <param name="evict">Called for each value that leaves, in order of keys, so that what it writes is near together.</param>
internal sealed class WriteBackCache<TKey, TValue>(int capacity, Action<TValue> evict)
    where TKey : struct, IComparable<TKey>
    where TValue : class
{
    private Dictionary<TKey, TValue> young = [];
    private Dictionary<TKey, TValue> old = [];

    /// <summary>Values held.</summary>
    public int Count => young.Count + old.Count;

    /// <summary>Finds a value and marks it as used.</summary>
    public bool TryGet(TKey key, [NotNullWhen(true)] out TValue? value)
    {
        if (young.TryGetValue(key, out value))
            return true;
        if (!old.Remove(key, out value))
            return false;
        young.Add(key, value);
        return true;
    }

    /// <summary>Adds a value that isn't there.</summary>
    public void Add(TKey key, TValue value) => young.Add(key, value);

    /// <summary>Takes a value out, without evicting it.</summary>
    public bool Remove(TKey key, [NotNullWhen(true)] out TValue? value) =>
        young.Remove(key, out value) || old.Remove(key, out value);

    /// <summary>Takes everything out, without evicting it.</summary>
    public void Clear()
    {
        young.Clear();
        old.Clear();
    }

    /// <summary>Brings the cache back into its bound.</summary>
    public void Trim()
    {
        if (young.Count < capacity / 2)
            return;
        foreach (TKey key in SortedKeys(old))
            evict(old[key]);
        old.Clear();
        (young, old) = (old, young);
    }

    /// <summary>Everything held, in order of keys.</summary>
    public List<TValue> Sorted()
    {
        var values = new List<TValue>(Count);
        foreach (TKey key in SortedKeys(young, old))
            values.Add(young.TryGetValue(key, out TValue? value) ? value : old[key]);
        return values;
    }

    private static List<TKey> SortedKeys(params ReadOnlySpan<Dictionary<TKey, TValue>> halves)
    {
        var keys = new List<TKey>();
        foreach (Dictionary<TKey, TValue> half in halves)
#pragma warning disable RS0030 // Sorted before anybody sees them.
            keys.AddRange(half.Keys);
#pragma warning restore RS0030
        keys.Sort();
        return keys;
    }
}

using System.Diagnostics.CodeAnalysis;

namespace ZZFs.Client.FileSystem;

/// <summary>A map with a bound: adding beyond it forgets the entries that were used longest ago.</summary>
/// <param name="maximumCost">Most cost of all entries; an entry costs 1 unless it is set with another cost.</param>
/// <param name="onEvict">Told what was forgotten for the bound's sake.</param>
internal sealed class LruMap<TKey, TValue>(long maximumCost, Action<TKey, TValue>? onEvict = null)
    where TKey : notnull
    where TValue : class
{
    private readonly Dictionary<TKey, LinkedListNode<Item>> byKey = [];
    private readonly LinkedList<Item> byUse = new();

    /// <summary>Cost of all entries.</summary>
    public long Cost { get; private set; }

    /// <summary>Number of entries.</summary>
    public int Count => byKey.Count;

    /// <summary>Finds an entry and marks it as used.</summary>
    public bool TryGet(TKey key, [NotNullWhen(true)] out TValue? value)
    {
        value = null;
        if (!byKey.TryGetValue(key, out LinkedListNode<Item>? node))
            return false;
        byUse.Remove(node);
        byUse.AddFirst(node);
        value = node.Value.Value;
        return true;
    }

    /// <summary>Adds or replaces an entry, and forgets others while the bound is exceeded, this one last.</summary>
    public void Set(TKey key, TValue value, long cost = 1)
    {
        Remove(key);
        byKey[key] = byUse.AddFirst(new Item(key, value, cost));
        Cost += cost;
        while (Cost > maximumCost && byUse.Last is LinkedListNode<Item> last)
        {
            Item evicted = last.Value;
            Remove(evicted.Key);
            onEvict?.Invoke(evicted.Key, evicted.Value);
        }
    }

    /// <summary>Forgets an entry, if it is there.</summary>
    public void Remove(TKey key)
    {
        if (!byKey.Remove(key, out LinkedListNode<Item>? node))
            return;
        byUse.Remove(node);
        Cost -= node.Value.Cost;
    }

    private readonly record struct Item(TKey Key, TValue Value, long Cost);
}

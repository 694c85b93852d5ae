using ZZFs.Abstraction;

namespace ZZFs.Client.FileSystem;

/// <summary>
/// The newest attributes seen of each object, with the time from which they are known to have been right. Bounded: the
/// least recently used are forgotten.
/// </summary>
/// <param name="maximumEntries">Most objects remembered.</param>
/// <param name="maximumAgeMilliseconds">How long they count.</param>
public sealed class AttributeCache(int maximumEntries, long maximumAgeMilliseconds)
{
    private readonly LruMap<ObjectId, Entry> entries = new(maximumEntries);

    /// <summary>
    /// Remembers attributes from the result of an operation that was submitted at <paramref name="asOfMilliseconds"/>:
    /// they were right at some time since. Older ones than those known (by their change counter) are ignored.
    /// </summary>
    public void Put(ObjectId id, Attributes attributes, long asOfMilliseconds)
    {
        if (!entries.TryGet(id, out Entry? entry))
        {
            entries.Set(id, new Entry { Attributes = attributes, AsOf = asOfMilliseconds });
            return;
        }

        if (attributes.Change < entry.Attributes.Change)
            return;
        entry.AsOf = attributes.Change == entry.Attributes.Change ? Math.Max(entry.AsOf, asOfMilliseconds) : asOfMilliseconds;
        entry.Attributes = attributes;
    }

    /// <summary>The newest attributes known, however old; null when there are none.</summary>
    public Attributes? Peek(ObjectId id) => entries.TryGet(id, out Entry? entry) ? entry.Attributes : null;

    /// <summary>Attributes that still count at <paramref name="nowMilliseconds"/>, and for how much longer.</summary>
    public bool TryGet(ObjectId id, long nowMilliseconds, out Attributes attributes, out long validMilliseconds)
    {
        attributes = null!;
        validMilliseconds = 0;
        if (!entries.TryGet(id, out Entry? entry))
            return false;
        attributes = entry.Attributes;
        validMilliseconds = entry.AsOf + maximumAgeMilliseconds - nowMilliseconds;
        return validMilliseconds > 0;
    }

    /// <summary>The attributes were changed in a way that is not known: they don't count any more.</summary>
    public void Expire(ObjectId id)
    {
        if (entries.TryGet(id, out Entry? entry))
            entry.AsOf = long.MinValue / 2;
    }

    /// <summary>Forgets an object that is gone.</summary>
    public void Remove(ObjectId id) => entries.Remove(id);

    private sealed class Entry
    {
        public required Attributes Attributes;
        public required long AsOf;
    }
}

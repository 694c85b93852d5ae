namespace ZZFs.Stores;

/// <summary>Changes of one file's content that is stored elsewhere: blocks that were written, and ranges that became holes.</summary>
internal sealed class PendingBlocks
{
    private readonly Dictionary<ulong, byte[]> written = [];
    private readonly SortedSet<ulong> order = [];

    // Disjoint, and in rising order. Blocks that were written since may lie within.
    private readonly List<(ulong First, ulong Last)> holes = [];

    /// <summary>Stores a block.</summary>
    public void Write(ulong block, byte[] content)
    {
        written[block] = content;
        order.Add(block);
    }

    /// <summary>Makes holes of the blocks from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    public void Remove(ulong first, ulong last)
    {
        foreach (ulong block in order.GetViewBetween(first, last).ToArray())
        {
            written.Remove(block);
            order.Remove(block);
        }

        int at = FirstHoleFrom(first);
        int end = at;
        for (; end < holes.Count && holes[end].First <= last; end++)
        {
            first = Math.Min(first, holes[end].First);
            last = Math.Max(last, holes[end].Last);
        }

        holes.RemoveRange(at, end - at);
        holes.Insert(at, (first, last));
    }

    /// <summary>What is known of a block here; false when what is stored counts.</summary>
    /// <param name="block">The block.</param>
    /// <param name="content">Its content; null for a hole.</param>
    public bool TryFind(ulong block, out byte[]? content) => written.TryGetValue(block, out content) || IsHole(block);

    /// <summary>The first block from <paramref name="first"/> to <paramref name="last"/> that is not a hole.</summary>
    /// <param name="first">The first.</param>
    /// <param name="last">The last.</param>
    /// <param name="nextStored">Finds the first stored one in a range.</param>
    public ulong? Next(ulong first, ulong last, Func<ulong, ulong, ulong?> nextStored)
    {
        ulong? here = null;
        foreach (ulong block in order.GetViewBetween(first, last))
        {
            here = block;
            break;
        }

        foreach ((ulong from, ulong to) in StoredRanges(first, here ?? last))
        {
            if (nextStored(from, to) is { } stored)
                return stored;
        }

        return here;
    }

    /// <summary>How many blocks from <paramref name="first"/> to <paramref name="last"/> are no holes.</summary>
    /// <param name="first">The first.</param>
    /// <param name="last">The last.</param>
    /// <param name="countStored">Counts the stored ones of a range.</param>
    public ulong Count(ulong first, ulong last, Func<ulong, ulong, ulong> countStored)
    {
        ulong count = 0;
        foreach ((ulong from, ulong to) in StoredRanges(first, last))
            count += countStored(from, to);
        foreach (ulong block in order.GetViewBetween(first, last))
        {
            if (IsHole(block) || countStored(block, block) == 0)
                count++;
        }

        return count;
    }

    // The parts of a range where what is stored counts, unless it was overwritten.
    private IEnumerable<(ulong First, ulong Last)> StoredRanges(ulong first, ulong last)
    {
        for (int at = FirstHoleFrom(first); at < holes.Count && holes[at].First <= last; at++)
        {
            if (first < holes[at].First)
                yield return (first, holes[at].First - 1);
            if (holes[at].Last >= last)
                yield break;
            first = holes[at].Last + 1;
        }

        yield return (first, last);
    }

    private bool IsHole(ulong block)
    {
        int at = FirstHoleFrom(block);
        return at < holes.Count && holes[at].First <= block;
    }

    // The first hole that ends at or after a block.
    private int FirstHoleFrom(ulong block)
    {
        int low = 0;
        int high = holes.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (holes[middle].Last < block)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}

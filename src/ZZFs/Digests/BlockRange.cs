namespace ZZFs.Digests;

/// <summary>Blocks of a file from <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
internal readonly record struct BlockRange(ulong First, ulong Last) : IComparable<BlockRange>
{
    public int CompareTo(BlockRange other) => First.CompareTo(other.First);

    /// <summary>The ranges in order, joined where they meet.</summary>
    public static List<BlockRange> Merge(List<BlockRange> ranges)
    {
        var sorted = new List<BlockRange>(ranges);
        sorted.Sort();
        var merged = new List<BlockRange>();
        foreach (BlockRange range in sorted)
        {
            if (merged.Count > 0 && merged[^1].Meets(range))
                merged[^1] = merged[^1].With(range);
            else
                merged.Add(range);
        }

        return merged;
    }

    /// <summary>Whether the two together are one range, this one beginning no later.</summary>
    public bool Meets(BlockRange next) => next.First >= First && next.First <= Last + 1;

    /// <summary>From this one's beginning to whichever end is later.</summary>
    public BlockRange With(BlockRange next) => new(First, Math.Max(Last, next.Last));
}

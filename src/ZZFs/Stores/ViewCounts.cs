namespace ZZFs.Stores;

/// <summary>How many views of each version are open. Any thread.</summary>
internal sealed class ViewCounts
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<ulong, int> counts = [];

    /// <summary>A view was opened.</summary>
    public void Enter(ulong number)
    {
        lock (gate)
            counts[number] = counts.GetValueOrDefault(number) + 1;
    }

    /// <summary>A view was closed.</summary>
    public void Leave(ulong number)
    {
        lock (gate)
        {
            if (--counts[number] == 0)
                counts.Remove(number);
        }
    }

    /// <summary>Whether there is a view of the version.</summary>
    public bool IsOpen(ulong number)
    {
        lock (gate)
            return counts.ContainsKey(number);
    }

    /// <summary>Whether there is a view of a later version.</summary>
    public bool IsOpenAbove(ulong number)
    {
        lock (gate)
            return counts.Keys.Any(open => open > number);
    }
}

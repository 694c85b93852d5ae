namespace ZZFs.Client.FileSystem;

/// <summary>
/// Follows the change counter of one object through this client's own operations, to tell them from foreign ones: while
/// each own change starts where the last one ended, nobody else changed the object, and caches stay valid (as with
/// NFSv3's wcc_data).
/// </summary>
/// <remarks>
/// Results may arrive out of order, so a gap means nothing until the last own operation in flight has ended.
/// A broken chain starts again at the newest counter seen; the caller drops what it had cached.
/// </remarks>
public sealed class ChangeChain
{
    private readonly List<(ulong Before, ulong After)> unconnected = [];
    private ulong highestSeen;
    private int inFlight;
    private bool outcomeUnknown;

    /// <summary>Starts at a counter that was just learned.</summary>
    public ChangeChain(ulong change) => Current = highestSeen = change;

    /// <summary>The counter at which caches are valid.</summary>
    public ulong Current { get; private set; }

    /// <summary>Whether nothing is in flight that could explain or refute what was seen.</summary>
    public bool Certain => inFlight == 0;

    /// <summary>An own operation that may change the object was submitted.</summary>
    public void Begin() => inFlight++;

    /// <summary>An own operation in flight turned the counter from <paramref name="before"/> to <paramref name="after"/>.</summary>
    public void Record(ulong before, ulong after)
    {
        highestSeen = Math.Max(highestSeen, after);
        if (after <= Current)
            return;
        unconnected.Add((before, after));
        Connect();
    }

    /// <summary>An own operation may have been executed, but how it ended is not known (it was interrupted).</summary>
    public void RecordUnknown() => outcomeUnknown = true;

    /// <summary>An own operation has ended, its changes recorded. True if somebody else changed the object.</summary>
    public bool End()
    {
        inFlight--;
        return Evaluate();
    }

    /// <summary>A counter was seen in the result of some operation. True if somebody else changed the object.</summary>
    public bool Observe(ulong change)
    {
        highestSeen = Math.Max(highestSeen, change);
        return Evaluate();
    }

    private bool Evaluate()
    {
        if (inFlight > 0)
            return false;
        bool broken = outcomeUnknown || highestSeen > Current;
        Current = highestSeen;
        unconnected.Clear();
        outcomeUnknown = false;
        return broken;
    }

    private void Connect()
    {
        for (int index = 0; index < unconnected.Count;)
        {
            (ulong before, ulong after) = unconnected[index];
            if (before != Current)
            {
                index++;
                continue;
            }

            Current = after;
            unconnected.RemoveAt(index);
            index = 0;
        }
    }
}

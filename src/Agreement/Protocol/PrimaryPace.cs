namespace Agreement.Protocol;

/// <summary>
/// Judges whether a primary is slower than it need be: moving averages of how long it holds requests back before it proposes
/// them, and of how long replicas then take to agree, which a bad primary can't stretch (after Clement et al., Aardvark, NSDI
/// 2009).
/// </summary>
internal sealed class PrimaryPace
{
    private const int SamplesNeeded = 8;

    // Held-back time is tolerated up to this multiple of what agreement itself takes.
    private const int Tolerance = 8;

    private const int MaximumDoublings = 5;

    private double held;
    private double agreement;
    private int samples;
    private int deposed;

    /// <summary>A view began: its primary is not known yet. What agreement takes stays known.</summary>
    public void Reset()
    {
        held = 0;
        samples = 0;
    }

    /// <summary>A proposal with room left came, and the oldest request that it contains or passes over was this old.</summary>
    public void Proposed(long milliseconds)
    {
        held += (milliseconds - held) / SamplesNeeded;
        samples++;
    }

    /// <summary>A number was delivered so long after its proposal.</summary>
    public void Delivered(long milliseconds) => agreement += (milliseconds - agreement) / SamplesNeeded;

    /// <summary>Whether the primary should go. Each time it says so its tolerance doubles, lest a slow network flaps views.</summary>
    public bool IsSlow(int floorMilliseconds)
    {
        long floor = (long)floorMilliseconds << Math.Min(deposed, MaximumDoublings);
        if (samples < SamplesNeeded || held <= Math.Max(floor, Tolerance * agreement))
            return false;
        deposed++;
        Reset();
        return true;
    }
}

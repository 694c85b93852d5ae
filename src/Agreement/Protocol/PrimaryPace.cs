namespace Agreement.Protocol;

/// <summary>
/// Judges whether a primary is slower than it need be: moving averages of how long it holds requests back before it proposes
/// them, and of how long replicas then take to agree, which a bad primary can't stretch (after Clement et al., Aardvark, NSDI
/// 2009, and Amir et al., Prime, TDSC 2011). So the bound follows from what the same replicas achieve on the same network,
/// and a bad primary costs a small multiple of that.
/// </summary>
internal sealed class PrimaryPace(int floorMilliseconds)
{
    private const int SamplesNeeded = 8;

    // Held-back time is tolerated up to this multiple of what agreement itself takes.
    private const int Tolerance = 8;

    // One sample counts for at most so many times the bound: a pause of the whole machine is no proof.
    private const int SampleBound = 2;

    private const int MaximumDoublings = 5;
    private const long ForgiveMilliseconds = 60_000;

    private double held;
    private double agreement;
    private int samples;
    private int doublings;
    private long judgedAt;

    /// <summary>How long a request may wait, in milliseconds, before it is passed on: much longer than agreement itself takes.</summary>
    public long PassOnMilliseconds => (long)Math.Max(floorMilliseconds / 2.0, Tolerance * agreement);

    private double Bound => Math.Max((long)floorMilliseconds << doublings, Tolerance * agreement);

    /// <summary>A view began: its primary is not known yet. What agreement takes stays known.</summary>
    public void Reset()
    {
        held = 0;
        samples = 0;
    }

    /// <summary>A proposal with room left came, and the oldest request that it contains or passes over was this old.</summary>
    public void Proposed(long milliseconds)
    {
        held += (Math.Min(milliseconds, SampleBound * Bound) - held) / SamplesNeeded;
        samples++;
    }

    /// <summary>A number was delivered so long after its proposal.</summary>
    public void Delivered(long milliseconds) => agreement += (milliseconds - agreement) / SamplesNeeded;

    /// <summary>
    /// Whether the primary should go. Each time it says so its tolerance doubles, lest a slow network flaps views, and
    /// shrinks again with time.
    /// </summary>
    public bool IsSlow(long now)
    {
        if (doublings > 0 && now - judgedAt >= ForgiveMilliseconds)
        {
            doublings--;
            judgedAt = now;
        }

        if (samples < SamplesNeeded || held <= Bound)
            return false;
        doublings = Math.Min(doublings + 1, MaximumDoublings);
        judgedAt = now;
        Reset();
        return true;
    }
}

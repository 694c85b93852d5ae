namespace Xen;

/// <summary>
/// How long to wait before a replica is started again: from 0.1 s doubling to 10 s, and from the start again once it has run
/// for a minute, so that a broken one doesn't burn the machine and a good one is back at once.
/// </summary>
internal sealed class RestartBackoff
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Last = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Healthy = TimeSpan.FromMinutes(1);
    private TimeSpan next = First;

    /// <summary>The wait after a run of length <paramref name="ran"/>.</summary>
    public TimeSpan After(TimeSpan ran)
    {
        TimeSpan wait = ran >= Healthy ? First : next;
        next = wait * 2 < Last ? wait * 2 : Last;
        return wait;
    }
}

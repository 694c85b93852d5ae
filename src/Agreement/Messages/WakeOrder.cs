using System.Globalization;

namespace Agreement.Messages;

/// <summary>What agreement replicas have a controller do with its execution replica.</summary>
public enum OrderKind : byte
{
    /// <summary>Put it to sleep: the epoch began without it (SLEEP).</summary>
    Sleep = 0,

    /// <summary>Let it run: those who are active in the epoch don't do (RECOVER).</summary>
    Wake = 1,
}

/// <summary>
/// An order to a controller, backed by f + 1 votes of its epoch. Orders only rise: by epoch, and within one sleep comes
/// before wake, since an epoch begins without a replica before its active ones can fail (DESIGN §9).
/// </summary>
/// <param name="Epoch">The epoch that the votes name.</param>
/// <param name="Kind">What to do.</param>
public readonly record struct WakeOrder(Epoch Epoch, OrderKind Kind) : IComparable<WakeOrder>
{
    /// <inheritdoc/>
    public int CompareTo(WakeOrder other)
    {
        int byEpoch = Epoch.CompareTo(other.Epoch);
        return byEpoch != 0 ? byEpoch : Kind.CompareTo(other.Kind);
    }

    /// <summary>Orders by epoch, then sleep before wake.</summary>
    public static bool operator <(WakeOrder left, WakeOrder right) => left.CompareTo(right) < 0;

    /// <summary>Orders by epoch, then sleep before wake.</summary>
    public static bool operator >(WakeOrder left, WakeOrder right) => left.CompareTo(right) > 0;

    /// <summary>Orders by epoch, then sleep before wake.</summary>
    public static bool operator <=(WakeOrder left, WakeOrder right) => left.CompareTo(right) <= 0;

    /// <summary>Orders by epoch, then sleep before wake.</summary>
    public static bool operator >=(WakeOrder left, WakeOrder right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Kind == OrderKind.Wake ? "wake" : "sleep")} of epoch {Epoch}");
}

using System.Diagnostics;

namespace Mounted;

/// <summary>Waits for something that other processes bring about and that gives no notice, within a bound.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns as soon as the condition holds; fails the test if it doesn't within the bound.</summary>
    public static async Task Holds(Func<bool> condition, TimeSpan bound, string what)
    {
        using var timer = new PeriodicTimer(Interval);
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < bound, $"Within {bound} it did not come about that {what}.");
            await timer.WaitForNextTickAsync();
        }
    }
}

using Agreement.Configuration;

namespace Xen;

/// <summary>What a controller does next with its replica.</summary>
internal enum DriveStep
{
    /// <summary>It is where it shall be.</summary>
    Nothing,

    /// <summary>Start it.</summary>
    Start,

    /// <summary>Wait until it answers: only then is it known to run, and only then is it worth holding.</summary>
    AwaitReady,

    /// <summary>Hold it.</summary>
    Pause,

    /// <summary>Put it on disk.</summary>
    Hibernate,

    /// <summary>Let it go on.</summary>
    Wake,
}

/// <summary>The way from what a guest does to what it shall do, one step at a time. Pure.</summary>
internal static class Driving
{
    /// <summary>The next step.</summary>
    /// <param name="guest">What the guest does.</param>
    /// <param name="ready">Whether its replica answered since it was started, or had its time for that.</param>
    /// <param name="shallRun">Whether it shall run; else it shall sleep.</param>
    /// <param name="mode">How it sleeps.</param>
    public static DriveStep Next(GuestState guest, bool ready, bool shallRun, SleepMode mode) => guest switch
    {
        GuestState.Absent => DriveStep.Start,
        GuestState.Running when !ready => DriveStep.AwaitReady,
        GuestState.Running when !shallRun => mode == SleepMode.Paused ? DriveStep.Pause : DriveStep.Hibernate,
        GuestState.Paused or GuestState.Hibernated when shallRun => DriveStep.Wake,
        // One way to sleep is as good as the other to whoever finds it so.
        _ => DriveStep.Nothing,
    };
}

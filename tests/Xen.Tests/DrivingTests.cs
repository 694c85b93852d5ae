using Agreement.Configuration;

namespace Xen.Tests;

public class DrivingTests
{
    [Theory]
    [InlineData(GuestState.Absent, true, true, SleepMode.Paused, DriveStep.Start)]
    [InlineData(GuestState.Absent, true, false, SleepMode.Paused, DriveStep.Start)]
    [InlineData(GuestState.Absent, true, false, SleepMode.Hibernated, DriveStep.Start)]
    [InlineData(GuestState.Running, false, true, SleepMode.Paused, DriveStep.AwaitReady)]
    [InlineData(GuestState.Running, false, false, SleepMode.Paused, DriveStep.AwaitReady)]
    [InlineData(GuestState.Running, true, true, SleepMode.Hibernated, DriveStep.Nothing)]
    [InlineData(GuestState.Running, true, false, SleepMode.Paused, DriveStep.Pause)]
    [InlineData(GuestState.Running, true, false, SleepMode.Hibernated, DriveStep.Hibernate)]
    [InlineData(GuestState.Paused, false, true, SleepMode.Paused, DriveStep.Wake)]
    [InlineData(GuestState.Paused, true, false, SleepMode.Hibernated, DriveStep.Nothing)]
    [InlineData(GuestState.Hibernated, true, true, SleepMode.Paused, DriveStep.Wake)]
    [InlineData(GuestState.Hibernated, false, false, SleepMode.Hibernated, DriveStep.Nothing)]
    public void Each_step_leads_towards_what_shall_be(GuestState guest, bool ready, bool shallRun, SleepMode mode, object step) =>
        Assert.Equal(step, Driving.Next(guest, ready, shallRun, mode));

    [Fact]
    public void From_everywhere_it_gets_there_and_stays()
    {
        foreach (GuestState start in Enum.GetValues<GuestState>())
        {
            foreach ((bool shallRun, SleepMode mode) in ((bool, SleepMode)[])[(true, SleepMode.Paused), (false, SleepMode.Paused), (false, SleepMode.Hibernated)])
            {
                (GuestState guest, bool ready) = (start, false);
                for (int i = 0; i < 4; i++)
                {
                    (guest, ready) = Driving.Next(guest, ready, shallRun, mode) switch
                    {
                        DriveStep.Start or DriveStep.Wake => (GuestState.Running, false),
                        DriveStep.AwaitReady => (guest, true),
                        DriveStep.Pause => (GuestState.Paused, ready),
                        DriveStep.Hibernate => (GuestState.Hibernated, ready),
                        _ => (guest, ready),
                    };
                }

                Assert.Equal(DriveStep.Nothing, Driving.Next(guest, ready, shallRun, mode));
                Assert.Equal(shallRun, guest == GuestState.Running);
            }
        }
    }
}

namespace Mounted;

/// <summary>
/// The whole site loses power: every node dies at once, and their disk has only what had reached it. A mount on another
/// machine lives on, waits, and goes on; what was synced is there, and what was not is there again or reported.
/// </summary>
public sealed class PowerLossTests
{
    private const int DiskMebibytes = 1024;
    private const int Losses = 3;
    private const int Growth = 20;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [RootClusterFact("mkfs.ext4", "losetup")]
    public async Task Nothing_that_was_synced_is_lost_and_nothing_else_silently()
    {
        using var cluster = Cluster.StartedOnDisk(DiskMebibytes, "--durability", "fsync");
        await LosePowerUnderWriters(cluster);
    }

    [RootClusterFact("mkfs.ext4", "losetup")]
    public async Task Under_durability_always_nothing_is_lost_at_all()
    {
        using var cluster = Cluster.StartedOnDisk(DiskMebibytes, "--durability", "always");
        Assert.Equal(0, await LosePowerUnderWriters(cluster));
    }

    // Gives how many errors the writers got.
    private static async Task<int> LosePowerUnderWriters(Cluster cluster)
    {
        var mount = cluster.Mount("mount");
        using var writers = new Writers(mount);
        try
        {
            long lost = 0;
            for (var loss = 1; loss <= Losses; loss++)
            {
                await Grow(writers, $"files are written before power loss {loss}");
                lost += await cluster.LosePower(Bound);
                await Grow(writers, $"the mount goes on after power loss {loss}");
            }

            await writers.End(Bound);
            Assert.True(lost > 0, "the logs had reached the disk whole each time; this run shows nothing");
        }
        catch
        {
            cluster.KillMounts();
            throw;
        }

        writers.Verify(mount);
        writers.Verify(cluster.Mount("another"));
        return writers.Errors;
    }

    private static async Task Grow(Writers writers, string what)
    {
        var before = writers.Count;
        await Eventually.Holds(() => writers.HasGrown(before, Growth), Bound, what);
    }
}

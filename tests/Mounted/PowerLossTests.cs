namespace Mounted;

/// <summary>
/// The whole site loses power: every node dies at once, and their disk has only what had reached it. A mount on another
/// machine lives on, waits, and goes on; what was synced is there, and what was not is there again or reported.
/// </summary>
public sealed class PowerLossTests
{
    private const int DiskMebibytes = 1024;
    private const int Losses = 3;

    // The kernel may have written everything back when the power goes; then it goes again.
    private const int MaximumLosses = 10;
    private const int Growth = 20;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    [RootClusterFact("mkfs.ext4", "losetup")]
    public async Task Nothing_that_was_synced_is_lost_and_nothing_else_silently()
    {
        using var cluster = Cluster.StartedOnDisk(DiskMebibytes, "--durability", "fsync");
        await LosePowerUnderWriters(cluster, logsLose: true);
        Assert.Contains("casts none until that is safe", File.ReadAllText(Path.Combine(cluster.ClusterDirectory, "a0", "node.log")));
    }

    // What it had acknowledged counted on 2f + 1 disks, one of which was a lie (DESIGN §5, §6).
    [RootClusterFact("mkfs.ext4", "losetup")]
    public async Task One_agreement_replica_may_lie_about_its_disk()
    {
        using var cluster = Cluster.StartedOnDisk(DiskMebibytes, liar: "a2", ["--durability", "fsync"]);
        await LosePowerUnderWriters(cluster, logsLose: true);
        Assert.Contains("a2 starts without a memory", File.ReadAllText(Path.Combine(cluster.ClusterDirectory, "a2", "node.log")));
        Assert.False(Directory.Exists(Path.Combine(cluster.ClusterDirectory, "a2", "data", "log")));
    }

    [RootClusterFact("mkfs.ext4", "losetup")]
    public async Task Under_durability_always_nothing_is_lost_at_all()
    {
        using var cluster = Cluster.StartedOnDisk(DiskMebibytes, "--durability", "always");
        Assert.Equal(0, await LosePowerUnderWriters(cluster, logsLose: false));
    }

    // Gives how many errors the writers got. Under durability fsync the logs lose their ends; under always they are on disk.
    private static async Task<int> LosePowerUnderWriters(Cluster cluster, bool logsLose)
    {
        var mount = cluster.Mount("mount");
        using var writers = new Writers(mount);
        var showsSomething = false;
        try
        {
            for (var loss = 1; loss <= Losses || (!showsSomething && loss <= MaximumLosses); loss++)
            {
                await Grow(writers, $"files are written before power loss {loss}");

                // Once while files are being synced; else when the logs are ahead of the disk, as they are if nobody syncs.
                var before = writers.Count;
                writers.Syncs = loss == 1;
                await Eventually.Holds(() => writers.HasGrown(before with { Plain = before.Plain + Growth }), Bound, "files are written without syncs");
                var (bytes, file) = await cluster.LosePower(Bound);
                showsSomething |= logsLose ? bytes > 0 : file;
                writers.Syncs = true;
                await Grow(writers, $"the mount goes on after power loss {loss}");
            }

            await writers.End(Bound);
        }
        catch
        {
            cluster.KillMounts();
            throw;
        }

        Assert.True(showsSomething, "the disk had everything each time; this run shows nothing");
        writers.Verify(cluster.Mount("another"));
        return writers.Errors;
    }

    private static async Task Grow(Writers writers, string what)
    {
        var (synced, records, plain) = writers.Count;
        await Eventually.Holds(() => writers.HasGrown((synced + Growth, records + Growth, plain + Growth)), Bound, what);
    }
}

using System.Diagnostics;
using System.Globalization;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Tests.Stores;

/// <summary>A process that works on a store is killed at any moment; the next one finds the store exactly at its last commit.</summary>
public abstract class StoreCrashTests
{
    private readonly TreeVolumes volumes;
    private readonly string name = TreeVolumes.NewName();

    private protected StoreCrashTests(TreeVolumes volumes) => this.volumes = volumes;

    private protected void KillAndCompare(int seed, int rounds)
    {
        var random = new Random(seed);
        using IFileService expected = new ConformanceWrapper(new MemoryStore(), StoreWorker.Limits);
        var worker = new StoreWorker(seed);
        ulong last = 0;
        for (int round = 0; round < rounds; round++)
        {
            ulong printed = WorkAndKill(seed, random, last);
            using IFileService found = volumes.OpenService(name, StoreWorker.Limits);
            last = found.LastCheckpoint.Value;

            // The last commit may have been done and not printed.
            Assert.InRange(last, printed, printed + StoreWorker.Interval);
            worker.Work(expected, (long)last);
            Digest digest = expected.TakeCheckpoint(found.LastCheckpoint, []);
            Assert.Equal(digest, found.LastCheckpointDigest);
            List<string> listing = TreeListing.Of(expected, volumes.HasFractions);
            Assert.Equal(listing, TreeListing.Of(found, volumes.HasFractions));
            Assert.Equal(listing, TreeListing.Of(Path.Combine(volumes.WorkingPath(name), "tree"), volumes.HasFractions));
        }

        Assert.True(last > (ulong)rounds * StoreWorker.Interval, $"The killed processes got only to {last}.");
    }

    // The number of the last checkpoint that the process printed.
    private ulong WorkAndKill(int seed, Random random, ulong last)
    {
        string[] arguments = ["exec", typeof(StoreWorker).Assembly.Location, .. volumes.Describe(), name, seed.ToString(CultureInfo.InvariantCulture)];
        using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        for (int lines = random.Next(1, 4); lines > 0; lines--)
            last = Number(process.StandardOutput.ReadLine());

        // Not waiting for anything: any moment will do, of the operations up to the next commit or of the commit itself.
        Thread.Sleep(random.Next(80));
        process.Kill();
        while (process.StandardOutput.ReadLine() is { } line)
            last = Number(line);
        process.WaitForExit();
        return last;
    }

    private static ulong Number(string? line)
    {
        Assert.NotNull(line);
        return ulong.Parse(line, CultureInfo.InvariantCulture);
    }
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsCrashTests(BtrfsSystem btrfs) : StoreCrashTests(new BtrfsVolumes(btrfs.Path))
{
    [StoreFact]
    public void A_killed_process_leaves_its_last_commit() => KillAndCompare(seed: 1, rounds: 8);
}

[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class ZfsCrashTests(ZfsSystem zfs) : StoreCrashTests(new ZfsVolumes(zfs.Pool, zfs.Path))
{
    [StoreFact]
    public void A_killed_process_leaves_its_last_commit() => KillAndCompare(seed: 2, rounds: 4);
}

using System.Diagnostics;
using System.Globalization;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Tests.Abstraction;

namespace ZZFs.Tests.Stores;

/// <summary>A process that works on a store is killed at any moment; the next one finds the store exactly at its last commit.</summary>
public abstract class StoreCrashTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly TreeVolumes volumes;
    private readonly string name = TreeVolumes.NewName();

    private protected StoreCrashTests(TreeVolumes volumes) => this.volumes = volumes;

    private protected void KillAndCompare(int seed, int rounds)
    {
        var random = new Random(seed);
        using IFileService expected = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), StoreWorker.Limits);
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
        for (int checkpoints = random.Next(1, 4); checkpoints > 0;)
        {
            if (TryReadNumber(Read(process), ref last))
                checkpoints--;
        }

        // At times within the next commit, else between operations.
        bool commits = random.Next(2) == 0;
        int operations = random.Next(StoreWorker.Interval);
        while (Read(process) is var next && (commits ? next != StoreWorker.Commits : operations-- > 0))
            Assert.False(TryReadNumber(next, ref last));
        process.Kill();
        while (process.StandardOutput.ReadLine() is { } line)
            TryReadNumber(line, ref last);
        process.WaitForExit();
        return last;
    }

    private static string Read(Process process)
    {
        Task<string?> line = process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Bound), "the process says nothing any more");
        Assert.NotNull(line.Result);
        return line.Result;
    }

    private static bool TryReadNumber(string line, ref ulong last)
    {
        if (line is StoreWorker.Operates or StoreWorker.Commits)
            return false;
        last = ulong.Parse(line, CultureInfo.InvariantCulture);
        return true;
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

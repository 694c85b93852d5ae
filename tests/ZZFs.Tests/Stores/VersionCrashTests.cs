using System.Diagnostics;
using System.Globalization;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>A process that makes and drops versions is killed at any moment; the next one finds those that it left, each whole.</summary>
public abstract class VersionCrashTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly string[] Moments =
        [VersionWorker.Works, VersionWorker.Commits, VersionWorker.Hardens, VersionWorker.Drops, VersionWorker.Dropped];

    private readonly MemoryStore model = new();
    private readonly SortedDictionary<ulong, List<string>> dumps = [];
    private ulong made;
    private string last = "";

    private protected abstract string[] Command { get; }

    private protected abstract IBackingStore Open();

    private protected void KillAndCompare(int seed, int rounds)
    {
        var random = new Random(seed);
        var left = new SortedSet<ulong>();
        for (int round = 0; round < rounds; round++)
        {
            // What may be there or not: what the process was at when it was killed.
            var uncertain = new SortedSet<ulong>();
            WorkAndKill(seed, Moments[round % Moments.Length], random, left, uncertain);
            using IBackingStore found = Open();
            foreach (ulong version in found.Versions)
            {
                Assert.True(left.Contains(version) || uncertain.Contains(version), $"version {version} should not be there");
                using IStoreView view = found.OpenVersion(version);
                Assert.Equal(DumpOf(seed, version), VersionTrial.Dump(view));
            }

            Assert.Superset(left, new SortedSet<ulong>(found.Versions));
            Assert.Equal(DumpOf(seed, found.Versions[^1]), VersionTrial.Dump(found));
            left = [.. found.Versions];
        }

        Assert.True(made > (ulong)rounds, $"The killed processes got only to {made}.");
    }

    private void WorkAndKill(int seed, string moment, Random random, SortedSet<ulong> left, SortedSet<ulong> uncertain)
    {
        string[] arguments =
        [
            "exec", typeof(VersionWorker).Assembly.Location, nameof(VersionWorker), .. Command, seed.ToString(CultureInfo.InvariantCulture),
        ];
        using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;

        // At least two versions, and enough of them to drop some. Then a moment or a bit later.
        int lines = (40 * random.Next(2, 5)) + random.Next(40);
        while (lines-- > 0 || !LastIs(moment))
            Understand(Read(process));
        Thread.SpinWait(random.Next(4) * 20_000);
        process.Kill();
        while (process.StandardOutput.ReadLine() is { } line)
            Understand(line);
        process.WaitForExit();

        bool LastIs(string what) => last.StartsWith(what, StringComparison.Ordinal);

        void Understand(string line)
        {
            last = line;
            ulong version = ulong.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
            switch (line.Split(' ')[0])
            {
                case VersionWorker.Commits:
                    uncertain.Add(version);
                    break;
                case VersionWorker.Hardened:
                    uncertain.Remove(version);
                    left.Add(version);
                    break;
                case VersionWorker.Drops:
                    left.Remove(version);
                    uncertain.Add(version);
                    break;
            }
        }
    }

    private List<string> DumpOf(int seed, ulong version)
    {
        while (made < version)
        {
            VersionWorker.Change(model, seed, ++made, () => { });
            dumps.Add(made, VersionTrial.Dump(model));
        }

        return dumps[version];
    }

    private static string Read(Process process)
    {
        Task<string?> line = process.StandardOutput.ReadLineAsync();
        Assert.True(line.Wait(Bound), "the process says nothing any more");
        Assert.NotNull(line.Result);
        return line.Result;
    }
}

public sealed class EmbeddedVersionCrashTests : VersionCrashTests, IDisposable
{
    private readonly TemporaryStore folder = new();

    private protected override string[] Command => ["embedded", folder.FilePath, "", ""];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_killed_process_leaves_whole_versions() => KillAndCompare(seed: 1, rounds: 20);

    private protected override IBackingStore Open() => EmbeddedStore.Open(folder.FilePath, 2 << 20);
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsVersionCrashTests(BtrfsSystem btrfs) : VersionCrashTests
{
    private readonly BtrfsVolumes volumes = new(btrfs.Path);
    private readonly string name = TreeVolumes.NewName();

    private protected override string[] Command => [.. volumes.Describe(), name];

    [StoreFact]
    public void A_killed_process_leaves_whole_versions() => KillAndCompare(seed: 2, rounds: 10);

    private protected override IBackingStore Open() => volumes.Open(name);
}

[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class ZfsVersionCrashTests(ZfsSystem zfs) : VersionCrashTests
{
    private readonly ZfsVolumes volumes = new(zfs.Pool, zfs.Path);
    private readonly string name = TreeVolumes.NewName();

    private protected override string[] Command => [.. volumes.Describe(), name];

    [StoreFact]
    public void A_killed_process_leaves_whole_versions() => KillAndCompare(seed: 3, rounds: 5);

    private protected override IBackingStore Open() => volumes.Open(name);
}

using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Stores;
using ZZFs.Tests.Cli;

namespace ZZFs.Tests.Stores;

/// <summary>What every store promises of its versions.</summary>
public abstract class StoreVersionTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    /// <summary>How many random runs there is time for.</summary>
    private protected abstract int Runs { get; }

    /// <summary>How many checkpoints there is time for, up to 200.</summary>
    private protected abstract int Checkpoints { get; }

    /// <summary>How much the disk use of a store may vary when nothing else works on the disk.</summary>
    private protected virtual long SlackBytes => 4 << 20;

    private protected abstract string NewName();

    private protected abstract IBackingStore Open(string name);

    [StoreFact]
    public void Versions_are_what_a_model_says() =>
        Gen.Select(Gen.Int, Gen.Select(Gen.Int[0, 99], Gen.Int[0, 11], Gen.Int[0, 11]).Array[20, 120]).Sample(
            (seed, steps) =>
            {
                string name = NewName();
                using var trial = new VersionTrial(() => Open(name), seed);
                foreach ((int kind, int first, int second) in steps)
                    trial.Step(kind, first, second);
                trial.Check();
            },
            iter: Runs,
            threads: 1);

    [StoreFact]
    public void Versions_are_there_after_reopening_and_can_all_be_returned_to()
    {
        string name = NewName();
        using var trial = new VersionTrial(() => Open(name), 1);
        for (int version = 0; version < 5; version++)
        {
            for (int i = 0; i < 40; i++)
                trial.Change((version + i) * 7 % 55, (uint)(i % VersionTrial.Files) + 1, (uint)(i / 3 % VersionTrial.Files) + 1, (ulong)(i % 9));
            trial.Commit(10);
        }

        trial.Store.Harden(50);
        trial.Change(0, 1, 1, 3);
        trial.Reopen();
        Assert.Equal([10, 20, 30, 40, 50], trial.Store.Versions);
        trial.Check();

        // One from the middle, one that is not the newest, and what is left in the end.
        trial.Drop(30);
        trial.Check();
        foreach (ulong target in (ulong[])[40, 20, 10, 0])
        {
            trial.Change(0, 2, 2, 1);
            trial.Rollback(target);
            trial.Check();
            trial.Reopen();
            Assert.Equal(target, trial.Store.Versions.LastOrDefault());
            trial.Check();
        }

        // The same number again, of other content.
        trial.Change(0, 3, 3, 3);
        trial.Commit(10);
        trial.Check();
    }

    [StoreFact]
    public void A_version_that_is_read_is_not_dropped()
    {
        string name = NewName();
        using var trial = new VersionTrial(() => Open(name), 2);
        trial.Change(0, 1, 1, 0);
        trial.Change(0, 1, 1, 0);
        ulong number = trial.Commit();
        IStoreView first = trial.Store.OpenVersion(number);
        IStoreView second = trial.Store.OpenVersion(number);
        List<string> lines = VersionTrial.Dump(first);
        Assert.Equal(lines, VersionTrial.Dump(second));
        trial.Change(31, 1, 1, 0);
        trial.Commit();
        first.Dispose();
        Assert.False(trial.Store.TryDrop(number));
        Assert.Equal(lines, VersionTrial.Dump(second));
        second.Dispose();
        second.Dispose();
        trial.Drop(number);
        Assert.Throws<ArgumentException>(() => trial.Store.OpenVersion(number));
        Assert.Throws<ArgumentException>(() => trial.Store.TryDrop(number));
        Assert.Throws<ArgumentException>(() => trial.Store.Rollback(number));
        trial.Check();
    }

    [StoreFact]
    public async Task A_version_reads_the_same_from_another_thread_while_the_store_goes_on()
    {
        string name = NewName();
        using var trial = new VersionTrial(() => Open(name), 3);
        for (int i = 0; i < 60; i++)
            trial.Change(i * 7 % 55, (uint)(i % VersionTrial.Files) + 1, 1, (ulong)(i % 9));
        ulong number = trial.Commit();
        using IStoreView view = trial.Store.OpenVersion(number);
        List<string> lines = VersionTrial.Dump(view);
        using var stop = new CancellationTokenSource();
        int rounds = 0;
        Task reader = Task.Run(() =>
        {
            do
            {
                Assert.Equal(lines, VersionTrial.Dump(view));
                trial.Store.Harden(number);
                rounds++;
            }
            while (!stop.IsCancellationRequested);
        });
        long start = Environment.TickCount64;
        for (int i = 0; (i < 400 || Volatile.Read(ref rounds) < 3) && !reader.IsFaulted; i++)
        {
            Assert.True(Environment.TickCount64 - start < Bound.TotalMilliseconds, "the reader gets nowhere");
            trial.Change(i * 11 % 55, (uint)(i % VersionTrial.Files) + 1, (uint)(i / 5 % VersionTrial.Files) + 1, (ulong)(i % 9));
            if (i % 40 == 39 && trial.Store.Versions.Count < 4)
                trial.Commit();
            else if (i % 40 == 20 && trial.Store.Versions.Count > 2)
                trial.Drop(trial.Store.Versions[1]);
            else if (i == 390)
                trial.Rollback(number);
        }

        await stop.CancelAsync();
        await reader;
        trial.Check();
    }

    [StoreFact]
    public void Closing_twice_does_no_harm()
    {
        IBackingStore store = Open(NewName());
        store.WriteMetadata("k"u8, "v"u8);
        store.Dispose();
        store.Dispose();
    }

    [StoreFact]
    public async Task Disk_use_is_bounded_while_live_data_stays_as_much()
    {
        using IBackingStore store = Open(NewName());
        var files = new ObjectRecord(0) { Generation = 1, Type = ObjectType.Directory, LinkCount = 2, Mode = 0x1ed };
        store.MakeObject(files);
        store.WriteObject(files);
        var file = new ObjectRecord(1) { Generation = 1, Type = ObjectType.File, LinkCount = 1, Mode = 0x1a4, SizeBytes = 256 * Specification.BlockBytes };
        store.MakeObject(file);
        store.AddEntry(0, "file"u8, file.Id);
        store.WriteObject(file);
        byte[] content = new byte[Specification.BlockBytes];
        var random = new Random(4);
        long early = 0;
        int first = Checkpoints / 10;
        for (int checkpoint = 1; checkpoint <= Checkpoints; checkpoint++)
        {
            // 2 of 8 MiB, so that the last two versions and what is on its way out come to some 14 MiB.
            for (int i = 0; i < 64; i++)
            {
                random.NextBytes(content);
                content[^1] |= 1;
                store.WriteBlock(1, (ulong)random.Next(256), content);
            }

            store.Commit((ulong)checkpoint);
            store.Harden((ulong)checkpoint);
            if (checkpoint > 2)
                Assert.True(store.TryDrop((ulong)checkpoint - 2));
            if (checkpoint == first)
                early = store.DiskBytes;
        }

        // Some systems free what was dropped later, in the background.
        await TestCluster.UntilAsync(() => store.DiskBytes <= early + SlackBytes, Bound);
        Assert.InRange(store.DiskBytes, 1, early + SlackBytes);
    }
}

public sealed class MemoryStoreVersionTests : StoreVersionTests
{
    private readonly Dictionary<string, MemoryStore> stores = [];
    private int count;

    private protected override int Runs => 200;

    private protected override int Checkpoints => 100;

    // The model checks itself, and the trial; reopening is what a crash of its replica does in the simulator.
    private protected override string NewName() => $"{count++}";

    private protected override IBackingStore Open(string name)
    {
        if (!stores.TryGetValue(name, out MemoryStore? store))
            stores.Add(name, store = new MemoryStore());
        store.Rollback(store.Versions.LastOrDefault());
        return store;
    }
}

public sealed class EmbeddedStoreVersionTests : StoreVersionTests, IDisposable
{
    private readonly TemporaryStore folder = new();
    private int count;

    private protected override int Runs => 100;

    private protected override int Checkpoints => 200;

    // The log is moved into the file by the way, in pieces.
    private protected override long SlackBytes => 80 << 20;

    public void Dispose() => folder.Dispose();

    private protected override string NewName() => Path.Combine(folder.Folder, $"{count++}.db");

    private protected override IBackingStore Open(string name) => EmbeddedStore.Open(name, 2 << 20);
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsStoreVersionTests(BtrfsSystem btrfs) : StoreVersionTests
{
    private protected override int Runs => 20;

    private protected override int Checkpoints => 100;

    // That of all who use the file system.
    private protected override long SlackBytes => 90 << 20;

    private protected override string NewName() => TreeVolumes.NewName();

    private protected override IBackingStore Open(string name) => new BtrfsVolumes(btrfs.Path).Open(name);
}

[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class ZfsStoreVersionTests(ZfsSystem zfs) : StoreVersionTests
{
    private protected override int Runs => 4;

    private protected override int Checkpoints => 30;

    private protected override long SlackBytes => 16 << 20;

    private protected override string NewName() => TreeVolumes.NewName();

    private protected override IBackingStore Open(string name) => new ZfsVolumes(zfs.Pool, zfs.Path).Open(name);
}

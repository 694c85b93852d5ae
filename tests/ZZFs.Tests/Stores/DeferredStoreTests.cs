using CsCheck;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>What happens while a snapshot is being taken: execution goes on, and nothing of that is in the snapshot.</summary>
public sealed class DeferredStoreTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);
    private readonly HeldStore held = new();
    private readonly DeferredStore store;

    public DeferredStoreTests() => store = new DeferredStore(held);

    public void Dispose()
    {
        held.Release();
        store.Dispose();
    }

    [Fact]
    public void Changes_during_a_snapshot_are_seen_at_once_and_are_in_the_next_one_only() =>
        Gen.Select(Gen.Int, Gen.Select(Gen.Int[0, 54], Gen.Int[1, VersionTrial.Files], Gen.Int[1, VersionTrial.Files], Gen.Int[0, 11]).Array[10, 80]).Sample(
            (seed, steps) =>
            {
                var slow = new HeldStore();
                using var trial = new VersionTrial(() => new DeferredStore(slow), seed);
                using var release = new Released(slow);
                for (int round = 0; round < 3; round++)
                {
                    Change();
                    ulong number = trial.Commit();
                    slow.Hold();
                    trial.CheckLive();
                    Change();
                    trial.CheckLive();

                    // A second one waits for the first.
                    trial.Commit();
                    Change();
                    trial.CheckLive();
                    slow.Release();
                    trial.Store.Harden(number);
                    trial.CheckLive();
                    if (round == 1)
                        trial.Drop(number);
                    Change();
                    trial.Check();
                    if (round == 2)
                        trial.Rollback(number);
                    trial.Check();
                }

                void Change()
                {
                    foreach ((int kind, int first, int second, int block) in steps)
                        trial.Change(kind, (uint)first, (uint)second, (ulong)block);
                }
            },
            iter: 100,
            threads: 1);

    [Fact]
    public async Task A_commit_returns_before_the_snapshot_is_taken_and_hardening_waits_for_it()
    {
        store.WriteMetadata("k"u8, "before"u8);
        held.Hold();
        store.Commit(5);
        Assert.Equal([5], store.Versions);
        int changes = held.Changes;
        store.WriteMetadata("k"u8, "after"u8);
        store.WriteMetadata("m"u8, "new"u8);
        Assert.Equal("after"u8.ToArray(), store.ReadMetadata("k"u8));
        Assert.Equal(changes, held.Changes);
        var hardened = Task.Run(() => store.Harden(5));
        Assert.NotEqual(hardened, await Task.WhenAny(hardened, Task.Delay(20)));
        held.Release();
        await hardened.WaitAsync(Bound);
        using IStoreView view = store.OpenVersion(5);
        Assert.Equal("before"u8.ToArray(), view.ReadMetadata("k"u8));
        Assert.Null(view.ReadMetadata("m"u8));
        Assert.Equal("after"u8.ToArray(), store.ReadMetadata("k"u8));
    }

    [Fact]
    public async Task A_visitor_may_read_when_nothing_waits_any_more()
    {
        for (byte i = 0; i < 100; i++)
            store.WriteMetadata([i], [i]);
        int before = held.Changes;
        held.Hold();
        store.Commit(1);
        for (byte i = 50; i < 150; i++)
            store.WriteMetadata([i], [(byte)(i + 1)]);

        // All of it is stored, and something else is still to be done.
        store.Commit(2);
        held.Hold(2);
        await Eventually(() => held.Changes == before + 100);
        var seen = new List<byte>();
        store.ListMetadata([0], [200], (key, value) =>
        {
            if (key[0] == 60)
            {
                held.Release();
                store.Harden(2);
                Thread.Sleep(20);
            }

            Assert.Equal(value.ToArray(), store.ReadMetadata(key));
            seen.Add(value[0]);
            return true;
        });
        Assert.Equal(Enumerable.Range(0, 150).Select(i => (byte)(i < 50 ? i : i + 1)), seen);
    }

    [Fact]
    public async Task A_change_beyond_the_bound_waits_and_is_counted()
    {
        var file = new ObjectRecord(1) { Generation = 1, Type = ObjectType.File };
        store.MakeObject(file);
        store.WriteObject(file);
        held.Hold();
        store.Commit(1);
        byte[] content = new byte[Specification.BlockBytes];
        content[^1] = 1;
        ulong blocks = DeferredStore.MaximumPendingBytes / Specification.BlockBytes;
        ulong written = 0;
        Task writer = Task.Run(() =>
        {
            for (; written < blocks; written++)
                store.WriteBlock(1, written, content);
        });
        await Task.WhenAny(writer, Task.Delay(200));
        Assert.False(writer.IsCompleted);
        Assert.InRange(written, blocks * 9 / 10, blocks - 1);
        held.Release();
        await writer.WaitAsync(Bound);
        Assert.Equal(1, store.Waits);
        Assert.True(store.HasBlock(1, blocks - 1));
    }

    [Fact]
    public void A_snapshot_that_fails_fails_whoever_waits_for_it_and_the_next_call()
    {
        held.Hold();
        held.Failure = new StoreException("the disk is full");
        store.Commit(1);
        store.WriteMetadata("k"u8, "v"u8);
        held.Release();
        Assert.Equal("the disk is full", Assert.Throws<StoreException>(() => store.Harden(1)).Message);
        Assert.Throws<StoreException>(() => store.WriteMetadata("k"u8, "v"u8));
        Assert.Throws<StoreException>(() => store.ReadMetadata("k"u8));
        Assert.Throws<StoreException>(() => store.Commit(2));
    }

    [Fact]
    public async Task A_version_that_cannot_be_dropped_is_there_again()
    {
        store.Commit(1);
        store.Harden(1);
        held.IsBusy = true;
        Assert.True(store.TryDrop(1));
        await Eventually(() => store.Versions.Count == 1);
        held.IsBusy = false;
        Assert.True(store.TryDrop(1));
        await Eventually(() => held.Versions.Count == 0);
        Assert.Empty(store.Versions);
    }

    [Fact]
    public void A_rollback_abandons_what_waits()
    {
        store.WriteMetadata("k"u8, "1"u8);
        store.Commit(1);
        held.Hold();
        store.Commit(2);
        store.WriteMetadata("k"u8, "2"u8);
        store.Commit(3);
        Task.Delay(20).ContinueWith(_ => held.Release(), TaskScheduler.Default);
        store.Rollback(1);
        Assert.Equal([1], store.Versions);
        Assert.Equal([1], held.Versions);
        Assert.Equal("1"u8.ToArray(), store.ReadMetadata("k"u8));
        Assert.Equal("1"u8.ToArray(), held.ReadMetadata("k"u8));
        store.Commit(2);
        store.Harden(2);
    }

    private static async Task Eventually(Func<bool> holds)
    {
        long start = Environment.TickCount64;
        while (!holds())
        {
            Assert.True(Environment.TickCount64 - start < Bound.TotalMilliseconds);
            await Task.Delay(1);
        }
    }

    // Lets the store go also when a comparison fails, since closing it waits for its snapshots.
    private sealed class Released(HeldStore store) : IDisposable
    {
        public void Dispose() => store.Release();
    }
}

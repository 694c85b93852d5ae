using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Checkpoints whose digests are computed while operations go on, and what is left when that ends early.</summary>
public sealed class BackgroundCheckpointTests : IDisposable
{
    private readonly TemporaryStore folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Work_on_another_thread_sees_the_state_at_the_number_while_operations_go_on()
    {
        using ConformanceWrapper service = folder.Open();
        using var expected = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        var twin = new FileServiceDriver(expected);
        var random = new Random(1);
        byte[] data = new byte[200_000];
        for (ulong number = 1; number <= 12; number++)
        {
            random.NextBytes(data);
            foreach (FileServiceDriver driver in (FileServiceDriver[])[fs, twin])
                Change(driver, number, data);
            service.BeginCheckpoint(new SequenceNumber(number), default, [(byte)number]);
            ICheckpointWork work = service.PrepareCheckpoint();
            var thread = new Thread(work.Run);
            thread.Start();
            Digest digest = twin.Checkpoint(number);
            foreach (FileServiceDriver driver in (FileServiceDriver[])[fs, twin])
                Change(driver, number + 1000, data);
            thread.Join();
            Assert.Equal(digest, service.FinishCheckpoint(work));
            Assert.Equal((number, (byte)number), (service.LastCheckpoint.Value, service.LastCheckpointAnnex.Span[0]));
            service.CheckpointIsStable(new SequenceNumber(number));
            while (service.DropOldCheckpoint())
            {
            }
        }
    }

    [Fact]
    public void Several_checkpoints_may_be_begun_before_the_first_is_finished()
    {
        using ConformanceWrapper service = folder.Open();
        using var expected = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default);
        var digests = new List<Digest>();
        for (ulong number = 1; number <= 5; number++)
        {
            Change(new FileServiceDriver(service), number, new byte[] { 1, 2, 3 });
            var twin = new FileServiceDriver(expected);
            Change(twin, number, new byte[] { 1, 2, 3 });
            digests.Add(twin.Checkpoint(number));
            service.BeginCheckpoint(new SequenceNumber(number), default, []);
        }

        foreach (Digest digest in digests)
        {
            ICheckpointWork work = service.PrepareCheckpoint();
            work.Run();
            Assert.Equal(digest, service.FinishCheckpoint(work));
        }
    }

    // What was not prepared may be what the order takes back; what was, is kept, whether anybody was told or not.
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_process_that_dies_comes_back_at_the_last_prepared_checkpoint(bool isPrepared, bool dies)
    {
        ConformanceWrapper service = Open(out IBackingStore store);
        var fs = new FileServiceDriver(service);
        Change(fs, 1, new byte[] { 1 });
        Digest first = fs.Checkpoint(1);
        Change(fs, 2, new byte[] { 2 });
        service.BeginCheckpoint(new SequenceNumber(2), default, [22]);
        ICheckpointWork work = service.PrepareCheckpoint();
        Change(fs, 3, new byte[] { 3 });
        service.BeginCheckpoint(new SequenceNumber(3), default, [33]);
        Change(fs, 4, new byte[] { 4 });
        if (isPrepared)
            work.Run();
        if (dies)
        {
            service.Dispose();
            service = Open(out store);
            fs = new FileServiceDriver(service);
        }
        else
        {
            service.Rollback();
        }

        using (service)
        {
            Assert.Equal(isPrepared ? 2ul : 1ul, service.LastCheckpoint.Value);
            Assert.Equal(isPrepared ? ["f1", "f2"] : ["f1"], fs.List(Root));
            Assert.Equal(isPrepared ? 1 : 0, service.LastCheckpointAnnex.Length);
            Assert.Equal(isPrepared, service.LastCheckpointDigest != first);

            // It goes on from there, and numbers come again.
            Change(fs, 5, new byte[] { 5 });
            Digest again = fs.Checkpoint(3);
            Assert.Equal(again, FromNothing(store, 3));
        }
    }

    // As when a new log incarnation begins while another thread hashes.
    [Fact]
    public void A_rollback_ends_work_that_is_under_way_wherever_it_is()
    {
        using ConformanceWrapper service = Open(out IBackingStore store);
        var fs = new FileServiceDriver(service);
        var random = new Random(2);
        ulong last = 0;
        int interrupted = 0;
        for (ulong number = 1; number <= 40; number++)
        {
            for (ulong i = 0; i < 20; i++)
                Change(fs, (number * 100) + i, new byte[] { 1, 2, 3 });
            service.BeginCheckpoint(new SequenceNumber(number), default, []);
            ICheckpointWork work = service.PrepareCheckpoint();
            var thread = new Thread(work.Run);
            thread.Start();
            Thread.SpinWait(random.Next(400_000));
            service.Rollback();
            Assert.True(thread.Join(TimeSpan.FromSeconds(30)));
            if (service.LastCheckpoint.Value == number)
                last = number;
            else
                interrupted++;
            Assert.Equal(last, service.LastCheckpoint.Value);
            if (last > 0)
                Assert.Equal(FromNothing(store, last), service.LastCheckpointDigest);
        }

        Assert.InRange(interrupted, 1, 40);
    }

    [Fact]
    public void Work_that_is_abandoned_changes_nothing_when_it_runs_late()
    {
        using ConformanceWrapper service = folder.Open();
        var fs = new FileServiceDriver(service);
        Change(fs, 1, new byte[] { 1 });
        Digest first = fs.Checkpoint(1);
        Change(fs, 2, new byte[] { 2 });
        service.BeginCheckpoint(new SequenceNumber(2), default, []);
        ICheckpointWork work = service.PrepareCheckpoint();
        service.Rollback();
        work.Run();
        service.Rollback();
        Assert.Equal((1ul, first), (service.LastCheckpoint.Value, service.LastCheckpointDigest));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lost_digests_are_computed_anew(bool markIsLost)
    {
        Digest digest = default;
        Digest before = default;
        using (ConformanceWrapper service = folder.Open())
        {
            var fs = new FileServiceDriver(service);
            for (ulong number = 1; number <= 3; number++)
            {
                Change(fs, number, new byte[] { 1 });
                before = digest;
                digest = fs.Checkpoint(number);
            }
        }

        foreach (string file in Directory.GetFiles(folder.Folder, "store.db-digests*"))
        {
            if (markIsLost || !file.EndsWith("-last", StringComparison.Ordinal))
                File.Delete(file);
        }

        // Without the mark, only what the newest version tells of the time before it is known.
        using ConformanceWrapper reopened = folder.Open();
        Assert.Equal(markIsLost ? (2ul, before) : (3ul, digest), (reopened.LastCheckpoint.Value, reopened.LastCheckpointDigest));
    }

    [Fact]
    public void Flipped_bytes_in_the_digests_never_reach_the_files()
    {
        Digest expected;
        using (ConformanceWrapper service = folder.Open())
        {
            var fs = new FileServiceDriver(service);
            for (ulong number = 1; number <= 3; number++)
            {
                Change(fs, number, new byte[] { 1 });
                fs.Checkpoint(number);
            }

            expected = service.LastCheckpointDigest;
        }

        string path = folder.FilePath + "-digests";
        byte[] sound = File.ReadAllBytes(path);
        byte[] store = File.ReadAllBytes(folder.FilePath);
        byte[] mark = File.ReadAllBytes(path + "-last");
        var random = new Random(4);
        int same = 0;
        for (int round = 0; round < 60; round++)
        {
            byte[] rotten = [.. sound];
            for (int flips = random.Next(1, 200); flips > 0; flips--)
                rotten[random.Next(rotten.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, rotten);
            File.WriteAllBytes(folder.FilePath, store);
            File.WriteAllBytes(path + "-last", mark);
            using ConformanceWrapper service = folder.Open();

            // Nothing but a wrong digest may come of it, which the other replicas' certificate shows.
            same += service.LastCheckpointDigest == expected && service.LastCheckpoint.Value == 3 ? 1 : 0;
            var fs = new FileServiceDriver(service);
            Change(fs, 5, new byte[] { 5 });
            fs.Checkpoint(5);
            Assert.Equal(["f1", "f2", "f3", "f5"], fs.List(Root));
        }

        Assert.InRange(same, 30, 60);
    }

    [Fact]
    public void A_record_that_can_not_be_read_is_noticed_and_all_are_computed_anew()
    {
        var store = new MemoryStore();
        var digests = new MemoryDigestStore();
        using var service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        Change(fs, 1, new byte[] { 1 });
        fs.Checkpoint(1);
        Change(fs, 2, new byte[] { 2 });
        digests.Write(DigestKey.Of(DigestKind.Object, 0), [1, 2, 3]);
        Assert.Equal(fs.Checkpoint(2), FromNothing(store, 2));
        Assert.Equal([2ul], digests.Versions);
    }

    [Fact]
    public void The_last_two_stable_checkpoints_and_what_is_newer_are_kept()
    {
        var store = new MemoryStore();
        var digests = new MemoryDigestStore();
        using var service = new ConformanceWrapper(store, digests, VolumeLimits.Default);
        for (ulong number = 10; number <= 60; number += 10)
        {
            service.BeginCheckpoint(new SequenceNumber(number), default, []);
            ICheckpointWork work = service.PrepareCheckpoint();
            work.Run();
            service.FinishCheckpoint(work);
            if (number == 20)
                service.CheckpointIsStable(new SequenceNumber(10));
        }

        Assert.False(service.DropOldCheckpoint());
        service.CheckpointIsStable(new SequenceNumber(30));
        service.CheckpointIsStable(new SequenceNumber(40));
        service.CheckpointIsStable(new SequenceNumber(40));
        Assert.True(service.DropOldCheckpoint());
        Assert.True(service.DropOldCheckpoint());
        Assert.False(service.DropOldCheckpoint());
        Assert.Equal([30ul, 40, 50, 60], store.Versions);

        // Their digests go with the next work.
        new FileServiceDriver(service).Checkpoint(70);
        Assert.Equal([30ul, 40, 50, 60, 70], digests.Versions);
    }

    private static void Change(FileServiceDriver fs, ulong number, ReadOnlyMemory<byte> data) =>
        fs.Write(fs.File(Root, "f" + number), number % 7 * 50_000, data);

    private static Digest FromNothing(IBackingStore store, ulong number)
    {
        using IStoreView view = store.OpenVersion(number);
        return new DigestKeeper(new MemoryDigestStore(), VolumeLimits.Default).Rebuild(view, number, () => true)!.Value;
    }

    private ConformanceWrapper Open(out IBackingStore store)
    {
        store = EmbeddedStore.Open(folder.FilePath);
        return new ConformanceWrapper(store, SqliteDigestStore.Open(folder.FilePath + "-digests"), VolumeLimits.Default);
    }
}

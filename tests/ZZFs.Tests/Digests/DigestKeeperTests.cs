using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Abstraction.Model;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Digests that follow changes equal those computed from nothing, and cost what changed.</summary>
public class DigestKeeperTests
{
    private static readonly VolumeLimits Limits = new(600_000, 25, 1000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Following_changes_gives_what_hashing_everything_gives(int seed)
    {
        var model = new ModelFileSystem(Limits);
        var operations = new RandomOperations(seed, model);
        var random = new Random(seed);
        var store = new MemoryStore();
        using var service = new ConformanceWrapper(store, new MemoryDigestStore(), Limits);
        long now = 0;
        var submitter = new LocalSubmitter(service, () => new Timestamp(now));
        var followed = new DigestKeeper(new MemoryDigestStore(), Limits);
        for (ulong number = 1; number <= 60; number++)
        {
            for (int steps = random.Next(100); steps > 0; steps--)
            {
                submitter.Session = new SessionId(operations.Session());
                Operation operation = operations.Next();
                model.Execute(++now, submitter.Session.Value, operation);
                submitter.Submit(Credentials.Superuser, operation);
            }

            Digest digest = service.TakeCheckpoint(new SequenceNumber(number), []);
            using IStoreView view = store.OpenVersion(number);
            Assert.Equal(digest, new DigestKeeper(new MemoryDigestStore(), Limits).Rebuild(view, number, () => true));
            Assert.Equal(digest, followed.Compute(view, number, () => true));
        }

        Assert.Equal(0, followed.Rebuilds);
    }

    // Nothing about the tree of an object may depend on how it came about, its nodes included.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Following_changes_of_a_large_file_leaves_the_nodes_that_building_it_leaves(int seed)
    {
        var random = new Random(seed);
        var store = new MemoryStore();
        using var service = new ConformanceWrapper(store, new MemoryDigestStore(), VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        ObjectId file = fs.File(Root, "f");
        var nodes = new MemoryDigestStore();
        var followed = new DigestKeeper(nodes, VolumeLimits.Default);
        const int Blocks = 600;
        for (ulong number = 1; number <= 25; number++)
        {
            for (int i = random.Next(6); i > 0; i--)
            {
                ulong offset = (ulong)random.NextInt64(Blocks * Specification.BlockBytes);
                switch (random.Next(4))
                {
                    case 0:
                        fs.Must(fs.Truncate(file, offset));
                        break;
                    case 1:
                        fs.Must(new Allocate(
                            file, AllocateMode.PunchHole | AllocateMode.KeepSize, offset, (ulong)random.NextInt64(1, 200 * Specification.BlockBytes), true));
                        break;
                    default:
                        fs.Write(file, offset, Enumerable.Repeat((byte)random.Next(256), random.Next(1, 100_000)).ToArray());
                        break;
                }
            }

            fs.Checkpoint(number);
            using IStoreView view = store.OpenVersion(number);
            var fresh = new MemoryDigestStore();
            Assert.Equal(new DigestKeeper(fresh, VolumeLimits.Default).Rebuild(view, number, () => true), followed.Compute(view, number, () => true));
            Assert.Equal(Dump(fresh), Dump(nodes));
        }

        Assert.Equal(0, followed.Rebuilds);
    }

    [Fact]
    public void The_cost_follows_what_changed()
    {
        var store = new MemoryStore();
        using var service = new ConformanceWrapper(store, new MemoryDigestStore(), VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        ObjectId directory = fs.Directory(Root, "d");
        for (int i = 0; i < 20_000; i++)
            fs.Must(new Create(directory, Name("n" + i), 0, true));
        ObjectId file = fs.File(Root, "large");
        for (ulong i = 0; i < 64; i++)
            fs.Write(file, i << 20, Enumerable.Repeat((byte)i, 1 << 20).ToArray());
        var keeper = new DigestKeeper(new MemoryDigestStore(), VolumeLimits.Default);
        fs.Checkpoint(1);
        using IStoreView before = store.OpenVersion(1);
        keeper.Compute(before, 1, () => true);
        fs.Must(new Create(directory, Name("one more"), 0, true));
        fs.Write(file, 10 << 20, new byte[] { 1, 2, 3 });
        fs.Checkpoint(2);
        using var after = new CountingView(store.OpenVersion(2));
        long hashed = keeper.Hashed;
        keeper.Compute(after, 2, () => true);

        // A range has 32 entries on average; objects: the directory, the new file, the large file; one block; nodes of two trees
        // (the lists beside the objects are under nodes of their own).
        Assert.InRange(after.EntriesListed, 1, 1000);
        Assert.Equal((3, 1), (after.ObjectsRead, after.BlocksRead));
        Assert.InRange(keeper.Hashed - hashed, 1, 3 + 1 + 2 + 16);
    }

    // "Everything of that object" stands for what would be too much to note.
    [Fact]
    public void Too_many_changes_are_hashed_whole()
    {
        var store = new MemoryStore();
        using var service = new ConformanceWrapper(store, new MemoryDigestStore(), new VolumeLimits(1UL << 50, 1000, 10));
        var fs = new FileServiceDriver(service);
        ObjectId directory = fs.Directory(Root, "d");
        ObjectId file = fs.File(Root, "f");
        fs.Checkpoint(1);
        string padding = new('x', 200);
        for (int i = 0; i < 6000; i++)
        {
            fs.Must(new Link(file, directory, Name(padding + i)));
            if (i % 2 == 1)
                fs.Must(new Unlink(directory, Name(padding + i), false));
        }

        fs.Checkpoint(2);
        using IStoreView view = store.OpenVersion(2);
        byte[] stored = view.ReadMetadata(MetadataKey.Of(MetadataKind.Changes))!;
        Assert.True(StateChanges.TryDecode(stored, out StateChanges? changes));
        Assert.True(changes.Objects[directory.Index].Whole);
        Assert.True(stored.Length < 1000);
        Assert.Equal(
            new DigestKeeper(new MemoryDigestStore(), new VolumeLimits(1UL << 50, 1000, 10)).Rebuild(view, 2, () => true),
            service.LastCheckpointDigest);
    }

    [Fact]
    public void Blocks_written_over_and_over_are_few_ranges()
    {
        var changes = new StateChanges();
        for (int i = 0; i < 3 * StateChanges.MaximumPieces; i++)
            changes.BlocksChanged(1, (ulong)(i % 2) * 1000, (ulong)(i % 2) * 1000);
        Assert.False(changes.Objects[1].Whole);
        var writer = new MessageWriter();
        changes.Encode(writer);
        Assert.True(StateChanges.TryDecode(writer.ToArray(), out StateChanges? decoded));
        Assert.Equal([new BlockRange(0, 0), new BlockRange(1000, 1000)], decoded.Objects[1].Blocks);
    }

    [Fact]
    public void Work_that_is_ended_leaves_nothing()
    {
        var store = new MemoryStore();
        using var service = new ConformanceWrapper(store, new MemoryDigestStore(), VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        var nodes = new MemoryDigestStore();
        var keeper = new DigestKeeper(nodes, VolumeLimits.Default);
        for (ulong number = 1; number <= 3; number++)
        {
            for (int i = 0; i < 10; i++)
                fs.Write(fs.File(Root, $"f{number}-{i}"), 0, new byte[] { 1, 2, 3 });
            Digest digest = fs.Checkpoint(number);
            using IStoreView view = store.OpenVersion(number);
            List<string> before = Dump(nodes);
            for (int steps = 0; ; steps++)
            {
                int left = steps;
                if (keeper.Compute(view, number, () => left-- > 0) is { } found)
                {
                    Assert.Equal(digest, found);
                    break;
                }

                Assert.Equal(before, Dump(nodes));
                Assert.Equal(number - 1, nodes.Versions.LastOrDefault());
            }
        }
    }

    private static List<string> Dump(MemoryDigestStore nodes)
    {
        var all = new List<string>();
        nodes.List([], [255], (key, value) =>
        {
            all.Add($"{Convert.ToHexString(key)} {Convert.ToHexString(value)}");
            return true;
        });
        return all;
    }
}

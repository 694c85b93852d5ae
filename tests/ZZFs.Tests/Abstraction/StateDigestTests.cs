using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction;

/// <summary>The digest of a checkpoint is a function of the abstract state: all of it, and nothing else.</summary>
public sealed class StateDigestTests : IDisposable
{
    private readonly TemporaryStore folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_way_to_a_state_does_not_show()
    {
        byte[] data = new byte[300_000];
        new Random(1).NextBytes(data);
        data.AsSpan(70_000, 100_000).Clear();

        var direct = EmbeddedStore.Open(folder.FilePath);
        using var first = new ConformanceWrapper(direct, VolumeLimits.Default);
        var fs = new FileServiceDriver(first);
        ObjectId file = fs.File(Root, "f");
        ObjectId directory = fs.Directory(Root, "d");
        fs.Write(file, 0, data);
        foreach (int i in Enumerable.Range(0, 300))
            fs.Must(new Link(file, directory, Name("n" + i)));
        fs.Checkpoint(1);

        // The same by detours: piecewise, backwards, with checkpoints between, through larger sizes and more entries.
        var detour = new MemoryStore();
        using var second = new ConformanceWrapper(detour, VolumeLimits.Default);
        fs = new FileServiceDriver(second);
        file = fs.File(Root, "f");
        directory = fs.Directory(Root, "d");
        fs.Write(file, 1_500_000, data);
        fs.Checkpoint(1);
        for (int end = data.Length; end > 0; end -= 10_007)
            fs.Write(file, (ulong)Math.Max(0, end - 10_007), data.AsMemory(Math.Max(0, end - 10_007)..end));
        foreach (int i in Enumerable.Range(0, 600).Reverse())
            fs.Must(new Link(file, directory, Name("n" + i)));
        fs.Checkpoint(2);
        fs.Must(fs.Truncate(file, (ulong)data.Length));
        foreach (int i in Enumerable.Range(300, 300))
            fs.Must(new Unlink(directory, Name("n" + i), false));
        fs.Must(new SetXattr(file, Name("user.a"), Name("x"), 0));
        fs.Must(new RemoveXattr(file, Name("user.a")));
        fs.Must(new SetLock(file, 1, 0, 9, LockKind.Read, 1, false));
        fs.Must(new SetLock(file, 1, 0, 9, LockKind.Unlock, 1, false));
        fs.Checkpoint(3);

        // Times, change counters and generations are state, and differ; the rest of each object is the same.
        foreach (uint index in (uint[])[0, 1, 2])
        {
            ObjectRecord expected = direct.ReadObject(index)!;
            ObjectRecord actual = detour.ReadObject(index)!;
            Assert.Equal(
                (expected.ContentDigest, expected.XattrDigest, expected.SizeBytes, expected.AllocatedBytes, expected.LinkCount),
                (actual.ContentDigest, actual.XattrDigest, actual.SizeBytes, actual.AllocatedBytes, actual.LinkCount));
            Assert.False(expected.ContentDigest.IsZero);
        }
    }

    [Fact]
    public void Everything_that_can_be_seen_counts()
    {
        var digests = new HashSet<Digest>();
        using var service = folder.Open();
        var fs = new FileServiceDriver(service);
        ObjectId file = fs.File(Root, "f");
        ulong number = 0;
        foreach (Operation operation in new Operation[]
        {
            new Write(file, 5, new byte[] { 1 }, false, true),
            fs.Truncate(file, 100),
            fs.Chmod(file, 1),
            fs.Chown(file, 1, 2),
            new SetAttributes(file, AttributeMask.AccessTime, 0, 0, 0, 0, new Timestamp(1), default, false),
            new SetXattr(file, Name("user.a"), Name("x"), 0),
            new SetXattr(file, Name("user.a"), Name("y"), 0),
            new SetLock(file, 1, 0, 9, LockKind.Read, 1, false),
            new SetLock(file, 2, 0, 9, LockKind.Read, 1, true),
            new Link(file, Root, Name("g")),
            new Rename(Root, Name("g"), Root, Name("h"), RenameMode.Replace, false),
            new Unlink(Root, Name("f"), false),
            new Unlink(Root, Name("h"), true),
            new ReleaseOrphan(file),
        })
        {
            fs.Must(operation);
            Assert.True(digests.Add(fs.Checkpoint(++number)), Show.Of(operation));
            Assert.False(digests.Add(fs.Checkpoint(++number)));
        }

        Digest empty = new FileServiceDriver(new ConformanceWrapper(new MemoryStore(), VolumeLimits.Default)).Checkpoint(1);
        Assert.DoesNotContain(empty, digests);
        Assert.NotEqual(empty, new FileServiceDriver(new ConformanceWrapper(new MemoryStore(), new VolumeLimits(1, 1, 1))).Checkpoint(1));
    }

    [Fact]
    public void The_cost_follows_what_changed()
    {
        using var counting = new MemoryStore();
        var fs = new FileServiceDriver(new ConformanceWrapper(counting, VolumeLimits.Default));
        ObjectId directory = fs.Directory(Root, "d");
        for (int i = 0; i < 20_000; i++)
            fs.Must(new Create(directory, Name("n" + i), 0, true));
        ObjectId file = fs.File(Root, "large");
        for (ulong i = 0; i < 64; i++)
            fs.Write(file, i << 20, Enumerable.Repeat((byte)i, 1 << 20).ToArray());
        fs.Checkpoint(1);
        counting.EntriesListed = counting.BlocksTouched = 0;
        fs.Must(new Create(directory, Name("one more"), 0, true));
        fs.Write(file, 10 << 20, new byte[] { 1, 2, 3 });
        fs.Checkpoint(2);

        // A range has 32 entries on average; no block but the changed one is read or written.
        Assert.InRange(counting.EntriesListed, 1, 1000);
        Assert.InRange(counting.BlocksTouched, 1, 2);
    }
}

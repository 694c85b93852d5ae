using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Digests;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

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
        var directDigests = SqliteDigestStore.Open(folder.FilePath + "-digests");
        using var first = new ConformanceWrapper(direct, directDigests, VolumeLimits.Default);
        var fs = new FileServiceDriver(first);
        ObjectId file = fs.File(Root, "f");
        ObjectId directory = fs.Directory(Root, "d");
        fs.Write(file, 0, data);
        foreach (int i in Enumerable.Range(0, 300))
            fs.Must(new Link(file, directory, Name("n" + i)));
        fs.Checkpoint(1);

        // The same by detours: piecewise, backwards, with checkpoints between, through larger sizes and more entries.
        var detour = new MemoryStore();
        var detourDigests = new MemoryDigestStore();
        using var second = new ConformanceWrapper(detour, detourDigests, VolumeLimits.Default);
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
                (expected.SizeBytes, expected.AllocatedBytes, expected.LinkCount), (actual.SizeBytes, actual.AllocatedBytes, actual.LinkCount));
            ObjectDigests known = ObjectDigests.Read(directDigests, index)!.Value;
            Assert.Equal(known with { Generation = 0 }, ObjectDigests.Read(detourDigests, index)!.Value with { Generation = 0 });
            Assert.False(known.Content.IsZero);
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

        Digest empty = new FileServiceDriver(new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default)).Checkpoint(1);
        Assert.DoesNotContain(empty, digests);
        Assert.NotEqual(empty, new FileServiceDriver(new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), new VolumeLimits(1, 1, 1))).Checkpoint(1));
    }
}

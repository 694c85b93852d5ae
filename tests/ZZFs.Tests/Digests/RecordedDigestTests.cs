using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Digests;

/// <summary>Digests of a fixed history, recorded once: replicas of different versions of the program must agree.</summary>
public class RecordedDigestTests
{
    [Fact]
    public void The_digests_of_a_fixed_history_are_those_that_were_recorded()
    {
        using var service = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), VolumeLimits.Default);
        var fs = new FileServiceDriver(service);
        Assert.Equal(
            [
                "ca6219bf97aef30b814a6634e47ccd762cf6072ec69e23bbd8450e1d6f6389df",
                "cc7dd6fb21bb823c6b3c65e5d670ec5b2de65fdd0c7f48eb35fe1b981c9db070",
                "11807d6d801a5e9e66fbfd11d52e4c9df917eded8766df24936db2c490696321",
                "7a52b1d64b35e8a3be2e158a6715dd0861edae9ff38ee43fc6aa63f597a4f183",
            ],
            Run(fs).Select(digest => digest.ToString()));
    }

    private static IEnumerable<Digest> Run(FileServiceDriver fs)
    {
        yield return fs.Checkpoint(1);
        byte[] data = new byte[10 * Specification.BlockBytes];
        for (int i = 0; i < data.Length; i++)
            data[i] = (byte)(i * 31 / 7);
        data.AsSpan(3 * Specification.BlockBytes, 3 * Specification.BlockBytes).Clear();
        ObjectId file = fs.File(Root, "file");
        fs.Write(file, 0, data);
        fs.Write(file, 5_000UL * Specification.BlockBytes, data.AsMemory(0, 100_000));
        fs.Must(new SetXattr(file, Name("user.b"), Name("one"), 0));
        fs.Must(new SetXattr(file, Name("user.a"), data.AsMemory(1, 3000), 0));
        ObjectId directory = fs.Directory(Root, "directory");
        for (int i = 0; i < 6000; i++)
            fs.Must(new Link(file, directory, Name("n" + i)));
        fs.Must(new MakeSymlink(Root, Name("link"), Name("somewhere/else")));
        fs.Must(new SetLock(file, 1, 0, 9, LockKind.Read, 1, false));
        yield return fs.Checkpoint(2);
        fs.Must(fs.Truncate(file, 5_001UL * Specification.BlockBytes));
        fs.Must(new Allocate(file, AllocateMode.PunchHole | AllocateMode.KeepSize, 100, 70_000, true));
        for (int i = 0; i < 6000; i += 3)
            fs.Must(new Unlink(directory, Name("n" + i), false));
        fs.Must(new Unlink(Root, Name("link"), false));
        fs.Must(new RemoveXattr(file, Name("user.b")));
        fs.Must(new SetLock(file, 1, 3, 4, LockKind.Write, 1, false));
        yield return fs.Checkpoint(3);
        fs.Must(new Rename(Root, Name("file"), directory, Name("moved"), RenameMode.Replace, false));
        fs.Must(fs.Truncate(file, 10));
        for (int i = 1; i < 6000; i += 3)
            fs.Must(new Unlink(directory, Name("n" + i), false));
        for (int i = 2; i < 5900; i += 3)
            fs.Must(new Unlink(directory, Name("n" + i), false));
        fs.File(Root, "another");
        yield return fs.Checkpoint(4);
    }
}

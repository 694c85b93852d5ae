using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction.Model;

namespace ZZFs.Tests.Abstraction;

/// <summary>Seeded operations that mostly make sense: few names, objects that mostly exist, offsets near block bounds.</summary>
internal sealed class RandomOperations(int seed, ModelFileSystem model)
{
    // Any byte but / and NUL may be in a name, up to 255 of them.
    private static readonly byte[][] Names =
    [
        .. ((string[])["a", "b", "c", "d", "long-name-with-several-bytes", "\u00e9", "z", "...", " ", "a\nb", "*?[$(x)`"]).Select(Encoding.UTF8.GetBytes),
        [1], [0xff, 0xfe, 0x80], [.. Enumerable.Repeat((byte)'x', Specification.MaximumNameBytes)], [.. Enumerable.Range(1, 255).Select(one => (byte)(one == '/' ? 255 : one))],
    ];

    private readonly Random random = new(seed);

    public Operation Next()
    {
        if (random.Next(20) > 0)
            return Simple(Something());
        var parts = new List<Operation>();
        for (int count = random.Next(1, 5); count > 0; count--)
            parts.Add(Simple(parts.Count > 0 && random.Next(2) == 0 ? ObjectId.Current : Something()));
        return new Compound(parts);
    }

    public ulong Session() => (ulong)random.Next(1, 4);

    private Operation Simple(ObjectId target) => random.Next(36) switch
    {
        0 or 1 => new Lookup(Directory(), Name()),
        2 => new GetAttributes(target),
        3 or 4 => SetAttributes(target),
        5 => new CheckAccess(target, (byte)random.Next(8)),
        6 => new ReadLink(target),
        7 or 8 => new Read(target, Offset(), (uint)random.Next(100_000), true),
        9 or 10 or 11 or 12 => new Write(target, Offset(), Data(), random.Next(4) == 0, true),
        13 or 14 or 15 => new Create(Directory(), Name(), Mode(), random.Next(2) == 0),
        16 or 17 => new MakeDirectory(Directory(), Name(), Mode()),
        18 => new MakeSymlink(Directory(), Name(), Encoding.UTF8.GetBytes("../target" + random.Next(10))),
        19 => new MakeNode(Directory(), Name(), (ObjectType)random.Next((int)ObjectType.Fifo, 8), Mode(), (uint)random.Next(3)),
        20 => new Link(target, Directory(), Name()),
        21 or 22 => new Unlink(Directory(), Name(), random.Next(3) == 0),
        23 => new RemoveDirectory(Directory(), Name()),
        24 or 25 => new Rename(Directory(), Name(), Directory(), Name(), (RenameMode)random.Next(3), random.Next(3) == 0),
        26 => new ReadDirectory(Directory(), random.Next(2) == 0 ? default : Name(), (uint)random.Next(1, 9), 1 << 20),
        27 => new GetStatistics(),
        28 => Xattr(target),
        29 or 30 => new Allocate(target, (AllocateMode)(random.Next(2) + (16 * random.Next(2)) + (2 * random.Next(2))), Offset(), (ulong)random.Next(80_000), true),
        31 => new Seek(target, Offset(), random.Next(2) == 0),
        32 => new CopyRange(target, Offset(), Something(), Offset(), (ulong)random.Next(80_000)),
        33 or 34 => Lock(target),
        _ => new ReleaseOrphan(Orphan() ?? target),
    };

    private Operation SetAttributes(ObjectId target)
    {
        var mask = (AttributeMask)(random.Next(256) & random.Next(256));
        return new SetAttributes(
            target,
            mask,
            Mode(),
            (uint)random.Next(3),
            (uint)random.Next(3),
            Offset(),
            new Timestamp(random.Next(-5, 1000)),
            new Timestamp(random.Next(-5, 1000)),
            true);
    }

    private Operation Xattr(ObjectId target)
    {
        byte[] name = Encoding.UTF8.GetBytes("trusted." + (char)('a' + random.Next(3)));
        return random.Next(5) switch
        {
            0 => new GetXattr(target, name),
            1 => new ListXattrs(target),
            2 => new RemoveXattr(target, name),
            _ => new SetXattr(target, name, Data(200), (byte)random.Next(3)),
        };
    }

    private Operation Lock(ObjectId target)
    {
        ulong start = (ulong)random.Next(ModelFileSystem.LockCells);
        ulong end = (ulong)random.Next((int)start, ModelFileSystem.LockCells);
        ulong owner = (ulong)random.Next(1, 3);
        return random.Next(4) == 0
            ? new TestLock(target, owner, start, end, (LockKind)random.Next(2))
            : new SetLock(target, owner, start, end, (LockKind)random.Next(3), (uint)owner, random.Next(4) == 0);
    }

    private ObjectId Something()
    {
        if (random.Next(20) == 0)
            return new ObjectId((uint)random.Next(12), (ulong)random.Next(1, 4));
        List<ModelObject> all = [.. model.Everything()];
        return all[random.Next(all.Count)].Id;
    }

    private ObjectId Directory()
    {
        List<ModelObject> all = [.. model.Everything().Where(one => one.IsDirectory)];
        return random.Next(25) == 0 ? Something() : all[random.Next(all.Count)].Id;
    }

    private ObjectId? Orphan() => model.Everything().FirstOrDefault(one => one.OrphanOf is not null)?.Id;

    // Few of them most of the time, or hardly anything would have the same name.
    private ReadOnlyMemory<byte> Name() => Names[random.Next(random.Next(3) == 0 ? Names.Length : 7)];

    private ushort Mode() => (ushort)random.Next(0x1000);

    private ulong Offset() => random.Next(4) switch
    {
        0 => 0,
        1 => (ulong)random.Next(200),
        2 => (ulong)((random.Next(1, 5) * Specification.BlockBytes) + random.Next(-2, 3)),
        _ => (ulong)random.Next(150_000),
    };

    private byte[] Data(int maximum = 70_000)
    {
        byte[] data = new byte[random.Next(3) == 0 ? random.Next(maximum) : random.Next(100)];
        if (random.Next(3) > 0)
            random.NextBytes(data);
        return data;
    }
}

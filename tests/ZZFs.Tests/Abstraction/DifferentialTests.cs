using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction.Model;
using ZZFs.Tests.Stores;

namespace ZZFs.Tests.Abstraction;

/// <summary>Random operations on a service and on the model give the same answers; on services over different stores also the same digests.</summary>
public class DifferentialTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_service_answers_as_the_model_does(int seed)
    {
        using var folder = new TemporaryStore();
        Differential.Run(seed, 6000, limits => folder.Open(limits, "first.db"), limits => folder.Open(limits, "second.db"), _ => { });
    }
}

/// <summary>On btrfs, where the tree is also what the answers say.</summary>
[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsDifferentialTests(BtrfsSystem btrfs)
{
    private readonly TreeVolumes volumes = new BtrfsVolumes(btrfs.Path);

    [StoreFact]
    public void A_service_answers_as_the_model_does() => TreeDifferential.Run(5, 4000, volumes);
}

/// <summary>On ZFS.</summary>
[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class ZfsDifferentialTests(ZfsSystem zfs)
{
    private readonly TreeVolumes volumes = new ZfsVolumes(zfs.Pool, zfs.Path);

    [StoreFact]
    public void A_service_answers_as_the_model_does() => TreeDifferential.Run(6, 2500, volumes);
}

internal static class TreeDifferential
{
    /// <summary>Two tree stores, of which the second commits at other times; the tree of the first is compared at its checkpoints.</summary>
    public static void Run(int seed, int steps, TreeVolumes volumes)
    {
        string first = TreeVolumes.NewName();
        string second = TreeVolumes.NewName();
        string tree = Path.Combine(volumes.WorkingPath(first), "tree");
        Differential.Run(
            seed,
            steps,
            limits => volumes.OpenService(first, limits),
            limits => volumes.OpenService(second, limits),
            service => Assert.Equal(TreeListing.Of(service, volumes.HasFractions), TreeListing.Of(tree, volumes.HasFractions)));
    }
}

internal static class Differential
{
    /// <summary>Compares two services with the model, and with a third in memory.</summary>
    /// <param name="seed">Of the operations.</param>
    /// <param name="steps">How many.</param>
    /// <param name="openFirst">Makes the first.</param>
    /// <param name="openSecond">Makes the second, which takes checkpoints at other times too.</param>
    /// <param name="check">Sees the first after each checkpoint.</param>
    public static void Run(
        int seed, int steps, Func<VolumeLimits, IFileService> openFirst, Func<VolumeLimits, IFileService> openSecond, Action<IFileService> check)
    {
        // Small enough that ENOSPC happens.
        var limits = new VolumeLimits(600_000, 25, 1000);
        using IFileService first = openFirst(limits);
        using IFileService second = openSecond(limits);
        using IFileService third = new ConformanceWrapper(new MemoryStore(), new MemoryDigestStore(), limits);
        var model = new ModelFileSystem(limits);
        var operations = new RandomOperations(seed, model);
        var errors = new SortedSet<Errno>();
        long now = 0;
        var one = new LocalSubmitter(first, () => new Timestamp(now));
        var other = new LocalSubmitter(second, () => new Timestamp(now));
        var another = new LocalSubmitter(third, () => new Timestamp(now));
        for (int i = 0; i < steps; i++)
        {
            now++;
            one.Session = other.Session = another.Session = new SessionId(operations.Session());
            Operation operation = operations.Next();
            OperationResult expected = model.Execute(now, one.Session.Value, operation);
            OperationResult actual = one.Submit(Credentials.Superuser, operation);
            errors.Add(actual.Error);
            Assert.True(Show.Of(expected) == Show.Of(actual), $"step {i}: {Show.Of(operation)}\nmodel   {Show.Of(expected)}\nservice {Show.Of(actual)}");
            other.Submit(Credentials.Superuser, operation);
            another.Submit(Credentials.Superuser, operation);

            if (i % 400 == 399)
            {
                model.EndSession(2);
                first.EndSession(new SessionId(2));
                second.EndSession(new SessionId(2));
                third.EndSession(new SessionId(2));
            }

            // The second takes checkpoints at other times, and the third has another store: neither may show.
            if (i % 97 == 0)
                second.TakeCheckpoint(new SequenceNumber((ulong)(2 * i) + 1), []);
            if (i % 500 == 0)
            {
                var number = new SequenceNumber((ulong)(2 * i) + 2);
                Digest digest = first.TakeCheckpoint(number, []);
                Assert.Equal(digest, second.TakeCheckpoint(number, []));
                Assert.Equal(digest, third.TakeCheckpoint(number, []));
                check(first);
            }
        }

        Assert.Superset(
            new SortedSet<Errno> { Errno.None, Errno.ENOENT, Errno.EEXIST, Errno.ENOTDIR, Errno.EISDIR, Errno.ENOSPC, Errno.ESTALE, Errno.EAGAIN, Errno.ENOTEMPTY },
            errors);
    }
}

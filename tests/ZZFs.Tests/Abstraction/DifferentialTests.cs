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
        // Small enough that ENOSPC happens.
        var limits = new VolumeLimits(600_000, 25, 1000);
        using var folder = new TemporaryStore();
        using IFileService first = folder.Open(limits, "first.db");
        using IFileService second = folder.Open(limits, "second.db");
        using IFileService third = new ConformanceWrapper(new MemoryStore(), limits);
        var model = new ModelFileSystem(limits);
        var operations = new RandomOperations(seed, model);
        var errors = new SortedSet<Errno>();
        long now = 0;
        var one = new LocalSubmitter(first, () => new Timestamp(now));
        var other = new LocalSubmitter(second, () => new Timestamp(now));
        var another = new LocalSubmitter(third, () => new Timestamp(now));
        for (int i = 0; i < 6000; i++)
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
                second.TakeCheckpoint(new SequenceNumber((ulong)i), []);
            if (i % 500 == 0)
            {
                Digest digest = first.TakeCheckpoint(new SequenceNumber((ulong)i), []);
                Assert.Equal(digest, second.TakeCheckpoint(new SequenceNumber((ulong)i), []));
                Assert.Equal(digest, third.TakeCheckpoint(new SequenceNumber((ulong)i), []));
            }
        }

        Assert.Superset(
            new SortedSet<Errno> { Errno.None, Errno.ENOENT, Errno.EEXIST, Errno.ENOTDIR, Errno.EISDIR, Errno.ENOSPC, Errno.ESTALE, Errno.EAGAIN, Errno.ENOTEMPTY },
            errors);
    }
}

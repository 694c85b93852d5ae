using System.Globalization;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using ZZFs.Tests.Abstraction.Model;

namespace ZZFs.Tests.Stores;

/// <summary>
/// Seeded operations on a store, with a checkpoint after every few: what a process does that a test kills, and what the test
/// does to know what must then be there. Checkpoint n holds the first n operations.
/// </summary>
internal sealed class StoreWorker(int seed)
{
    public const int Interval = 60;

    /// <summary>What the process prints before each operation.</summary>
    public const string Operates = "operates";

    /// <summary>What the process prints before each checkpoint.</summary>
    public const string Commits = "commits";

    public static readonly VolumeLimits Limits = new(3_000_000, 60, 100);

    private readonly ModelFileSystem model = new(Limits);
    private RandomOperations? operations;
    private long steps;

    /// <summary>Goes on to step <paramref name="end"/>; without a service, only by the model.</summary>
    public void Work(IFileService? service, long end)
    {
        operations ??= new RandomOperations(seed, model);
        LocalSubmitter? submitter = service is null ? null : new LocalSubmitter(service, () => new Timestamp(steps));
        while (steps < end)
        {
            steps++;
            var session = new SessionId(operations.Session());
            Operation operation = operations.Next();
            model.Execute(steps, session.Value, operation);
            if (submitter is null)
                continue;
            submitter.Session = session;
            submitter.Submit(Credentials.Superuser, operation);
        }
    }

    /// <summary>
    /// The process: goes on from the last checkpoint until it is killed, prints what it is about to do, and the number of each
    /// checkpoint that is done.
    /// </summary>
    /// <param name="arguments">
    /// As <see cref="TreeVolumes.Describe"/> says, then the store's name and the seed. Before all that may be
    /// what else to do: <see cref="VersionWorker"/>.
    /// </param>
    public static void Main(string[] arguments)
    {
        if (arguments[0] == nameof(VersionWorker))
        {
            VersionWorker.Run(
                arguments[1] == "embedded"
                    ? () => EmbeddedStore.Open(arguments[2], 2 << 20)
                    : () => TreeVolumes.Resume(arguments[1], arguments[2], arguments[3]).Open(arguments[4]),
                int.Parse(arguments[5], CultureInfo.InvariantCulture));
        }

        int seed = int.Parse(arguments[4], CultureInfo.InvariantCulture);
        using IFileService service = TreeVolumes.Resume(arguments[0], arguments[1], arguments[2]).OpenService(arguments[3], Limits);
        var worker = new StoreWorker(seed);
        worker.Work(null, (long)service.LastCheckpoint.Value);
        for (long end = worker.steps + Interval; ; end += Interval)
        {
            while (worker.steps < end)
            {
                Console.WriteLine(Operates);
                worker.Work(service, worker.steps + 1);
            }

            Console.WriteLine(Commits);
            service.TakeCheckpoint(new SequenceNumber((ulong)end), []);
            Console.WriteLine(end.ToString(CultureInfo.InvariantCulture));
        }
    }
}

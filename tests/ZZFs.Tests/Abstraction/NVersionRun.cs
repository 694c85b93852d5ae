using System.Diagnostics;
using System.Globalization;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Abstraction.Model;

namespace ZZFs.Tests.Abstraction;

/// <summary>One step of a run: an operation of a session, or the end of that session.</summary>
internal readonly record struct Step(ulong Session, Operation? Operation)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"session {Session} {(Operation is null ? "ends" : Show.Of(Operation))}");
}

/// <summary>
/// The same random operations on several services (N-version): every result and every checkpoint's digest must be equal. A
/// run that fails is made short before it is shown.
/// </summary>
internal sealed class NVersionRun(Func<VolumeLimits, IFileService[]> open, int checkpointInterval)
{
    // Small enough that ENOSPC and the bound of objects are met.
    private static readonly VolumeLimits Limits = new(1_000_000, 60, 1000);

    /// <summary>How long a failing run may be made shorter.</summary>
    public TimeSpan ShrinkBound { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Steps that mostly make sense, from a seed.</summary>
    public static List<Step> Generate(int seed, int count)
    {
        var model = new ModelFileSystem(Limits);
        var operations = new RandomOperations(seed, model);
        var steps = new List<Step>(count);
        for (int i = 0; i < count; i++)
        {
            var step = new Step(operations.Session(), i % 400 == 399 ? null : operations.Next());
            steps.Add(step);
            if (step.Operation is null)
                model.EndSession(step.Session);
            else
                model.Execute(i + 1, step.Session, step.Operation);
        }

        return steps;
    }

    /// <summary>Runs the steps; null when all services agree, else what differs, and as few of the steps as still show a difference.</summary>
    public string? FindDifference(List<Step> steps)
    {
        if (Difference(steps) is not ({ } first, int at))
            return null;
        List<Step> shortest = steps[..(at + 1)];
        string difference = first;
        long start = Stopwatch.GetTimestamp();
        for (int chunk = shortest.Count / 2; chunk > 0; chunk /= 2)
        {
            for (int from = 0; from < shortest.Count && Stopwatch.GetElapsedTime(start) < ShrinkBound;)
            {
                List<Step> less = [.. shortest[..from], .. shortest[Math.Min(from + chunk, shortest.Count)..]];
                if (Difference(less) is ({ } still, int end))
                {
                    shortest = less[..(end + 1)];
                    difference = still;
                }
                else
                {
                    from += chunk;
                }
            }
        }

        return $"step {at}: {first}\n{shortest.Count} steps show: {difference}\n{string.Join('\n', shortest)}";
    }

    // What differs first, and at which step.
    private (string Difference, int Step)? Difference(List<Step> steps)
    {
        IFileService[] services = open(Limits);
        try
        {
            long now = 0;
            LocalSubmitter[] submitters = [.. services.Select(service => new LocalSubmitter(service, () => new Timestamp(now)))];
            for (int i = 0; i < steps.Count; i++)
            {
                now++;
                string? difference = steps[i].Operation is { } operation
                    ? Compare(submitters, new SessionId(steps[i].Session), operation)
                    : EndSession(services, new SessionId(steps[i].Session));
                if ((i + 1) % checkpointInterval == 0 || i + 1 == steps.Count)
                    difference ??= Compare("digest", services.Select(service => service.TakeCheckpoint(new SequenceNumber((ulong)i + 1), []).ToString()));
                if (difference is not null)
                    return (difference, i);
            }

            return null;
        }
        finally
        {
            foreach (IFileService service in services)
                service.Dispose();
        }
    }

    private static string? Compare(LocalSubmitter[] submitters, SessionId session, Operation operation)
    {
        var results = new List<string>();
        foreach (LocalSubmitter submitter in submitters)
        {
            submitter.Session = session;
            results.Add(Show.Of(submitter.Submit(Credentials.Superuser, operation)));
        }

        return Compare("result", results);
    }

    private static string? EndSession(IFileService[] services, SessionId session)
    {
        foreach (IFileService service in services)
            service.EndSession(session);
        return null;
    }

    private static string? Compare(string what, IEnumerable<string> values)
    {
        string[] all = [.. values];
        return all.All(value => value == all[0]) ? null : $"{what}s differ: {string.Join(" | ", all)}";
    }
}

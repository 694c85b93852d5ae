namespace Mounted;

/// <summary>
/// Where the tests with real programs work: two mounts of one cluster, or twice the directory that ZZFS_TEST_DIRECTORY
/// names, on which the same tests must pass (it shows that they are right).
/// </summary>
public sealed class Area : IDisposable
{
    /// <summary>Bound on the age of attribute and name caches of a mount.</summary>
    internal static readonly TimeSpan CacheAge = TimeSpan.FromSeconds(30);

    private readonly Cluster? _cluster;
    private readonly string? _plain;
    private int _count;

    public Area()
    {
        if (Machine.PlainDirectory is { } directory)
        {
            _plain = Directory.CreateDirectory(Path.Combine(directory, $"mounted-tests-{Environment.ProcessId}")).FullName;
            First = Second = _plain;
            return;
        }

        _cluster = Cluster.Started();
        try
        {
            First = _cluster.Mount("first");
            Second = _cluster.Mount("second");
        }
        catch
        {
            _cluster.Dispose();
            throw;
        }
    }

    /// <summary>One mount.</summary>
    public string First { get; }

    /// <summary>Another mount of the same cluster.</summary>
    public string Second { get; }

    /// <summary>Makes a directory for one test, seen at both mounts.</summary>
    public (string First, string Second) NewDirectory(string name)
    {
        name = $"{name}-{Interlocked.Increment(ref _count)}";
        Directory.CreateDirectory(Path.Combine(First, name));

        // Names that the second mount knows of may be as old as its caches.
        Eventually.Holds(() => Directory.Exists(Path.Combine(Second, name)), CacheAge, $"the second mount sees {name}").GetAwaiter().GetResult();
        return (Path.Combine(First, name), Path.Combine(Second, name));
    }

    public void Dispose()
    {
        _cluster?.Dispose();
        if (_plain is not null)
        {
            // Not Directory.Delete: the runtime can't name what is no UTF-8.
            Tool.Run("rm", ["-rf", _plain]).Succeeded();
        }
    }
}

/// <summary>The tests that share one area, so that one cluster serves them all.</summary>
[CollectionDefinition(Name)]
public sealed class AreaGroup : ICollectionFixture<Area>
{
    public const string Name = "area";
}

using System.Globalization;
using Agreement.Configuration;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Execution;

namespace AgreementBench;

/// <summary>
/// Measures the agreement cluster with a service that does nothing: latency of one sequential client, throughput of many
/// closed-loop clients, CPU time per operation over all processes. Every replica is a process of its own.
/// </summary>
internal static class Program
{
    private const string Usage =
        "Usage: AgreementBench [--seconds N] [--clients N,…] [--bytes N,…]\n       AgreementBench units";

    private const int UsageExitCode = 2;

    private static int Main(string[] arguments)
    {
        if (arguments is ["node", var directory, var name] && PartyId.TryParse(name, out PartyId id))
            return RunNode(new ClusterLayout(directory), id);
        if (arguments is ["units"])
        {
            Units.Print();
            return 0;
        }

        int[] seconds = [5];
        int[] clients = [1, 50];
        int[] bytes = [0, 1024, 4096];
        for (int i = 0; i < arguments.Length; i += 2)
        {
            int[] numbers = i + 1 < arguments.Length ? ParseNumbers(arguments[i + 1]) : [];
            switch (arguments[i])
            {
                case "--seconds" when numbers is [> 0]:
                    seconds = numbers;
                    break;
                case "--clients" when numbers.Length > 0 && numbers.Min() > 0:
                    clients = numbers;
                    break;
                case "--bytes" when numbers.Length > 0 && numbers.Min() >= 0 && numbers.Max() <= NullService.MaximumBytes:
                    bytes = numbers;
                    break;
                default:
                    Console.Error.WriteLine(Usage);
                    return UsageExitCode;
            }
        }

        Measure(TimeSpan.FromSeconds(seconds[0]), clients, bytes);
        return 0;
    }

    private static int[] ParseNumbers(string text)
    {
        string[] words = text.Split(',');
        int[] numbers = new int[words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            if (!int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]))
                return [];
        }

        return numbers;
    }

    private static void Measure(TimeSpan duration, int[] clientCounts, int[] sizes)
    {
        string folder = Directory.CreateTempSubdirectory("zzfs-bench-").FullName;
        try
        {
            using var cluster = new BenchCluster(Path.Combine(folder, "cluster"), clientCounts.Max());
            Console.WriteLine("clients request reply    ops/s  median-ms  p99-ms  cpu-us/op");
            foreach (int clients in clientCounts)
            {
                foreach (int bytes in sizes)
                    cluster.Measure(clients, bytes, bytes, duration);
            }

            cluster.PrintUsage();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int RunNode(ClusterLayout layout, PartyId id)
    {
        ClusterFile cluster = layout.Load();
        using KeyFile key = KeyFile.Load(layout.KeyFile(id));
        using var loop = new EventLoop();
        Directory.CreateDirectory(layout.DataFolder(id));
        using IDisposable node = id.Role == PartyRole.Agreement
            ? new AgreementNode(cluster, id, key.Identity!, layout.DataFolder(id), loop)
            : new ExecutionNode(cluster, id, key.Identity!, new NullService(), loop);
        loop.Run();
        return 0;
    }
}

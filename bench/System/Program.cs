using System.Diagnostics;
using System.Globalization;
using Agreement.Configuration;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;
using ZZFs.Execution;

namespace AgreementBench;

/// <summary>
/// Measures the agreement cluster with a service that does nothing: latency of one sequential client, throughput of many
/// closed-loop clients, CPU time per operation over all processes. Every replica is a process of its own.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is ["node", var directory, var name] && PartyId.TryParse(name, out PartyId id))
            return RunNode(new ClusterLayout(directory), id);
        int seconds = arguments is ["--seconds", var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 5;
        string folder = Directory.CreateTempSubdirectory("zzfs-bench-").FullName;
        try
        {
            using var cluster = new BenchCluster(Path.Combine(folder, "cluster"), clients: 50);
            Console.WriteLine("clients request reply    ops/s  median-ms  p99-ms  cpu-us/op");
            foreach (int clients in (int[])[1, 50])
            {
                foreach ((int request, int reply) in ((int, int)[])[(0, 0), (1024, 1024), (4096, 4096)])
                    cluster.Measure(clients, request, reply, TimeSpan.FromSeconds(seconds));
            }

            cluster.PrintUsage();
            return 0;
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

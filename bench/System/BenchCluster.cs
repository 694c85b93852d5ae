using System.Diagnostics;
using System.Globalization;
using Agreement.Configuration;
using Agreement.Messages;
using Agreement.Node;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace AgreementBench;

/// <summary>A cluster of real processes, and closed-loop clients in this one.</summary>
internal sealed class BenchCluster : IDisposable
{
    private readonly ClusterFile cluster;
    private readonly ClusterLayout layout;
    private readonly List<(PartyId Id, Process Process)> nodes = [];
    private readonly EventLoop loop = new();
    private readonly List<(ClusterClient Client, KeyFile Key)> clients = [];

    public BenchCluster(string directory, int clients)
    {
        layout = new ClusterLayout(directory);
        cluster = ClusterFactory.Create(layout, new ClusterPlan { Clients = clients });
        foreach (AgreementEntry entry in cluster.Agreement)
            Start(entry.Id);
        foreach (ExecutionEntry entry in cluster.Execution)
        {
            if (entry.InitialRole == InitialRole.Active)
                Start(entry.Id);
        }

        for (int i = 0; i < clients; i++)
        {
            KeyFile key = KeyFile.Load(layout.KeyFile(PartyId.Client(i)));
            this.clients.Add((new ClusterClient(cluster, PartyId.Client(i), key.Identity!, loop, null), key));
        }

        RunUntil(() => Task.WhenAll(this.clients.Select(client => client.Client.Opened)));
    }

    public void Measure(int clientCount, int requestBytes, int replyBytes, TimeSpan duration)
    {
        RunUntil(() => Load(clientCount, requestBytes, replyBytes, TimeSpan.FromSeconds(1), []));
        var latencies = new List<double>();
        double cpuBefore = CpuMicroseconds();
        long start = Stopwatch.GetTimestamp();
        RunUntil(() => Load(clientCount, requestBytes, replyBytes, duration, latencies));
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double cpu = (CpuMicroseconds() - cpuBefore) / latencies.Count;
        latencies.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{clientCount,7} {requestBytes,7} {replyBytes,5} {latencies.Count / elapsed,8:F0} {latencies[latencies.Count / 2],10:F3} {latencies[latencies.Count * 99 / 100],7:F3} {cpu,10:F0}"));
    }

    public void PrintUsage()
    {
        foreach ((PartyId id, Process process) in nodes)
        {
            process.Refresh();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{id}: {process.WorkingSet64 >> 20} MB, {process.TotalProcessorTime.TotalSeconds:F1} s CPU"));
        }
    }

    public void Dispose()
    {
        foreach ((ClusterClient client, KeyFile key) in clients)
        {
            client.Dispose();
            key.Dispose();
        }

        loop.Dispose();
        foreach ((_, Process process) in nodes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private void Start(PartyId id)
    {
        string self = Environment.ProcessPath!;
        string[] host = Path.GetFileNameWithoutExtension(self) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "AgreementBench.dll")] : [];
        nodes.Add((id, Process.Start(self, [.. host, "node", layout.Directory, id.ToString()])));
    }

    private Task Load(int clientCount, int requestBytes, int replyBytes, TimeSpan duration, List<double> latencies)
    {
        long end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        return Task.WhenAll(clients.Take(clientCount).Select(client => RunClient(client.Client, requestBytes, replyBytes, end, latencies)));
    }

    private static async Task RunClient(ClusterClient client, int requestBytes, int replyBytes, long end, List<double> latencies)
    {
        Operation operation = NullService.Ask(requestBytes, replyBytes);
        while (Stopwatch.GetTimestamp() < end)
        {
            long start = Stopwatch.GetTimestamp();
            await client.SubmitAsync(Credentials.Superuser, operation, CancellationToken.None);
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    private double CpuMicroseconds()
    {
        double sum = Process.GetCurrentProcess().TotalProcessorTime.TotalMicroseconds;
        foreach ((_, Process process) in nodes)
        {
            process.Refresh();
            sum += process.TotalProcessorTime.TotalMicroseconds;
        }

        return sum;
    }

    // The work begins on the loop, where its continuations run too.
    private void RunUntil(Func<Task> work)
    {
        Task? task = null;
        loop.Post(() =>
        {
            task = work();
            task.ContinueWith(_ => loop.Stop(), TaskScheduler.Default);
        });
        loop.Run();
        task!.GetAwaiter().GetResult();
    }
}

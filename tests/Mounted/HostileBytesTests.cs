using System.Net;
using System.Net.Sockets;
using ZZFs.Bench;

namespace Mounted;

public sealed class HostileBytesTests
{
    private const int Connections = 20;

    [ClusterFact]
    public async Task Random_bytes_on_every_port_are_counted_and_change_nothing()
    {
        using var cluster = Cluster.Started();
        var mount = cluster.Mount("mount");
        var before = cluster.Status();
        var processes = before.Agreement.Concat(before.Execution).Select(ClusterStatus.Id).ToDictionary(id => id, cluster.ProcessOf);
        var asleep = before.ExecutionIn("asleep").ToList();
        var content = new BenchContent(99);
        for (var round = 0; round < Connections; round++)
        {
            foreach (var address in cluster.Addresses())
            {
                // From nothing at all to far more than a handshake.
                var bytes = new byte[round * round * 300];
                content.Fill(address.Port, round, bytes);
                Send(address, bytes);
            }
        }

        var awake = before.Agreement.Concat(before.Execution).Where(node => !asleep.Contains(ClusterStatus.Id(node)));
        foreach (var node in awake)
        {
            var id = ClusterStatus.Id(node);
            await Eventually.Holds(
                () => ClusterStatus.Rejected(cluster.Status().Node(id)) > ClusterStatus.Rejected(node), TimeSpan.FromSeconds(30), $"{id} counts rejections");
        }

        Cluster.Zzfs("bench", "postmark", "--at", mount, "--transactions", "300").Succeeded();
        var after = cluster.Status();
        Assert.All(after.Agreement.Concat(after.Execution), node => Assert.True(ClusterStatus.Up(node)));
        Assert.All(processes, process => Assert.Equal(process.Value, cluster.ProcessOf(process.Key)));
        Assert.Equal(before.View, after.View);
        Assert.Equal(asleep, after.ExecutionIn("asleep"));
    }

    private static void Send(IPEndPoint address, byte[] bytes)
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { SendTimeout = 1000 };
            socket.Connect(address);
            socket.Send(bytes);
        }
        catch (SocketException)
        {
            // It was cut off, as it should be; or nobody reads there, because the replica is asleep.
        }
    }
}

using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;

namespace Agreement.Control;

/// <summary>
/// An agreement replica's ways to the hypervisor controllers, for its votes. No call waits for anything, and each controller
/// is served on its own, so that a mute one holds up nobody. Votes may be lost: they are sent again until they have worked.
/// </summary>
/// <remarks>One thread at a time; only <see cref="AddTo"/> may be called by others.</remarks>
public sealed class ControllerLinks : IDisposable
{
    // Enough for a first handshake on a loaded machine, which a shorter bound would only make begin again.
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(3);

    private readonly ControllerClient[] clients;

    /// <summary>Prepares for the controllers of a cluster; connects on the first vote.</summary>
    /// <param name="cluster">Says where they are.</param>
    /// <param name="certificate">The replica's, with its private key; stays the caller's.</param>
    public ControllerLinks(ClusterFile cluster, X509Certificate2 certificate)
        : this(cluster, certificate, CallTimeout)
    {
    }

    internal ControllerLinks(ClusterFile cluster, X509Certificate2 certificate, TimeSpan callTimeout) =>
        clients = [.. cluster.Controllers.Select(entry => new ControllerClient(cluster, entry.Id, certificate, callTimeout))];

    /// <summary>Sends an encoded vote, which is copied, to all controllers: a RECOVER speaks to each.</summary>
    public void SendToControllers(ReadOnlyMemory<byte> message)
    {
        foreach (ControllerClient client in clients)
            client.Send(message.Span);
    }

    /// <summary>Sends an encoded vote, which is copied, to the controller of the execution replica of index <paramref name="replica"/>.</summary>
    public void SendToController(int replica, ReadOnlyMemory<byte> message) => clients[replica].Send(message.Span);

    /// <summary>Adds how many calls were answered and how many not, if any were made.</summary>
    public void AddTo(IDictionary<string, ulong> counters)
    {
        ulong delivered = 0;
        ulong failed = 0;
        foreach (ControllerClient client in clients)
        {
            delivered += client.Delivered;
            failed += client.Failed;
        }

        if (delivered + failed == 0)
            return;
        counters["controller-calls"] = delivered;
        counters["controller-calls-failed"] = failed;
    }

    /// <summary>Gives up what is under way.</summary>
    public void Dispose()
    {
        foreach (ControllerClient client in clients)
            client.Dispose();
    }
}

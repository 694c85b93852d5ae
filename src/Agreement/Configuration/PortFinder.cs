using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Agreement.Configuration;

/// <summary>Finds ports for nodes.</summary>
public static class PortFinder
{
    /// <summary>First port on hosts that can't be probed from here.</summary>
    public const int DefaultPort = 7400;

    // Below the range that Linux takes outgoing connections' ports from, so that a node finds its port free again.
    private const int LowestPort = 10_000;
    private const int HighestPort = 32_000;
    private const int Attempts = 200;

    /// <summary>Whether <paramref name="host"/> is an address of this machine.</summary>
    public static bool IsLocal(IPAddress host) =>
        IPAddress.IsLoopback(host)
        || NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(network => network.GetIPProperties().UnicastAddresses)
            .Any(local => local.Address.Equals(host));

    /// <summary>First of <paramref name="count"/> consecutive ports that are free on <paramref name="host"/> now.</summary>
    /// <exception cref="ConfigurationException">There are none.</exception>
    public static int FindConsecutive(IPAddress host, int count)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            // A random start keeps clusters that are made at the same time apart.
            int first = Random.Shared.Next(LowestPort, HighestPort - count);
            if (Enumerable.Range(first, count).All(port => IsFree(host, port)))
                return first;
        }

        throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"found no {count} free consecutive ports on {host}"));
    }

    private static bool IsFree(IPAddress host, int port)
    {
        using var socket = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(host, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

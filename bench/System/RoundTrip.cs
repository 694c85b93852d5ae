using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AgreementBench;

/// <summary>
/// What one message there and one back cost on the loopback interface right now, with two threads that sleep in between:
/// the unit in which the latency of an ordered operation can be counted on a shared machine.
/// </summary>
internal static class RoundTrip
{
    private const int MessageBytes = 128;
    private const int Exchanges = 20_000;

    public static double MedianMicroseconds()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var asking = new TcpClient { NoDelay = true };
        asking.Connect((IPEndPoint)listener.LocalEndpoint);
        using TcpClient answering = listener.AcceptTcpClient();
        answering.NoDelay = true;
        var echo = new Thread(() => Echo(answering.Client));
        echo.Start();
        double[] times = new double[Exchanges];
        byte[] message = new byte[MessageBytes];
        for (int i = 0; i < Exchanges; i++)
        {
            long start = Stopwatch.GetTimestamp();
            asking.Client.Send(message);
            Receive(asking.Client, message);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        asking.Client.Shutdown(SocketShutdown.Send);
        echo.Join();
        Array.Sort(times);
        return times[Exchanges / 2];
    }

    private static void Echo(Socket socket)
    {
        byte[] message = new byte[MessageBytes];
        while (Receive(socket, message))
            socket.Send(message);
    }

    private static bool Receive(Socket socket, byte[] message)
    {
        for (int filled = 0; filled < message.Length;)
        {
            int count = socket.Receive(message.AsSpan(filled));
            if (count == 0)
                return false;
            filled += count;
        }

        return true;
    }
}

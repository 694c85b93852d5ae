using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Agreement.Node;

/// <summary>
/// A non-blocking TCP socket as a descriptor. The data path calls recv and send directly: the runtime's own sockets would
/// poll a second time in the runtime's own loop, and hand the result over to another thread.
/// </summary>
internal readonly unsafe record struct LinkSocket(int Descriptor)
{
    /// <summary>The call can't proceed now.</summary>
    public const int WouldBlock = -1;

    /// <summary>The connection is broken.</summary>
    public const int Broken = -2;

    private const int ListenBacklog = 128;
    private const int DeferAcceptSeconds = 5;

    /// <summary>What <see cref="Accept"/> found.</summary>
    public enum Accepted
    {
        /// <summary>A connection.</summary>
        Connection,

        /// <summary>Nobody waits any more.</summary>
        Nobody,

        /// <summary>The process or the system has no descriptor left.</summary>
        OutOfDescriptors,
    }

    /// <summary>Starts to connect; the socket becomes writable when that is decided.</summary>
    /// <returns>False when it failed at once.</returns>
    public static bool TryConnect(IPEndPoint address, TimeSpan silenceTimeout, out LinkSocket socket)
    {
        if (!TryOpen(address, out socket))
            return false;
        socket.SetLinkOptions(silenceTimeout);
        socket.ControlNoCongestion(address);
        fixed (byte* native = ToNative(address, out uint nativeBytes))
        {
            if (Libc.Connect(socket.Descriptor, native, nativeBytes) == 0
                || Marshal.GetLastPInvokeError() is Libc.ErrorInProgress or Libc.ErrorInterrupted)
            {
                return true;
            }
        }

        socket.Close();
        return false;
    }

    /// <summary>Binds and listens.</summary>
    /// <exception cref="AddressUnavailableException">The address is taken, not of this machine, or not permitted.</exception>
    public static LinkSocket Listen(IPEndPoint address)
    {
        if (!TryOpen(address, out LinkSocket socket))
            throw new AddressUnavailableException(address, "can't be listened on: " + LastErrorText());
        // A restarted node must not wait for the connections of its predecessor to be forgotten.
        socket.SetOption(Libc.LevelSocket, Libc.OptionReuseAddress, 1);
        // Whoever dials speaks first and at once. Those who connect and say nothing never leave the kernel.
        socket.SetOption(Libc.LevelTcp, Libc.OptionDeferAccept, DeferAcceptSeconds);
        socket.ControlNoCongestion(address);
        fixed (byte* native = ToNative(address, out uint nativeBytes))
        {
            if (Libc.Bind(socket.Descriptor, native, nativeBytes) == 0 && Libc.Listen(socket.Descriptor, ListenBacklog) == 0)
                return socket;
        }

        string reason = Marshal.GetLastPInvokeError() switch
        {
            Libc.ErrorAddressInUse => "is already in use by another program",
            Libc.ErrorAddressNotAvailable => "is not an address of this machine",
            Libc.ErrorAccess => "needs privileges that this user does not have",
            _ => "can't be listened on: " + LastErrorText(),
        };
        socket.Close();
        throw new AddressUnavailableException(address, reason);
    }

    /// <summary>Takes one waiting connection of a listening socket.</summary>
    public Accepted Accept(TimeSpan silenceTimeout, out LinkSocket connection)
    {
        while (true)
        {
            connection = new LinkSocket(Libc.Accept(Descriptor, null, null, Libc.SocketNonBlocking | Libc.SocketCloseOnExec));
            if (connection.Descriptor >= 0)
            {
                connection.SetLinkOptions(silenceTimeout);
                return Accepted.Connection;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Libc.ErrorAgain:
                    return Accepted.Nobody;
                case Libc.ErrorTooManyInProcess or Libc.ErrorTooManyInSystem:
                    return Accepted.OutOfDescriptors;
                case Libc.ErrorInterrupted:
                    break;
                default:
                    // accept(2): errors of a connection that died while it waited come here, and mean "try the next one";
                    // the next turn does.
                    return Accepted.Nobody;
            }
        }
    }

    /// <summary>Whether the connect that was under way succeeded.</summary>
    public bool TakeConnectResult()
    {
        int error;
        uint errorBytes = sizeof(int);
        return Libc.GetOption(Descriptor, Libc.LevelSocket, Libc.OptionError, &error, &errorBytes) == 0 && error == 0;
    }

    /// <summary>The address that a listening socket has, with the port that the system chose.</summary>
    public IPEndPoint LocalAddress(IPEndPoint requested)
    {
        var native = new SocketAddress(requested.AddressFamily, 128);
        uint nativeBytes = 128;
        fixed (byte* bytes = native.Buffer.Span)
        {
            if (Libc.GetLocalAddress(Descriptor, bytes, &nativeBytes) < 0)
                throw new AddressUnavailableException(requested, "can't be listened on: " + LastErrorText());
        }

        native.Size = (int)nativeBytes;
        return (IPEndPoint)requested.Create(native);
    }

    /// <returns>Bytes received, 0 at the peer's end, <see cref="WouldBlock"/> or <see cref="Broken"/>.</returns>
    public int Receive(Span<byte> destination)
    {
        fixed (byte* bytes = destination)
        {
            nint count;
            do
                count = Libc.Receive(Descriptor, bytes, destination.Length, 0);
            while (count < 0 && Marshal.GetLastPInvokeError() == Libc.ErrorInterrupted);
            return count >= 0 ? (int)count : LastFailure();
        }
    }

    /// <returns>Bytes sent, <see cref="WouldBlock"/> or <see cref="Broken"/>.</returns>
    public int Send(ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source)
        {
            nint count;
            do
                count = Libc.Send(Descriptor, bytes, source.Length, Libc.MessageNoSignal);
            while (count < 0 && Marshal.GetLastPInvokeError() == Libc.ErrorInterrupted);
            return count >= 0 ? (int)count : LastFailure();
        }
    }

    /// <summary>Closes the descriptor; what was sent still reaches the peer.</summary>
    public void Close() => _ = Libc.Close(Descriptor);

    private static int LastFailure() => Marshal.GetLastPInvokeError() == Libc.ErrorAgain ? WouldBlock : Broken;

    private static string LastErrorText() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    private static bool TryOpen(IPEndPoint address, out LinkSocket socket)
    {
        int family = address.AddressFamily == AddressFamily.InterNetworkV6 ? Libc.FamilyIPv6 : Libc.FamilyIPv4;
        socket = new LinkSocket(Libc.Socket(family, Libc.SocketStream | Libc.SocketNonBlocking | Libc.SocketCloseOnExec, 0));
        return socket.Descriptor >= 0;
    }

    private static Span<byte> ToNative(IPEndPoint address, out uint nativeBytes)
    {
        SocketAddress native = address.Serialize();
        nativeBytes = (uint)native.Size;
        return native.Buffer.Span;
    }

    private void SetLinkOptions(TimeSpan silenceTimeout)
    {
        SetOption(Libc.LevelTcp, Libc.OptionNoDelay, 1);
        // A dialler waits without limit for a peer whose process is frozen, but not for a machine that is gone: its
        // kernel no longer acknowledges anything, neither data (user timeout) nor probes (keep-alive).
        SetOption(Libc.LevelSocket, Libc.OptionKeepAlive, 1);
        SetOption(Libc.LevelTcp, Libc.OptionKeepIdle, Math.Max(1, (int)silenceTimeout.TotalSeconds));
        SetOption(Libc.LevelTcp, Libc.OptionKeepInterval, 1);
        SetOption(Libc.LevelTcp, Libc.OptionKeepCount, 3);
        SetOption(Libc.LevelTcp, Libc.OptionUserTimeout, (int)silenceTimeout.TotalMilliseconds);
    }

    // Within a machine there is no congestion to control. Where the system's default is BBR its pacing costs timers: a
    // sequential operation over all replicas of one machine took 7 % longer with it. Accepted sockets inherit the choice.
    private void ControlNoCongestion(IPEndPoint address)
    {
        if (!IPAddress.IsLoopback(address.Address))
            return;
        fixed (byte* name = "reno"u8)
            _ = Libc.SetOption(Descriptor, Libc.LevelTcp, Libc.OptionCongestion, (int*)name, 4);
    }

    // An option that the kernel does not know costs speed or patience, never correctness.
    private void SetOption(int level, int option, int value) =>
        _ = Libc.SetOption(Descriptor, level, option, &value, sizeof(int));
}

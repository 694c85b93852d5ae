using System.Net;
using Agreement.Messages;

namespace Agreement.Node;

/// <summary>Listening, and the bounds on what those may use who have not proven who they are.</summary>
public sealed partial class Endpoint
{
    private static readonly TimeSpan PauseWithoutDescriptors = TimeSpan.FromMilliseconds(100);

    /// <summary>Incoming connections that are not links yet, oldest first.</summary>
    private readonly List<Link> pending = [];
    private readonly Action clearHandshakeBudget;
    private LinkSocket? listener;
    private IDisposable? pausedListening;
    private int handshakesThisTurn;

    internal bool MayAnswerHandshake => handshakesThisTurn < Options.HandshakesPerTurn;

    /// <summary>Accepts connections on an address.</summary>
    /// <returns>The address with the port that the system chose if it was 0.</returns>
    /// <exception cref="AddressUnavailableException">The address is taken, not of this machine, or not permitted.</exception>
    public IPEndPoint Listen(IPEndPoint address)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Invariant.That(listener is null);
        LinkSocket socket = LinkSocket.Listen(address);
        listener = socket;
        Loop.Register(socket.Descriptor, AcceptWaiting);
        return socket.LocalAddress(address);
    }

    /// <summary>Undoes <see cref="Listen"/>; links stay.</summary>
    public void StopListening()
    {
        pausedListening?.Dispose();
        if (listener is not LinkSocket socket)
            return;
        Loop.Unregister(socket.Descriptor);
        socket.Close();
        listener = null;
    }

    internal void CountAnsweredHandshake()
    {
        if (handshakesThisTurn++ == 0)
            Loop.AtEndOfTurn(clearHandshakeBudget);
    }

    private void AcceptWaiting()
    {
        // No more than handshakes are answered: else connections whose message waits here would make room for newer ones.
        for (int i = 0; i < Options.HandshakesPerTurn; i++)
        {
            switch (listener!.Value.Accept(Options.SilenceTimeout, out LinkSocket connection))
            {
                case LinkSocket.Accepted.Connection:
                    MakeRoomForPending();
                    pending.Add(Link.Accept(this, connection));
                    break;
                case LinkSocket.Accepted.OutOfDescriptors:
                    Counters.Count(LinkCounter.OutOfDescriptors);
                    PauseListening();
                    return;
                default:
                    return;
            }
        }
    }

    // The connection stays in the backlog, so a watch would report it again at once and the loop would spin.
    private void PauseListening()
    {
        int descriptor = listener!.Value.Descriptor;
        Loop.Unregister(descriptor);
        pausedListening = Loop.Schedule(PauseWithoutDescriptors, () => Loop.Register(descriptor, AcceptWaiting));
    }

    // An honest party speaks at once, so whoever waits longest is the least likely to be one.
    private void MakeRoomForPending()
    {
        if (pending.Count >= Options.MaximumUnauthenticated)
            pending[0].Close(LinkCounter.TooManyConnections);
    }
}

using System.Numerics;
using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Node;

/// <summary>Sending to several parties at once.</summary>
public static class EndpointExtensions
{
    /// <summary>Queues a message for every recipient.</summary>
    public static void Send(this IEndpoint endpoint, in Recipients to, ReadOnlySpan<byte> message)
    {
        for (uint rest = to.Agreement; rest != 0; rest &= rest - 1)
            endpoint.Send(PartyId.Agreement(BitOperations.TrailingZeroCount(rest)), message);
        for (uint rest = to.Execution; rest != 0; rest &= rest - 1)
            endpoint.Send(PartyId.Execution(BitOperations.TrailingZeroCount(rest)), message);
        if (to.Client is { } client)
            endpoint.Send(client, message);
    }
}

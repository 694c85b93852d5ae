using System.Net;

namespace Agreement.Node;

/// <summary>An endpoint can't listen on the address that it was told to; the message is one sentence for the operator.</summary>
public sealed class AddressUnavailableException(IPEndPoint address, string reason)
    : IOException($"The address {address} {reason}.")
{
    /// <summary>The address.</summary>
    public IPEndPoint Address { get; } = address;
}

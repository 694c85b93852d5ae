namespace Agreement.Node;

/// <summary>Why a peer that knows us closes a link, as it says in an authenticated frame.</summary>
public enum RefusalReason : byte
{
    /// <summary>This client is connected already: another mount uses the same key.</summary>
    AlreadyConnected = 1,

    /// <summary>A newer link of the same party took over: it restarted, or two processes use one key.</summary>
    Replaced = 2,

    /// <summary>Both sides dialled at the same moment, and the other connection stays.</summary>
    CrossedDial = 3,
}

using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>Whom a message goes to: masks of agreement and execution replicas, and at most one client.</summary>
/// <param name="Agreement">Bit i: agreement replica i.</param>
/// <param name="Execution">Bit i: execution replica i.</param>
/// <param name="Client">A client, or null.</param>
public readonly record struct Recipients(uint Agreement, uint Execution, PartyId? Client)
{
    /// <summary>One party, which must not be a controller.</summary>
    public static Recipients One(PartyId party) => party.Role switch
    {
        PartyRole.Agreement => new(1u << (int)party.Index, 0, null),
        PartyRole.Execution => new(0, 1u << (int)party.Index, null),
        _ => new(0, 0, party),
    };
}

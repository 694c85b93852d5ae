using Agreement.Messages;
using ZZFs.Abstraction.Operations;

namespace Simulation;

/// <summary>One operation of a client, from its invocation to its return.</summary>
/// <param name="id">Found again in what services executed.</param>
/// <param name="client">Who invoked it.</param>
/// <param name="operation">The encoded operation.</param>
/// <param name="sync">Whether its answer promises durability.</param>
internal sealed class Call(ulong id, PartyId client, ReadOnlyMemory<byte> operation, bool sync)
{
    public ulong Id { get; } = id;

    public PartyId Client { get; } = client;

    public ReadOnlyMemory<byte> Operation { get; } = operation;

    public bool Sync { get; } = sync;

    /// <summary>When it was invoked: the count of invocations and returns before it.</summary>
    public long Invoked { get; set; }

    /// <summary>When it returned; 0 while it has not.</summary>
    public long Returned { get; set; }

    /// <summary>What the client was told.</summary>
    public OperationResult? Result { get; set; }

    /// <summary>The log incarnation for which the answered request was signed.</summary>
    public Incarnation Incarnation { get; set; }

    /// <summary>An answer promises that no incarnation loses it.</summary>
    public bool Promised { get; set; }

    public override string ToString() => $"operation {Id} of {Client}";
}

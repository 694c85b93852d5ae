using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

/// <summary>A party of the simulated cluster: a production core, and what of its shell matters.</summary>
internal abstract class Party(PartyId id)
{
    public PartyId Id { get; } = id;

    public bool IsUp { get; private set; } = true;

    /// <summary>How often it crashed: what was scheduled for a former life is void.</summary>
    public int Crashes { get; private set; }

    /// <summary>What the core wants done now.</summary>
    public abstract Output Output { get; }

    public abstract void SetClock(long milliseconds);

    public abstract void Deliver(PartyId from, ReadOnlyMemory<byte> message);

    public abstract void OnConnected(PartyId peer);

    public virtual void OnDisconnected(PartyId peer)
    {
    }

    public abstract void EndTurn();

    public abstract void Tick();

    /// <summary>Persists what the output says, before messages leave.</summary>
    public abstract void Persist();

    /// <summary>The process dies.</summary>
    public virtual void Crash()
    {
        IsUp = false;
        Crashes++;
    }

    public virtual void Restart() => IsUp = true;
}

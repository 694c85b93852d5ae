using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

/// <summary>A party of the simulated cluster: a production core, and what of its shell matters.</summary>
internal abstract class Party(PartyId id)
{
    // What a socket's buffer and the peer's queue hold meanwhile, about; more is lost with the link.
    private const int MaximumWaiting = 4096;

    private List<(Action Step, bool IsMessage)>? waiting;

    public PartyId Id { get; } = id;

    public bool IsUp { get; private set; } = true;

    /// <summary>How often it crashed: what was scheduled for a former life is void.</summary>
    public int Crashes { get; private set; }

    /// <summary>Held by its hypervisor: nothing of it runs, and what arrives waits.</summary>
    public bool IsPaused => waiting is not null;

    /// <summary>What its own monotonic clock shows too little: a guest's stands still with it, a frozen process's does not.</summary>
    public long ClockLagMilliseconds { get; private set; }

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

    /// <summary>The hypervisor holds the party.</summary>
    public void Pause() => waiting = [];

    /// <summary>The hypervisor lets go of it.</summary>
    /// <param name="clockLagMilliseconds">By how much its clock falls behind.</param>
    /// <param name="losesMessages">What came over its links is lost with them.</param>
    /// <returns>What waited, in its order.</returns>
    public IEnumerable<Action> Resume(long clockLagMilliseconds, bool losesMessages)
    {
        ClockLagMilliseconds += clockLagMilliseconds;
        List<(Action Step, bool IsMessage)> held = waiting ?? [];
        waiting = null;
        return held.Where(one => !one.IsMessage || !losesMessages).Select(one => one.Step);
    }

    /// <summary>Something happens to it while it is held: a message comes, or a disk is done.</summary>
    public void Wait(Action step, bool isMessage)
    {
        if (!isMessage || waiting!.Count < MaximumWaiting)
            waiting!.Add((step, isMessage));
    }

    /// <summary>The process dies.</summary>
    public virtual void Crash()
    {
        IsUp = false;
        waiting = null;
        Crashes++;
    }

    public virtual void Restart() => IsUp = true;
}

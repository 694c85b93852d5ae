namespace Agreement.Node;

/// <summary>
/// When a node carries out what its core asked for: once at the end of each turn of the loop that brought anything. While
/// the core says that it has work pending, a tick follows soon, so that an idle node sleeps.
/// </summary>
/// <remarks>Used from the loop's thread; a turn allocates nothing here.</remarks>
public sealed class TurnScheduler
{
    private readonly IEventLoop loop;
    private readonly TimeSpan fastTick;
    private readonly Func<bool> carryOut;
    private readonly Action tick;
    private readonly Action endTurn;
    private readonly Action onFastTick;
    private bool turnEnds;
    private bool fastTimerSet;

    /// <summary>Schedules nothing until the core was stepped.</summary>
    /// <param name="loop">Runs the turns.</param>
    /// <param name="fastTick">How soon a tick follows a turn that left work.</param>
    /// <param name="carryOut">Ends the turn of the core, persists and sends; says whether the core has work left.</param>
    /// <param name="tick">Ticks the core; the end of the turn follows by itself.</param>
    public TurnScheduler(IEventLoop loop, TimeSpan fastTick, Func<bool> carryOut, Action tick)
    {
        this.loop = loop;
        this.fastTick = fastTick;
        this.carryOut = carryOut;
        this.tick = tick;
        endTurn = EndTurn;
        onFastTick = OnFastTick;
    }

    /// <summary>The core was stepped: what it asks for is carried out at the end of this turn.</summary>
    public void Stepped()
    {
        if (turnEnds)
            return;
        turnEnds = true;
        loop.AtEndOfTurn(endTurn);
    }

    /// <summary>Ticks the core now, as a part of this turn.</summary>
    public void Tick()
    {
        tick();
        Stepped();
    }

    private void EndTurn()
    {
        turnEnds = false;
        if (!carryOut() || fastTimerSet)
            return;
        fastTimerSet = true;
        loop.Schedule(fastTick, onFastTick);
    }

    private void OnFastTick()
    {
        fastTimerSet = false;
        Tick();
    }
}

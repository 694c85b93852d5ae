using System.Numerics;
using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

// Time, turns, and messages on their way.
internal sealed partial class World
{
    private void ScheduleTick(Party party) => Schedule(TickMicroseconds + random.Next(1000), () =>
    {
        if (party.IsUp && !party.IsPaused)
            Turn(party, party.Tick);
        ScheduleTick(party);
    });

    private void Connect(Party one, Party other)
    {
        if (one != other && Talks(one, other))
            Schedule(random.Next(1000), () => { if (one.IsUp && other.IsUp) Turn(one, () => one.OnConnected(other.Id)); });
    }

    private static bool Talks(Party one, Party other) =>
        !(one.Id.Role == other.Id.Role && one.Id.Role != PartyRole.Agreement);

    // One turn of a shell: clock, step, end of turn, persist, send. That of a party which is held comes later.
    private void Turn(Party party, Action step, bool isMessage = false)
    {
        if (party.IsPaused)
        {
            party.Wait(step, isMessage);
            return;
        }

        party.SetClock(Milliseconds - party.ClockLagMilliseconds);
        step();
        party.EndTurn();
        party.Persist();
        if (party.Output.SyncWanted && party is AgreementParty agreement)
            BeginSync(agreement);
        if (party is ExecutionParty execution)
            BeginWork(execution);
        Output output = party.Output;
        var sends = new List<(PartyId To, byte[] Bytes)>();
        foreach (Outgoing message in output.Messages)
        {
            byte[] bytes = output.MessageBytes(message).ToArray();
            for (uint rest = message.To.Agreement; rest != 0; rest &= rest - 1)
                sends.Add((PartyId.Agreement(BitOperations.TrailingZeroCount(rest)), bytes));
            for (uint rest = message.To.Execution; rest != 0; rest &= rest - 1)
                sends.Add((PartyId.Execution(BitOperations.TrailingZeroCount(rest)), bytes));
            if (message.To.Client is { } client)
                sends.Add((client, bytes));
        }

        output.Clear();
        foreach ((PartyId to, byte[] bytes) in sends)
        {
            if (liars.TryGetValue(party.Id, out Behaviour[]? lies))
                Tell(party.Id, Distort(lies, new Lie(to, bytes)));
            else
                Send(party.Id, to, bytes);
        }
    }

    private static IEnumerable<Lie> Distort(Behaviour[] lies, Lie honest)
    {
        IEnumerable<Lie> told = [honest];
        foreach (Behaviour behaviour in lies)
            told = [.. told.SelectMany(behaviour.Send)];
        return told;
    }

    private void Tell(PartyId from, IEnumerable<Lie> lies)
    {
        foreach (Lie lie in lies)
            Schedule(lie.DelayMicroseconds, () => Transmit(from, lie.To, lie.Bytes));
    }

    private void Send(PartyId from, PartyId to, byte[] bytes)
    {
        Watch(from, bytes);
        Transmit(from, to, bytes);
    }

    private void Transmit(PartyId from, PartyId to, byte[] bytes)
    {
        if (options.Loses?.Invoke(from, to, bytes, Milliseconds) == true)
            return;

        // When all are awake, one that misses much falls behind a log that the others empty: nothing but their state helps it.
        bool spared = options.AllAwake && (to.Role == PartyRole.Execution || (from.Role == PartyRole.Execution && to.Role != PartyRole.Client));
        bool faulty = Milliseconds < options.HealAtMilliseconds;
        if (faulty && ((!spared && random.Chance(options.Loss)) || IsCut(from, to)))
            return;
        int copies = faulty && random.Chance(options.Duplication) ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            long delay = 30 + random.Next(200);
            if (faulty && random.Chance(options.Delay))
                delay += random.Next(50_000);
            Schedule(delay, () => Arrive(from, to, bytes));
        }
    }

    private void Arrive(PartyId from, PartyId to, byte[] bytes)
    {
        if (!parties.TryGetValue(to, out Party? party) || !party.IsUp)
            return;
        options.Trace?.WriteLine($"{time,10} {from} -> {to} {MessageTrace.Describe(bytes)}");
        if (liars.TryGetValue(to, out Behaviour[]? lies))
        {
            foreach (Behaviour behaviour in lies)
                Tell(to, behaviour.Receive(from, bytes));
        }

        Turn(party, () => party.Deliver(from, bytes), isMessage: true);
    }
}

using System.Numerics;
using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Client;
using ZZFs.Execution;

namespace Simulation;

/// <summary>
/// A whole cluster in one thread under virtual time: production cores, a seeded network, disks and crashes. The same seed
/// replays exactly.
/// </summary>
internal sealed class World
{
    private const long TickMicroseconds = 5_000;

    private readonly SimulationOptions options;
    private readonly DeterministicRandom random;
    private readonly PriorityQueue<Action, (long Time, long Order)> events = new();
    private readonly SortedDictionary<PartyId, Party> parties = [];
    private readonly Checkers checkers = new();
    private readonly SimulatedKeys keys = new();
    private readonly Quorum quorum;
    private long time;
    private long scheduled;

    public World(SimulationOptions options)
    {
        this.options = options;
        random = new DeterministicRandom(options.Seed);
        quorum = new Quorum(options.Faults);
        uint active = (1u << quorum.ActiveExecutionReplicas) - 1;
        for (int i = 0; i < quorum.AgreementReplicas; i++)
            Add(MakeAgreement(i, active));
        for (int i = 0; i < quorum.ActiveExecutionReplicas; i++)
            Add(MakeExecution(i, active));
        for (int i = 0; i < options.Clients; i++)
            Add(new ClientParty(PartyId.Client(i), quorum, keys, checkers, new DeterministicRandom(random.NextUInt64()), options));
        foreach (Party one in parties.Values)
        {
            foreach (Party other in parties.Values)
                Connect(one, other);
        }

        foreach (Party party in parties.Values)
            ScheduleTick(party);
        if (options.CrashEveryMilliseconds > 0)
            ScheduleCrash();
    }

    public Checkers Checkers => checkers;

    public long Milliseconds => time / 1000;

    /// <summary>Runs until every client is done.</summary>
    /// <exception cref="SimulationFailure">A promise is broken, or there is no progress.</exception>
    public void Run()
    {
        while (!parties.Values.OfType<ClientParty>().All(client => client.IsDone))
            Step();
        long settled = Math.Max(time, options.HealAtMilliseconds * 1000L) + 3_000_000;
        while (time < settled)
            Step();
        SequenceNumber executed = parties.Values.OfType<ExecutionParty>().Max(replica => replica.Replica.Executed);
        foreach (ExecutionParty replica in parties.Values.OfType<ExecutionParty>())
        {
            if (replica.Replica.HasDiverged || replica.Replica.Executed != executed)
                throw new SimulationFailure($"{replica.Id} is at {replica.Replica.Executed}, others at {executed}");
            checkers.AllAnswered(replica.Service.Counters);
        }

        foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
        {
            if (replica.Replica.Delivered != executed)
                throw new SimulationFailure($"{replica.Id} delivered up to {replica.Replica.Delivered}, executed is {executed}");
            if (executed.Value > 4 * (ulong)options.CheckpointInterval && replica.Replica.LowWaterMark.Value == 0)
                throw new SimulationFailure($"{replica.Id} never saw a stable checkpoint");
        }
    }

    private void Step()
    {
        if (!events.TryDequeue(out Action? action, out (long Time, long Order) at))
            throw new SimulationFailure("nothing is left to happen");
        time = at.Time;
        if (Milliseconds > options.EndAtMilliseconds)
            throw new SimulationFailure($"no progress: {checkers.Completed} operations answered by {Milliseconds} ms\n{Describe()}");
        action();
    }

    private string Describe() => string.Join("\n", parties.Values.Select(party => $"  {party.Id} {party}"));

    private AgreementParty MakeAgreement(int index, uint active)
    {
        var settings = new ReplicaOptions { CheckpointInterval = options.CheckpointInterval };
        return new AgreementParty(
            PartyId.Agreement(index),
            () => new Replica(index, quorum, settings, active, options.Clients, keys, keys.SignerOf(PartyId.Agreement(index))),
            (random.Next(2000) - 1000) * 1_000_000L);
    }

    private ExecutionParty MakeExecution(int index, uint active)
    {
        var settings = new ExecutionOptions
        {
            CheckpointInterval = options.CheckpointInterval,
            Exports = [.. Enumerable.Repeat(ExportEntry.Full, options.Clients)],
        };
        PartyId id = PartyId.Execution(index);
        return new ExecutionParty(
            id, service => new ExecutionReplica(index, quorum, settings, active, service, keys, keys.SignerOf(id)));
    }

    private void Add(Party party) => parties.Add(party.Id, party);

    private void Schedule(long afterMicroseconds, Action action) =>
        events.Enqueue(action, (time + afterMicroseconds, scheduled++));

    private void ScheduleTick(Party party) => Schedule(TickMicroseconds + random.Next(1000), () =>
    {
        if (party.IsUp)
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

    // One turn of a shell: clock, step, end of turn, persist, send.
    private void Turn(Party party, Action step)
    {
        party.SetClock(Milliseconds);
        step();
        party.EndTurn();
        party.Persist();
        if (party.Output.SyncWanted && party is AgreementParty agreement)
            Schedule(200, () => { if (party.IsUp) Turn(party, agreement.Synced); });
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
            Send(party.Id, to, bytes);
    }

    private void Send(PartyId from, PartyId to, byte[] bytes)
    {
        Watch(from, bytes);
        bool faulty = Milliseconds < options.HealAtMilliseconds;
        if (faulty && random.Chance(options.Loss))
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
        options.Trace?.WriteLine($"{time,10} {from} -> {to} {(MessageKind)bytes[0]} {bytes.Length}");
        Turn(party, () => party.Deliver(from, bytes));
    }

    private void Watch(PartyId from, byte[] bytes)
    {
        var reader = new MessageReader(bytes);
        switch ((MessageKind)reader.ReadByte())
        {
            case MessageKind.Order or MessageKind.Committed when Order.TryRead(ref reader, out Order order):
                checkers.Ordered(from, order);
                break;
            case MessageKind.Checkpoint when from.Role == PartyRole.Execution && Checkpoint.TryRead(ref reader, out Checkpoint checkpoint):
                checkers.Rooted(from, checkpoint);
                break;
            default:
                break;
        }
    }

    private void ScheduleCrash() => Schedule((1 + random.Next(2 * options.CrashEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        Party[] candidates = [.. parties.Values.Where(party => party.Id.Role is PartyRole.Agreement or PartyRole.Execution && party.IsUp)];
        Party victim = candidates[random.Next(candidates.Length)];
        int down = parties.Values.Count(party => !party.IsUp && party.Id.Role == victim.Id.Role);
        if (down < options.Faults)
        {
            options.Trace?.WriteLine($"{time,10} {victim.Id} crashes");
            victim.Crash();
            foreach (Party other in parties.Values)
            {
                if (other.IsUp)
                    Turn(other, () => other.OnDisconnected(victim.Id));
            }

            Schedule(random.Next(300_000), () => Restart(victim));
        }

        ScheduleCrash();
    });

    private void Restart(Party victim)
    {
        options.Trace?.WriteLine($"{time,10} {victim.Id} restarts");
        victim.Restart();
        foreach (Party other in parties.Values)
        {
            Connect(victim, other);
            Connect(other, victim);
        }
    }
}

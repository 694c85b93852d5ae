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
    private readonly SortedDictionary<PartyId, Behaviour[]> liars = [];
    private readonly List<HostileClient> hostile = [];
    private readonly HashSet<Digest> syncs = [];
    private uint cutOff;
    private long time;
    private long scheduled;

    public World(SimulationOptions options)
    {
        this.options = options;
        random = new DeterministicRandom(options.Seed);
        quorum = new Quorum(options.Faults);
        int awake = options.AllAwake ? quorum.ExecutionReplicas : quorum.ActiveExecutionReplicas;
        uint active = (1u << awake) - 1;
        for (int i = 0; i < quorum.AgreementReplicas; i++)
            Add(MakeAgreement(i, active));
        for (int i = 0; i < awake; i++)
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
        ChooseLiars(PartyRole.Agreement, quorum.AgreementReplicas, options.AgreementLiars);
        ChooseLiars(PartyRole.Execution, awake, options.ExecutionLiars);
        for (int i = 0; i < options.HostileClients; i++)
        {
            PartyId id = PartyId.Client(options.Clients + i);
            hostile.Add(new HostileClient(id, quorum, keys.SignerOf(id), new DeterministicRandom(random.NextUInt64())));
            ScheduleAttack(id, hostile[i]);
        }

        foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
            ScheduleSync(replica);
        if (options.PartitionEveryMilliseconds > 0)
            SchedulePartition();
        if (options.ExecutionStopsAt > 0)
            Schedule(options.ExecutionStopsAt * 1000L, StopExecution);
        if (options.SiteLosesPowerAt > 0)
            Schedule(options.SiteLosesPowerAt * 1000L, LoseAllPower);
        if (options.RecoverAtMilliseconds > 0)
            Schedule(options.RecoverAtMilliseconds * 1000L, VoteToRecover);
        if (options.CrashEveryMilliseconds > 0)
            ScheduleCrash();
    }

    public Checkers Checkers => checkers;

    /// <summary>The highest view that a correct replica is in, or moves to.</summary>
    public ulong HighestView =>
        parties.Values.OfType<AgreementParty>().Where(replica => !liars.ContainsKey(replica.Id)).Max(replica => replica.Replica.View.Value);

    public long Milliseconds => time / 1000;

    /// <summary>Results that each client accepted because agreement replicas vouched for them.</summary>
    public IReadOnlyList<ulong> AffirmedResults => [.. parties.Values.OfType<ClientParty>().Select(client => client.AffirmedResults)];

    /// <summary>Runs until every client is done.</summary>
    /// <exception cref="SimulationFailure">A promise is broken, or there is no progress.</exception>
    public void Run()
    {
        while (!parties.Values.OfType<ClientParty>().All(client => client.IsDone))
            Step();
        // What hostile clients left behind is still being ordered: everybody must be at the same place soon, not at once.
        long settled = Math.Max(time, options.HealAtMilliseconds * 1000L);
        string? unsettled;
        do
        {
            settled += 500_000;
            while (time < settled)
                Step();
            unsettled = FindUnsettled();
        }
        while (unsettled is not null && Milliseconds < options.EndAtMilliseconds - 1000);
        if (unsettled is not null)
            throw new SimulationFailure($"{unsettled}\n{Describe()}");
    }

    // Why the correct parties are not all at the same place in the order; null if they are.
    private string? FindUnsettled()
    {
        Party[] correct = [.. parties.Values.Where(party => !liars.ContainsKey(party.Id))];
        SequenceNumber executed = correct.OfType<ExecutionParty>().Max(replica => replica.Replica.Executed);
        int current = 0;
        foreach (ExecutionParty replica in correct.OfType<ExecutionParty>())
        {
            // One that fell behind the log while the others went on needs their state, which no log can give it.
            bool stranded = replica.Replica.StableCheckpoint is { } stable && replica.Replica.Executed < stable.Number;
            if (replica.Replica.HasDiverged)
                throw new SimulationFailure($"{replica.Id} finds that it has diverged\n{Describe()}");
            if (replica.Replica.Executed != executed && !stranded)
                return $"{replica.Id} is at {replica.Replica.Executed}, others at {executed}";
            if (stranded)
                continue;
            current++;
        }

        if (current < Math.Min(quorum.Weak, correct.OfType<ExecutionParty>().Count()))
            return $"only {current} correct execution replicas are at {executed}";
        foreach (AgreementParty replica in correct.OfType<AgreementParty>())
        {
            if (options.ViewsStay && !liars.ContainsKey(PartyId.Agreement(0)) && replica.Replica.View.Value > 0)
                throw new SimulationFailure($"{replica.Id} left view 0 though its primary is correct\n{Describe()}");
            if (!replica.Replica.InView)
                return $"{replica.Id} was left in view {replica.Replica.View}, which never began";
            if (replica.Replica.Delivered != executed)
                return $"{replica.Id} delivered up to {replica.Replica.Delivered}, executed is {executed}";
            if (executed.Value > 4 * (ulong)options.CheckpointInterval && replica.Replica.LowWaterMark.Value == 0)
                return $"{replica.Id} never saw a stable checkpoint";
            if (options.RecoverAtMilliseconds > 0 && replica.Replica.Epoch.Value != 1)
                return $"{replica.Id} is in epoch {replica.Replica.Epoch}, not 1";
        }

        // After a power loss of the whole site clients first have to hear of it, and submit again what was lost.
        return correct.OfType<ExecutionParty>().Where(replica => replica.Replica.Executed == executed)
            .Select(replica => checkers.FindLost(replica.Service.Counters)).FirstOrDefault(lost => lost is not null);
    }

    private void ChooseLiars(PartyRole role, int parties, int count)
    {
        while (count > 0)
        {
            var id = new PartyId(role, (uint)random.Next(parties));
            if (liars.ContainsKey(id))
                continue;
            count--;
            Behaviour[] lies = options.Lies?.Invoke()
                ?? (role == PartyRole.Agreement ? Scenario.AgreementLies(random, quorum) : Scenario.ExecutionLies(random, options.AllAwake));
            foreach (Behaviour lie in lies)
                lie.Become(id, quorum, keys.SignerOf(id), new DeterministicRandom(random.NextUInt64()));
            liars.Add(id, lies);
            options.Trace?.WriteLine($"{time,10} {id} lies: {string.Join(", ", lies.Select(lie => lie.ToString()))}");
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
        if (scheduled % 1024 == 0)
            CheckBounds();
    }

    // Whatever liars and bad clients send, memory and log stay bounded.
    private void CheckBounds()
    {
        foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
        {
            int held = 4 * (options.CheckpointInterval * 2 * Limits.MaximumPrePrepared) + (1100 * (options.Clients + options.HostileClients));
            if (replica.Replica.HeldRequests > held)
                throw new SimulationFailure($"{replica.Id} holds {replica.Replica.HeldRequests} requests");
            if (replica.Replica.HighestLogged.Value > replica.Replica.LowWaterMark.Value + (4 * (ulong)options.CheckpointInterval))
                throw new SimulationFailure($"{replica.Id} logs up to {replica.Replica.HighestLogged}, its low mark is {replica.Replica.LowWaterMark}");
        }
    }

    /// <summary>Where every party stands.</summary>
    public string Describe() => string.Join(
        "\n", parties.Values.Select(party => $"  {party.Id} {party}{(liars.TryGetValue(party.Id, out Behaviour[]? lies) ? " LIES: " + string.Join<Behaviour>(", ", lies) : "")}"));

    private AgreementParty MakeAgreement(int index, uint active)
    {
        var settings = new ReplicaOptions { CheckpointInterval = options.CheckpointInterval };
        return new AgreementParty(
            PartyId.Agreement(index),
            () => new Replica(
                index, quorum, settings, active, options.Clients + options.HostileClients, keys, keys.SignerOf(PartyId.Agreement(index))),
            settings.Window,
            (random.Next(2 * options.ClockErrorMilliseconds) - options.ClockErrorMilliseconds) * 1_000_000L,
            options.Always);
    }

    private ExecutionParty MakeExecution(int index, uint active)
    {
        var settings = new ExecutionOptions
        {
            CheckpointInterval = options.CheckpointInterval,
            Exports = [.. Enumerable.Repeat(ExportEntry.Full, options.Clients + options.HostileClients)],
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
            BeginSync(agreement);
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

        Turn(party, () => party.Deliver(from, bytes));
    }

    private void ScheduleAttack(PartyId self, HostileClient attacker) => Schedule(2000 + random.Next(8000), () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        Tell(self, attacker.Attack());
        ScheduleAttack(self, attacker);
    });

    private void ScheduleSync(AgreementParty replica) => Schedule(50_000, () =>
    {
        if (replica.IsUp)
            BeginSync(replica);
        ScheduleSync(replica);
    });

    private void BeginSync(AgreementParty replica)
    {
        if (!replica.BeginSync())
            return;
        Replica life = replica.Replica;
        Schedule(100 + random.Next(options.SyncMicroseconds), () =>
        {
            if (replica.IsUp && replica.Replica == life)
                Turn(replica, replica.EndSync);
        });
    }

    // Agreement replicas of one side of a partition don't hear those of the other; execution replicas and clients hear all.
    private bool IsCut(PartyId from, PartyId to) =>
        from.Role == PartyRole.Agreement && to.Role == PartyRole.Agreement
        && ((cutOff >> (int)from.Index) & 1) != ((cutOff >> (int)to.Index) & 1);

    private void SchedulePartition() => Schedule((1 + random.Next(2 * options.PartitionEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        cutOff = (uint)random.Next(1 << quorum.AgreementReplicas);
        options.Trace?.WriteLine($"{time,10} the network is cut: {cutOff:x}");
        Schedule((100 + random.Next(1500)) * 1000L, () =>
        {
            options.Trace?.WriteLine($"{time,10} the network is whole");
            cutOff = 0;
        });
        SchedulePartition();
    });

    private void LoseAllPower()
    {
        options.Trace?.WriteLine($"{time,10} all lose power");
        foreach (Party party in parties.Values.Where(party => party is AgreementParty or ExecutionParty && party.IsUp))
        {
            (party as AgreementParty)?.LosePower(random);
            party.Crash();
            Schedule(100_000 + random.Next(300_000), () => Restart(party));
        }
    }

    // With nobody to execute the window fills; a configuration must still find a number in it.
    private void StopExecution()
    {
        foreach (ExecutionParty party in parties.Values.OfType<ExecutionParty>().Where(party => party.IsUp))
        {
            options.Trace?.WriteLine($"{time,10} {party.Id} stops");
            party.Crash();
            Schedule((options.HealAtMilliseconds * 1000L) - time, () => Restart(party));
        }

        Schedule((options.HealAtMilliseconds * 1000L) - time - 1000, () =>
        {
            foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
            {
                if (options.RecoverAtMilliseconds > 0 && replica.Replica.Epoch.Value == 0)
                    throw new SimulationFailure($"{replica.Id} found no number for a new epoch\n{Describe()}");
            }
        });
    }

    private void VoteToRecover()
    {
        foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
        {
            if (!liars.ContainsKey(replica.Id) && replica.IsUp)
                Turn(replica, replica.Replica.VoteToRecover);
        }
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
                CheckDurable(from, checkpoint.Number);
                break;
            case MessageKind.Request when Request.TryParse(bytes) is { } request && request.Flags.HasFlag(RequestFlags.Sync):
                syncs.Add(request.Digest);
                break;
            case MessageKind.Reply when Reply.TryRead(ref reader, out Reply reply) && syncs.Contains(reply.RequestDigest):
                CheckDurable(from, reply.Number);
                break;
            case MessageKind.ReplyAffidavit when ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit affidavit) && syncs.Contains(affidavit.RequestDigest):
                CheckDurable(from, affidavit.Number);
                break;
            case MessageKind.Prepare or MessageKind.Commit when Vote.TryRead(ref reader, out Vote vote):
                CheckVote((AgreementParty)parties[from], vote);
                break;
            case MessageKind.StableCertificate when StableCertificate.TryRead(ref reader, out StableCertificate certificate):
                if (certificate.Checkpoints.Select(signed => signed.Sender).Distinct().Count() < quorum.Weak)
                    throw new SimulationFailure($"{from} cuts its log at {certificate.State.Number} with too few signatures");
                break;
            default:
                break;
        }
    }

    // What replicas let out as durable is on the disks of 2f + 1, liars counted as holding everything.
    private void CheckDurable(PartyId from, SequenceNumber number)
    {
        int holders = parties.Values.OfType<AgreementParty>()
            .Count(replica => liars.ContainsKey(replica.Id) || replica.HighestSynced >= number);
        if (holders < quorum.Strong)
            throw new SimulationFailure($"{from} calls {number} durable, but only {holders} disks have it");
    }

    private static void CheckVote(AgreementParty voter, in Vote vote)
    {
        if (voter.Replica.IsAmnesic)
            throw new SimulationFailure($"{voter.Id} votes at {vote.Number}, though it may have lost votes");
        if (vote.Number > voter.HighWaterMark)
            throw new SimulationFailure($"{voter.Id} votes at {vote.Number}, above its high water mark");
    }

    private void ScheduleCrash() => Schedule((1 + random.Next(2 * options.CrashEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        Party[] candidates = [.. parties.Values.Where(party => party.IsUp && (party is AgreementParty || (party is ExecutionParty && !options.AllAwake)))];
        Party victim = candidates[random.Next(candidates.Length)];
        int faulty = parties.Values.Count(party =>
            party.Id.Role == victim.Id.Role && (!party.IsUp || liars.ContainsKey(party.Id) || party is AgreementParty { Replica.IsAmnesic: true }));
        if (faulty < options.Faults || (liars.ContainsKey(victim.Id) && faulty == options.Faults))
        {
            options.Trace?.WriteLine($"{time,10} {victim.Id} crashes");
            if (options.PowerLoss && victim is AgreementParty replica)
                replica.LosePower(random);
            else
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

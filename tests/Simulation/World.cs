using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Execution;

namespace Simulation;

/// <summary>
/// A whole cluster in one thread under virtual time: production cores, a seeded network, disks and crashes. The same seed
/// replays exactly.
/// </summary>
internal sealed partial class World
{
    private const long TickMicroseconds = 5_000;

    private readonly SimulationOptions options;
    private readonly DeterministicRandom random;
    private readonly DeterministicRandom workRandom;
    private readonly PriorityQueue<Action, (long Time, long Order)> events = new();
    private readonly SortedDictionary<PartyId, Party> parties = [];
    private readonly Checkers checkers = new();
    private readonly Workload workload;
    private readonly CallHistory calls;
    private readonly SimulatedKeys keys = new();
    private readonly Quorum quorum;
    private readonly SortedDictionary<PartyId, Behaviour[]> liars = [];
    private readonly List<HostileClient> hostile = [];
    private readonly HashSet<Digest> syncs = [];
    private uint cutOff;
    private bool cutIsOneWay;
    private long time;
    private long scheduled;

    public World(SimulationOptions options)
    {
        this.options = options;
        random = new DeterministicRandom(options.Seed);
        quorum = new Quorum(options.Faults);
        workRandom = new DeterministicRandom(options.Seed ^ 0xC4EC7);
        workload = options.Files ? new FileWorkload() : new CounterWorkload();
        calls = new CallHistory(workload, options.Always);
        int awake = options.AllAwake ? quorum.ExecutionReplicas : quorum.ActiveExecutionReplicas;
        uint active = (1u << awake) - 1;
        for (int i = 0; i < quorum.AgreementReplicas; i++)
            Add(MakeAgreement(i, active));
        for (int i = 0; i < awake; i++)
            Add(MakeExecution(i, active));
        for (int i = 0; i < options.Clients; i++)
            Add(new ClientParty(PartyId.Client(i), quorum, keys, workload, calls, new DeterministicRandom(random.NextUInt64()), options));
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
        if (options.ClockJumpEveryMilliseconds > 0)
            ScheduleClockJump();
        if (options.PauseEveryMilliseconds > 0)
            SchedulePause();
        foreach ((PartyId id, Behaviour[] lies) in liars)
        {
            if (parties[id] is AgreementParty replica && lies.Any(lie => lie is OldImages))
                ScheduleOldImages(replica);
        }
    }

    /// <summary>Operations that clients got answers to.</summary>
    public int Completed => calls.Completed;

    /// <summary>Results that each client accepted because agreement replicas vouched for them.</summary>
    public IReadOnlyList<ulong> AffirmedResults => [.. parties.Values.OfType<ClientParty>().Select(client => client.AffirmedResults)];

    /// <summary>Answered operations that a new log incarnation lost and their clients repeated.</summary>
    public int Repeated => calls.Repeated;

    /// <summary>The highest log incarnation that an agreement replica is in.</summary>
    public ulong HighestIncarnation => parties.Values.OfType<AgreementParty>().Max(replica => replica.Replica.Incarnation.Value);

    /// <summary>The highest view that a correct replica is in, or moves to.</summary>
    public ulong HighestView =>
        parties.Values.OfType<AgreementParty>().Where(replica => !liars.ContainsKey(replica.Id)).Max(replica => replica.Replica.View.Value);

    public long Milliseconds => time / 1000;

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
        int left = 0;
        foreach (ExecutionParty replica in correct.OfType<ExecutionParty>())
        {
            // One that fell behind the log while the others went on needs their state, which no log can give it.
            bool stranded = replica.Replica.StableCheckpoint is { } stable && replica.Replica.Executed < stable.Number;
            if (replica.Replica.HasDiverged)
                throw new SimulationFailure($"{replica.Id} finds that it has diverged\n{Describe()}");
            if (replica.Replica.Executed != executed && !stranded)
                return $"{replica.Id} is at {replica.Replica.Executed}, others at {executed}";
            if (stranded)
            {
                left++;
                continue;
            }

            current++;
        }

        if (current == 0 || current + left < Math.Min(quorum.Weak, correct.OfType<ExecutionParty>().Count()))
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

        // Only now: one that rolled back has not executed all of the new incarnation before.
        foreach (ExecutionParty replica in correct.OfType<ExecutionParty>().Where(replica => replica.Replica.Executed == executed))
            calls.Check(replica.Service.History, client => ((ClientParty)parties[client]).Unrepeatable);
        return null;
    }

    private void ChooseLiars(PartyRole role, int parties, int count)
    {
        while (count > 0)
        {
            bool isNamed = role == PartyRole.Agreement && options.FirstLiar >= 0 && liars.Count == 0;
            var id = new PartyId(role, (uint)(isNamed ? options.FirstLiar : random.Next(parties)));
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
            throw new SimulationFailure($"no progress: {calls.Completed} operations answered by {Milliseconds} ms\n{Describe()}");
        action();
        if (scheduled % 1024 == 0)
            CheckBounds();
    }

    // Whatever liars and bad clients send, memory and log stay bounded.
    private void CheckBounds()
    {
        foreach (AgreementParty replica in parties.Values.OfType<AgreementParty>())
        {
            if (options.RecoverAtMilliseconds > 0 && !liars.ContainsKey(replica.Id) && replica.Replica.Epoch.Value > 1)
                throw new SimulationFailure($"{replica.Id} is in epoch {replica.Replica.Epoch}, though votes justify one change only");
            int logBytes = ((320 << 10) + (options.CheckpointInterval * 4096)) * (1 + options.Faults) / 2;
            if (replica.LogBytes > logBytes)
                throw new SimulationFailure($"the log of {replica.Id} has {replica.LogBytes} bytes");
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
            id, workload.MakeService(), service => new ExecutionReplica(index, quorum, settings, active, service, keys, keys.SignerOf(id)));
    }

    private void Add(Party party) => parties.Add(party.Id, party);

    private void Schedule(long afterMicroseconds, Action action) =>
        events.Enqueue(action, (time + afterMicroseconds, scheduled++));
}

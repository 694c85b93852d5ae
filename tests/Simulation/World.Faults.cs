using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

// What goes wrong: attacks, disks, partitions, crashes, power, clocks. What hypervisors do wrong is in World.Hypervisors.
internal sealed partial class World
{
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

    // Agreement replicas of one side of a partition don't hear those of the other, or only one side does; execution replicas
    // and clients hear all.
    private bool IsCut(PartyId from, PartyId to)
    {
        if (from.Role != PartyRole.Agreement || to.Role != PartyRole.Agreement)
            return false;
        bool isFromInside = ((cutOff >> (int)from.Index) & 1) != 0;
        bool isToInside = ((cutOff >> (int)to.Index) & 1) != 0;
        return isFromInside != isToInside && (isFromInside || !cutIsOneWay);
    }

    private void SchedulePartition() => Schedule((1 + random.Next(2 * options.PartitionEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        cutOff = (uint)random.Next(1 << quorum.AgreementReplicas);
        cutIsOneWay = random.Next(3) == 0;
        options.Trace?.WriteLine($"{time,10} the network is cut: {cutOff:x}{(cutIsOneWay ? ", one way" : "")}");
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
        foreach (Party party in parties.Values.Where(party => party is not ClientParty))
        {
            if (party is AgreementParty replica)
                replica.LosePower(random);
            else
                Kill(party);
            RestartAfter(100_000 + random.Next(300_000), party);
        }

        // One client at least goes on.
        foreach (ClientParty client in parties.Values.OfType<ClientParty>().Skip(1).Where(_ => random.Chance(options.ClientsDie)))
        {
            options.Trace?.WriteLine($"{time,10} {client.Id} dies");
            client.Crash();
            calls.Dead.Add(client.Id);
        }
    }

    // A clock that is set wrong, and right again; a clock that is wrong for good has ClockErrorMilliseconds.
    private void ScheduleClockJump() => Schedule((1 + random.Next(2 * options.ClockJumpEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        var replica = (AgreementParty)parties[PartyId.Agreement(random.Next(quorum.AgreementReplicas))];
        long jump = (random.Next(40_000) - 20_000) * 1_000_000L;
        options.Trace?.WriteLine($"{time,10} the clock of {replica.Id} jumps by {jump / 1_000_000} ms");
        replica.ClockErrorNanoseconds += jump;
        Schedule((50 + random.Next(800)) * 1000L, () =>
        {
            replica.ClockErrorNanoseconds -= jump;
            ScheduleClockJump();
        });
    });

    // With nobody to execute the window fills; a configuration must still find a number in it.
    private void StopExecution()
    {
        foreach (ExecutionParty party in parties.Values.OfType<ExecutionParty>().Where(party => party.IsUp))
        {
            options.Trace?.WriteLine($"{time,10} {party.Id} stops");
            Kill(party);
            RestartAfter((options.HealAtMilliseconds * 1000L) - time, party);
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

    private void ScheduleCrash() => Schedule((1 + random.Next(2 * options.CrashEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        Party[] candidates = [.. parties.Values.Where(party => party.IsUp && (party is AgreementParty || (party is ExecutionParty && !options.AllAwake)))];
        if (candidates.Length == 0)
        {
            ScheduleCrash();
            return;
        }

        Party victim = candidates[random.Next(candidates.Length)];
        int faulty = parties.Values.Count(party =>
            party.Id.Role == victim.Id.Role && (!party.IsUp || liars.ContainsKey(party.Id) || party is AgreementParty { Replica.IsAmnesic: true }));
        if (faulty < options.Faults || (liars.ContainsKey(victim.Id) && faulty == options.Faults))
        {
            options.Trace?.WriteLine($"{time,10} {victim.Id} crashes");
            if (options.PowerLoss && victim is AgreementParty replica)
                replica.LosePower(random);
            else
                Kill(victim);
            foreach (Party other in parties.Values)
            {
                if (other.IsUp)
                    Turn(other, () => other.OnDisconnected(victim.Id));
            }

            RestartAfter(random.Next(300_000), victim);
        }

        ScheduleCrash();
    });

    private void Kill(Party party)
    {
        if (party is ExecutionParty execution)
            execution.Crash(workIsDone: workRandom.Next(2) == 0);
        else
            party.Crash();
    }

    // On its own, while operations are executed.
    private void BeginWork(ExecutionParty replica)
    {
        if (replica.TakeWork() is not { } work)
            return;
        Schedule(50 + workRandom.Next(options.CheckpointMicroseconds), () =>
        {
            if (replica.IsUp)
                Turn(replica, () => replica.EndWork(work));
        });
    }

    // Unless it crashes again before: power may go while it is down.
    private void RestartAfter(long microseconds, Party victim)
    {
        int crashes = victim.Crashes;
        Schedule(microseconds, () =>
        {
            if (!victim.IsUp && victim.Crashes == crashes)
                Restart(victim);
        });
    }

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

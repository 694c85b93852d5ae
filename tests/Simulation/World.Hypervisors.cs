using Agreement.Messages;

namespace Simulation;

// What goes wrong with hypervisors: they hold machines for a while, and lying ones take them back to an older image.
internal sealed partial class World
{
    // As many as chance will have it, at once, too: that nobody answers for a while is no fault, and must cost time only.
    private void SchedulePause() => Schedule((1 + random.Next(2 * options.PauseEveryMilliseconds)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;

        // When all are awake, one that misses much falls behind a log that the others empty: nothing but their state helps it.
        Party[] candidates = [.. parties.Values.Where(party => party.IsUp && !party.IsPaused && !(options.AllAwake && party is ExecutionParty))];
        if (candidates.Length > 0)
            PauseOne(candidates[random.Next(candidates.Length)]);
        SchedulePause();
    });

    private void PauseOne(Party victim)
    {
        int crashes = victim.Crashes;
        int milliseconds = 5 + random.Next(10 << random.Next(8));
        bool isGuest = random.Next(2) == 0;

        // Peers may have given its links up meanwhile.
        bool losesLinks = random.Next(3) == 0;
        options.Trace?.WriteLine($"{time,10} {victim.Id} is held for {milliseconds} ms{(isGuest ? " with its clock" : "")}{(losesLinks ? " and loses its links" : "")}");
        victim.Pause();
        Schedule(milliseconds * 1000L, () =>
        {
            if (victim.Crashes != crashes)
                return;
            options.Trace?.WriteLine($"{time,10} {victim.Id} is let go");
            foreach (Action step in victim.Resume(isGuest ? milliseconds : 0, losesLinks))
                Turn(victim, step);
            if (losesLinks)
                Reconnect(victim);
        });
    }

    private void Reconnect(Party party)
    {
        foreach (Party other in parties.Values.Where(other => other.IsUp && other != party && Talks(party, other)))
        {
            Turn(other, () => other.OnDisconnected(party.Id));
            Turn(party, () => party.OnDisconnected(other.Id));
            Connect(party, other);
            Connect(other, party);
        }
    }

    // The hypervisor of a liar's machine takes it back to an image of its disk from before, again and again.
    private void ScheduleOldImages(AgreementParty victim) => Schedule((20 + random.Next(200)) * 1000L, () =>
    {
        if (Milliseconds >= options.HealAtMilliseconds)
            return;
        if (!victim.IsUp)
        {
            ScheduleOldImages(victim);
            return;
        }

        SimulatedLog image = victim.TakeImage();
        Schedule((10 + random.Next(400)) * 1000L, () =>
        {
            if (victim.IsUp)
            {
                options.Trace?.WriteLine($"{time,10} {victim.Id} goes back to an old image");
                victim.Crash();
                victim.ReturnTo(image);
                Restart(victim);
            }

            ScheduleOldImages(victim);
        });
    });
}

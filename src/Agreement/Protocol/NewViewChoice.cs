using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// What a set V of VIEW-CHANGEs leads to: a pure function, computed alike by the new primary and by everybody who gets its
/// NEW-VIEW (TOCS 2002, figure 4).
/// </summary>
/// <param name="Stable">The highest stable checkpoint proven in V; null before the first.</param>
/// <param name="First">The number after it.</param>
/// <param name="Digests">The chosen batch of each number from <paramref name="First"/> on; ends with one that may be committed.</param>
/// <param name="Unvouched">
/// Numbers whose batch is not known to have been checked by a correct replica: its requests need valid signatures.
/// </param>
/// <param name="Incarnation">The log incarnation of the new view.</param>
/// <param name="Opens">
/// The new view opens that incarnation: V contains a VIEW-CHANGE of an amnesic replica, or shows that an earlier view opened
/// one and did not get so far that it counts.
/// </param>
internal sealed record NewViewChoice(
    StableCertificate? Stable,
    SequenceNumber First,
    IReadOnlyList<Digest> Digests,
    IReadOnlyList<SequenceNumber> Unvouched,
    Incarnation Incarnation,
    bool Opens)
{
    /// <summary>Last number that the new view proposes again.</summary>
    public SequenceNumber Last => new(First.Value + (ulong)Digests.Count - 1);

    /// <summary>Computes the choice.</summary>
    /// <returns>Null when V does not decide some number: more VIEW-CHANGEs are needed.</returns>
    public static NewViewChoice? Compute(View view, IReadOnlyList<ViewChange> changes, Quorum quorum)
    {
        if (changes.Count < quorum.Strong)
            return null;
        StableCertificate? stable = null;
        SequenceNumber low = default;
        SequenceNumber high = default;
        Incarnation incarnation = default;
        bool opens = false;
        foreach (ViewChange change in changes)
        {
            if (change.LowWaterMark > low)
            {
                stable = change.Stable;
                low = change.LowWaterMark;
            }

            if (change.Entries.Count > 0 && change.Entries[^1].Number > high)
                high = change.Entries[^1].Number;
            if (change.Incarnation.CompareTo(incarnation) > 0)
                incarnation = change.Incarnation;
            opens |= change.Amnesic;
        }

        var scope = new Scope(changes, stable, low, high, quorum);
        if (opens)
            return Decide(scope, new Incarnation(view.Value), opens: true, out _);
        NewViewChoice? choice = Decide(scope, incarnation, opens: false, out SequenceNumber? gap);
        return choice is not null && LacksBeginning(choice, gap) ? Decide(scope, new Incarnation(view.Value), opens: true, out _) : choice;
    }

    // What V holds, and the numbers between which it has to be decided.
    private readonly record struct Scope(
        IReadOnlyList<ViewChange> Changes, StableCertificate? Stable, SequenceNumber Low, SequenceNumber High, Quorum Quorum);

    // A view opened the incarnation and ended before its entry, and all that it keeps of the old order, was prepared: then
    // nothing was delivered under it, and who lost what is not told yet. So the incarnation is opened anew.
    private static bool LacksBeginning(NewViewChoice choice, SequenceNumber? gap)
    {
        if (choice.Incarnation.CompareTo(choice.Stable?.State.Incarnation ?? default) <= 0)
            return false;
        Digest beginning = Batch.Begin(choice.Incarnation).Digest;
        for (int i = 0; i < choice.Digests.Count; i++)
        {
            if (choice.Digests[i] == beginning)
                return gap is { } first && first.Value < choice.First.Value + (ulong)i;
        }

        return true;
    }

    // Gap: the first number that becomes null because nothing was prepared there.
    private static NewViewChoice? Decide(in Scope scope, Incarnation incarnation, bool opens, out SequenceNumber? gap)
    {
        gap = null;
        Quorum quorum = scope.Quorum;
        var digests = new List<Digest>();
        var unvouched = new List<SequenceNumber>();
        int kept = 0;
        var entries = new ViewChangeEntry?[scope.Changes.Count];
        int[] places = new int[entries.Length];
        for (SequenceNumber number = scope.Low.Next; number <= scope.High; number = number.Next)
        {
            for (int i = 0; i < entries.Length; i++)
                entries[i] = FindEntry(scope.Changes[i].Entries, number, ref places[i]);
            if (FindCandidate(entries, quorum) is { } digest)
            {
                digests.Add(digest);
                kept = digests.Count;
            }
            else if (CanBeNull(entries, quorum))
            {
                // What is durable is prepared here by one of V at least, and all before it is durable too. So nothing after
                // this number is, and to keep some of it would give clients other results than they were told: what an
                // incarnation keeps of the old order is a beginning of it, without gaps.
                if (opens)
                    break;
                gap ??= number;
                digests.Add(Batch.Null.Digest);
            }
            else if (opens && FindOnlyPrepared(entries, quorum) is { } only)
            {
                digests.Add(only);
                unvouched.Add(number);
                kept = digests.Count;
            }
            else
            {
                return null;
            }
        }

        // At the end nothing can have been committed, not even null: these numbers are free for new proposals.
        digests.RemoveRange(kept, digests.Count - kept);
        return new NewViewChoice(scope.Stable, scope.Low.Next, digests, unvouched, incarnation, opens);
    }

    private static ViewChangeEntry? FindEntry(IReadOnlyList<ViewChangeEntry> entries, SequenceNumber number, ref int place)
    {
        while (place < entries.Count && entries[place].Number < number)
            place++;
        return place < entries.Count && entries[place].Number == number ? entries[place] : null;
    }

    private static Digest? FindCandidate(ViewChangeEntry?[] entries, Quorum quorum)
    {
        foreach (ViewChangeEntry? entry in entries)
        {
            if (entry?.Prepared is { } candidate
                && CanHaveCommittedNothingElse(entries, candidate, quorum)
                && WasProposed(entries, candidate, quorum))
            {
                return candidate.Batch;
            }
        }

        return null;
    }

    // After a loss of power too few may remember that a batch was pre-prepared. If only one batch was prepared by anybody
    // here, it is taken: an fsync may have been acknowledged for it. Two would need another message to tell them apart.
    private static Digest? FindOnlyPrepared(ViewChangeEntry?[] entries, Quorum quorum)
    {
        ViewedDigest? only = null;
        foreach (ViewChangeEntry? entry in entries)
        {
            if (entry?.Prepared is not { } prepared)
                continue;
            if (only is { } known && known.Batch != prepared.Batch)
                return null;
            only = prepared;
        }

        return only is { } candidate && CanHaveCommittedNothingElse(entries, candidate, quorum) ? candidate.Batch : null;
    }

    // Condition B: 2f + 1 prepared nothing here, so nothing was committed.
    private static bool CanBeNull(ViewChangeEntry?[] entries, Quorum quorum)
    {
        int without = 0;
        foreach (ViewChangeEntry? entry in entries)
        {
            if (entry?.Prepared is null)
                without++;
        }

        return without >= quorum.Strong;
    }

    // Condition A1. A departure from TOCS 2002: another message may name the same batch under a higher view. If another
    // batch had been committed in a view u, a correct one of the 2f + 1 would have prepared it in u or later, so the
    // candidate's view is above u; and by A2 a correct replica pre-prepared the candidate there, though views above u
    // propose only what was committed in u.
    private static bool CanHaveCommittedNothingElse(ViewChangeEntry?[] entries, in ViewedDigest candidate, Quorum quorum)
    {
        int count = 0;
        foreach (ViewChangeEntry? entry in entries)
        {
            if (entry?.Prepared is not { } other || other.Batch == candidate.Batch || other.View.CompareTo(candidate.View) < 0)
                count++;
        }

        return count >= quorum.Strong;
    }

    // Condition A2: a correct replica pre-prepared it in that view or later, so its bodies were checked and can be had.
    private static bool WasProposed(ViewChangeEntry?[] entries, in ViewedDigest candidate, Quorum quorum)
    {
        int count = 0;
        foreach (ViewChangeEntry? entry in entries)
        {
            if (entry is not null && Proposed(entry, candidate))
                count++;
        }

        return count >= quorum.Weak;
    }

    private static bool Proposed(ViewChangeEntry entry, in ViewedDigest candidate)
    {
        foreach (ViewedDigest proposed in entry.PrePrepared)
        {
            if (proposed.Batch == candidate.Batch && proposed.View.CompareTo(candidate.View) >= 0)
                return true;
        }

        return false;
    }
}

using System.Numerics;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>Which reports about a number count.</summary>
/// <param name="Incarnation">The log incarnation r.</param>
/// <param name="Epoch">The epoch in which they must be sent.</param>
/// <param name="Active">Mask of the execution replicas that are active in it.</param>
/// <param name="History">Chained history digest after the number.</param>
/// <param name="Requests">How many requests the batch has.</param>
internal readonly record struct ReportTerms(Incarnation Incarnation, Epoch Epoch, uint Active, Digest History, int Requests)
{
    public bool Admit(int sender, in ExecReport report) =>
        (Active & (1u << sender)) != 0
        && report.Epoch == Epoch
        && report.Incarnation == Incarnation
        && report.History == History
        && report.Replies.Length == Requests;
}

/// <summary>
/// The reports about one number: the last one of each execution replica. Digests are counted per request and value, so that
/// a differing report never discards others (DESIGN §6).
/// </summary>
internal struct ReportSet(int replicas, DigestArena arena)
{
    private readonly ExecReport[] reports = new ExecReport[replicas];
    private uint present;

    /// <summary>Mask of those who reported.</summary>
    public readonly uint Present => present;

    /// <summary>The report of a sender that is <see cref="Present"/>.</summary>
    public readonly ref readonly ExecReport this[int sender] => ref reports[sender];

    /// <summary>
    /// Takes a report, and owns its digests; one of an older incarnation or epoch than the sender's last is ignored.
    /// </summary>
    public void Add(int sender, in ExecReport report)
    {
        uint bit = 1u << sender;
        if ((present & bit) != 0 && IsOlder(report, reports[sender]))
        {
            arena.Return(report.Replies);
            return;
        }

        Remove(sender);

        // Equal digests share one array: what is kept for a number does not grow with the number of replicas.
        Digest[] replies = report.Replies;
        for (uint rest = present; rest != 0; rest &= rest - 1)
        {
            ref readonly ExecReport other = ref reports[BitOperations.TrailingZeroCount(rest)];
            if (!other.Replies.AsSpan().SequenceEqual(replies))
                continue;
            arena.Return(replies);
            replies = other.Replies;
            break;
        }

        present |= bit;
        reports[sender] = report with { Replies = replies };
    }

    /// <summary>The reply digest that enough replicas report for one request; the zero digest if there is none.</summary>
    /// <param name="index">Place of the request in the batch.</param>
    /// <param name="terms">Which reports count.</param>
    /// <param name="votes">How many must be equal.</param>
    public readonly Digest Find(int index, in ReportTerms terms, int votes)
    {
        uint voters = 0;
        for (uint rest = present; rest != 0; rest &= rest - 1)
        {
            int sender = BitOperations.TrailingZeroCount(rest);
            if (terms.Admit(sender, reports[sender]))
                voters |= 1u << sender;
        }

        for (uint candidates = voters; candidates != 0; candidates &= candidates - 1)
        {
            Digest reply = reports[BitOperations.TrailingZeroCount(candidates)].Replies[index];
            int equal = 0;
            for (uint rest = candidates; rest != 0; rest &= rest - 1)
            {
                if (reports[BitOperations.TrailingZeroCount(rest)].Replies[index] == reply)
                    equal++;
            }

            if (equal >= votes)
                return reply;
        }

        return default;
    }

    public void Clear()
    {
        for (uint rest = present; rest != 0; rest &= rest - 1)
            Remove(BitOperations.TrailingZeroCount(rest));
    }

    private void Remove(int sender)
    {
        uint bit = 1u << sender;
        if ((present & bit) == 0)
            return;
        present &= ~bit;
        Digest[] replies = reports[sender].Replies;
        reports[sender] = default;
        for (uint rest = present; rest != 0; rest &= rest - 1)
        {
            if (reports[BitOperations.TrailingZeroCount(rest)].Replies == replies)
                return;
        }

        arena.Return(replies);
    }

    private static bool IsOlder(in ExecReport one, in ExecReport other)
    {
        int order = one.Incarnation.CompareTo(other.Incarnation);
        return order < 0 || (order == 0 && one.Epoch.CompareTo(other.Epoch) < 0);
    }
}

using Agreement.Messages;

namespace ZZFs.Execution;

/// <summary>
/// Which number 2f + 1 agreement replicas have on disk, by their SYNCED statements. A statement counts only if its
/// incarnation and history digest equal our own at that number (DESIGN §5).
/// </summary>
public sealed class DurabilityTracker
{
    private const int HistoryKept = 4096;

    private readonly Quorum quorum;
    private readonly Digest[] histories = new Digest[HistoryKept];
    private readonly SequenceNumber[] numbers = new SequenceNumber[HistoryKept];
    private readonly SequenceNumber[] synced;

    // Of the statements that run ahead of us the first and the last of each sender are kept: the first so that new ones
    // can't put off its turn for ever, the last because it says most.
    private readonly Synced?[] firstAhead;
    private readonly Synced?[] lastAhead;
    private SequenceNumber executed;
    private Incarnation incarnation;

    /// <summary>Starts with nothing known.</summary>
    public DurabilityTracker(Quorum quorum)
    {
        this.quorum = quorum;
        synced = new SequenceNumber[quorum.AgreementReplicas];
        firstAhead = new Synced?[quorum.AgreementReplicas];
        lastAhead = new Synced?[quorum.AgreementReplicas];
    }

    /// <summary>Everything up to here is on the disks of 2f + 1 agreement replicas.</summary>
    public SequenceNumber Durable { get; private set; }

    /// <summary>We executed a number.</summary>
    public void Executed(Incarnation current, SequenceNumber number, in Digest history)
    {
        incarnation = current;
        executed = number;
        histories[number.Value % HistoryKept] = history;
        numbers[number.Value % HistoryKept] = number;
        for (int sender = 0; sender < synced.Length; sender++)
        {
            if (firstAhead[sender] is not { } first || first.Number > number)
                continue;
            Count(sender, first);
            firstAhead[sender] = lastAhead[sender] is { } last && last.Number > number ? last : null;
            if (firstAhead[sender] is null && lastAhead[sender] is { } reached)
                Count(sender, reached);
            lastAhead[sender] = null;
        }

        Update();
    }

    /// <summary>A statement of agreement replica <paramref name="sender"/>.</summary>
    public void Add(int sender, in Synced statement)
    {
        if (statement.Number <= executed)
        {
            Count(sender, statement);
            Update();
        }
        else if (firstAhead[sender] is null)
        {
            firstAhead[sender] = statement;
        }
        else
        {
            lastAhead[sender] = statement;
        }
    }

    private void Count(int sender, in Synced statement)
    {
        ulong place = statement.Number.Value % HistoryKept;
        if (statement.Incarnation == incarnation
            && numbers[place] == statement.Number
            && histories[place] == statement.History
            && statement.Number > synced[sender])
        {
            synced[sender] = statement.Number;
        }
    }

    private void Update()
    {
        Span<SequenceNumber> sorted = stackalloc SequenceNumber[synced.Length];
        synced.CopyTo(sorted);
        sorted.Sort();
        Durable = sorted[sorted.Length - quorum.Strong];
    }
}

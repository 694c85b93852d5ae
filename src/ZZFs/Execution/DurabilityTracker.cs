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

    /// <summary>Last number whose history digest is known; executed or not.</summary>
    public SequenceNumber Known { get; private set; }

    /// <summary>History digest at <see cref="Known"/>.</summary>
    public Digest KnownHistory => histories[Known.Value % HistoryKept];

    /// <summary>Starts again at a number, in a log incarnation: what was stated under another one counts no more.</summary>
    public void Reset(Incarnation current, SequenceNumber number, in Digest history)
    {
        incarnation = current;
        Array.Clear(numbers);
        Array.Clear(synced);
        Array.Clear(firstAhead);
        Array.Clear(lastAhead);
        Durable = default;
        Known = number;
        histories[number.Value % HistoryKept] = history;
        numbers[number.Value % HistoryKept] = number;
    }

    /// <summary>The history digest at the next number became known, because it was executed or because f + 1 state it.</summary>
    public void Extend(SequenceNumber number, in Digest history)
    {
        if (number <= Known)
            return;
        Known = number;
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

    /// <summary>Whether the history digest at a number is known to be another one.</summary>
    public bool Contradicts(SequenceNumber number, in Digest history) =>
        number.Value > 0 && numbers[number.Value % HistoryKept] == number && histories[number.Value % HistoryKept] != history;

    /// <summary>A statement of agreement replica <paramref name="sender"/>.</summary>
    public void Add(int sender, in Synced statement)
    {
        if (statement.Incarnation != incarnation)
            return;
        if (statement.Number <= Known)
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
        if (numbers[place] == statement.Number
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

using Agreement.Messages;
using Agreement.Protocol;

namespace Simulation;

/// <summary>
/// The write-ahead log as the shell keeps it (WriteAheadLog), in memory: segments that begin with the replica's head and go
/// when all their numbers are stable, records that nothing waits for, and an end that a loss of power takes away.
/// </summary>
internal sealed class SimulatedLog
{
    /// <summary>Beside the head: small, so that a run fills many.</summary>
    private const int SegmentBytes = 32 << 10;

    private readonly List<Segment> segments = [];
    private readonly List<byte[]> unwritten = [];
    private Func<IReadOnlyList<byte[]>> head;
    private ulong framedRecords;
    private Segment? syncing;
    private int syncingCount;

    public SimulatedLog(Replica replica)
    {
        head = replica.LogHead;
        StartSegment();
        Sync();
    }

    private SimulatedLog(SimulatedLog other)
    {
        head = other.head;
        segments.AddRange(other.segments.Select(segment => segment.Copy()));
    }

    /// <summary>Bytes of all segments.</summary>
    public long Bytes => segments.Sum(segment => segment.Bytes);

    /// <summary>Records appended in this life, in the count of <see cref="Output.RecordCount"/>.</summary>
    public ulong AppendedRecords { get; private set; }

    /// <summary>What verifies behind damage at the log's end; null when nothing was damaged.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Lost { get; private set; }

    private Segment Current => segments[^1];

    public void Append(Output output)
    {
        if (output.LogRecords.Count == 0)
            return;
        if (Current.Bytes > Current.HeadBytes + SegmentBytes)
        {
            Write();
            Current.Synced = Current.Records.Count;
            StartSegment();
        }

        framedRecords = output.RecordCount;
        foreach ((int offset, int length, SequenceNumber number) in output.LogRecords)
        {
            unwritten.Add(output.Record(offset, length).ToArray());
            if (number > Current.Highest)
                Current.Highest = number;
        }

        if (output.LogBeforeSending)
            Write();
    }

    public void Truncate(SequenceNumber stable)
    {
        while (segments.Count > 1 && segments[0].Highest <= stable && segments[0].IsSynced)
            segments.RemoveAt(0);
    }

    public void Sync()
    {
        Write();
        Current.Synced = Current.Records.Count;
    }

    /// <summary>Starts to sync; false when all is on disk.</summary>
    public bool BeginSync()
    {
        Write();
        if (Current.IsSynced)
            return false;
        syncing = Current;
        syncingCount = Current.Records.Count;
        return true;
    }

    public void EndSync()
    {
        if (syncing is not null)
            syncing.Synced = Math.Max(syncing.Synced, syncingCount);
        syncing = null;
    }

    /// <summary>The process dies, and what it had not written.</summary>
    public void LoseUnwritten()
    {
        unwritten.Clear();
        syncing = null;
    }

    /// <summary>
    /// The machine loses power: of what was not synced a part may have reached the disk, and not always the first part.
    /// </summary>
    public void LoseUnsynced(DeterministicRandom random)
    {
        List<byte[]> records = Current.Records;
        int kept = Current.Synced + (random.Next(2) == 0 ? 0 : random.Next(records.Count - Current.Synced + 1));
        if (kept + 1 < records.Count && random.Next(2) == 0)
        {
            // The record after those that are kept is torn or has a flipped bit, those behind it are whole.
            int whole = random.Next(records.Count - kept - 1);
            Lost = [.. records.GetRange(kept + 1, whole).Select(record => (ReadOnlyMemory<byte>)record)];
        }

        Current.Cut(kept);
    }

    /// <summary>Gives a new replica what the log holds, and goes on with a new segment.</summary>
    public void Restore(Replica replica)
    {
        foreach (byte[] record in segments.SelectMany(segment => segment.Records))
            Invariant.That(replica.Restore(record));
        Invariant.That(replica.EndRestore());
        foreach (Segment segment in segments)
            segment.Highest = replica.HighestLogged;
        head = replica.LogHead;
        StartSegment();
        foreach (Segment segment in segments)
            segment.Synced = segment.Records.Count;
        AppendedRecords = framedRecords = 0;
    }

    /// <summary>What is written, as if on another disk.</summary>
    public SimulatedLog Copy() => new(this);

    /// <summary>The damage is dealt with.</summary>
    public void ForgetLost() => Lost = null;

    private void StartSegment()
    {
        segments.Add(new Segment());
        Current.Add(head());
        Current.HeadBytes = Current.Bytes;
    }

    private void Write()
    {
        Current.Add(unwritten);
        unwritten.Clear();
        AppendedRecords = framedRecords;
    }

    private sealed class Segment
    {
        public List<byte[]> Records { get; } = [];

        public SequenceNumber Highest { get; set; }

        public int Synced { get; set; }

        public bool IsSynced => Synced == Records.Count;

        public long Bytes { get; private set; }

        public long HeadBytes { get; set; }

        public void Add(IReadOnlyList<byte[]> records)
        {
            Records.AddRange(records);
            Bytes += records.Sum(record => (long)record.Length);
        }

        public Segment Copy()
        {
            var copy = new Segment { Highest = Highest, HeadBytes = HeadBytes };
            copy.Add(Records);
            copy.Synced = copy.Records.Count;
            return copy;
        }

        public void Cut(int kept)
        {
            Bytes -= Records.Skip(kept).Sum(record => (long)record.Length);
            Records.RemoveRange(kept, Records.Count - kept);
        }
    }
}

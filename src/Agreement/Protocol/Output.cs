using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>One message to send; its bytes are a range of <see cref="Output.MessageBytes"/>.</summary>
public readonly record struct Outgoing(Recipients To, int Offset, int Length);

/// <summary>
/// What a core wants done after some steps: first persist <see cref="LogRecords"/>, then send <see cref="Messages"/>.
/// The shell does both and calls <see cref="Clear"/>. Buffers are reused, so that a steady state allocates nothing.
/// </summary>
public sealed class Output
{
    private readonly MessageWriter records = new(4096);
    private readonly MessageWriter bytes = new(16384);
    private readonly List<(int Offset, int Length, SequenceNumber Number)> logRecords = [];
    private readonly List<Outgoing> messages = [];

    /// <summary>Records to append to the log, in order, before any message leaves.</summary>
    public IReadOnlyList<(int Offset, int Length, SequenceNumber Number)> LogRecords => logRecords;

    /// <summary>Messages to send, in order.</summary>
    public IReadOnlyList<Outgoing> Messages => messages;

    /// <summary>Records appended since the core was made; names a place in the log.</summary>
    public ulong RecordCount { get; private set; }

    /// <summary>Some record must be in the log before the messages leave; else the records may wait for the next write.</summary>
    public bool LogBeforeSending { get; private set; }

    /// <summary>An ordered FSYNC waits: sync the log soon.</summary>
    public bool SyncWanted { get; set; }

    /// <summary>The log must be on disk before the messages leave (a vote of configuration or view, an advance of the low water mark).</summary>
    public bool SyncBeforeSending { get; set; }

    /// <summary>Records of numbers at or below this are not needed any more, if above zero.</summary>
    public SequenceNumber TruncateUpTo { get; set; }

    /// <summary>Whether there is anything to do.</summary>
    public bool IsEmpty => messages.Count == 0 && logRecords.Count == 0 && !SyncWanted && TruncateUpTo.Value == 0;

    /// <summary>Bytes of all messages so far.</summary>
    public long MessageBytesQueued => bytes.Length;

    /// <summary>The bytes of one log record.</summary>
    public ReadOnlySpan<byte> Record(int offset, int length) => records.Written.Slice(offset, length);

    /// <summary>The bytes of one message.</summary>
    public ReadOnlySpan<byte> MessageBytes(in Outgoing message) => bytes.Written.Slice(message.Offset, message.Length);

    /// <summary>Starts a message; write it to the result, then call <see cref="EndMessage"/>.</summary>
    public MessageWriter BeginMessage() => bytes;

    /// <summary>Ends the message that began at <paramref name="start"/> (the writer's length at the beginning).</summary>
    public void EndMessage(int start, in Recipients to) => messages.Add(new Outgoing(to, start, bytes.Length - start));

    /// <summary>Queues the message last written for further recipients.</summary>
    public void Send(in Recipients to, ReadOnlySpan<byte> message)
    {
        int start = bytes.Length;
        bytes.WriteRaw(message);
        EndMessage(start, to);
    }

    /// <summary>Starts a log record; write it to the result, then call <see cref="EndRecord"/>.</summary>
    public MessageWriter BeginRecord() => records;

    /// <summary>Ends the record that began at <paramref name="start"/>.</summary>
    /// <param name="start">The writer's length at the beginning.</param>
    /// <param name="number">The number that the record belongs to: it can go when that number is stable.</param>
    /// <param name="mayWait">No message relies on the record: it is only information for a restart.</param>
    public void EndRecord(int start, SequenceNumber number, bool mayWait = false)
    {
        LogBeforeSending |= !mayWait;
        logRecords.Add((start, records.Length - start, number));
        RecordCount++;
    }

    /// <summary>Forgets what was done; the buffers stay.</summary>
    public void Clear()
    {
        records.Clear();
        bytes.Clear();
        logRecords.Clear();
        messages.Clear();
        LogBeforeSending = false;
        SyncWanted = false;
        SyncBeforeSending = false;
        TruncateUpTo = default;
    }
}

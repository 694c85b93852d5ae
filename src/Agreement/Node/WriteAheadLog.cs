using System.Globalization;
using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Node;

/// <summary>
/// The agreement log on disk: a chain of segment files, appended once per turn before its messages leave, synced by
/// <see cref="LogSyncer"/> or, when a vote must be durable, at once. Old segments go when all their numbers are stable.
/// </summary>
/// <remarks>
/// Used from the loop's thread, but for the sync itself. What was appended survives the death of the process (it is in the
/// page cache), what was synced survives the loss of power.
/// </remarks>
public sealed class WriteAheadLog : IDisposable
{
    private const long SegmentBytes = 8 << 20;

    private readonly string folder;
    private readonly Func<IReadOnlyList<byte[]>> head;
    private readonly List<LogSegment> segments = [];
    private readonly List<LogSegment> unsynced = [];
    private readonly MessageWriter frames = new(64 << 10);
    private ulong framedRecords;

    private WriteAheadLog(string folder, Func<IReadOnlyList<byte[]>> head)
    {
        this.folder = folder;
        this.head = head;
    }

    /// <summary>Whether something was appended that is not known to be on disk.</summary>
    public bool HasUnsynced => unsynced.Count > 0 || frames.Length > 0;

    /// <summary>How many files have to be synced for that.</summary>
    internal int UnsyncedFiles => unsynced.Count;

    /// <summary>
    /// Records appended since the log was opened, in the count of <see cref="Output.RecordCount"/>. The core may be ahead:
    /// what a turn brought is appended at its end.
    /// </summary>
    public ulong AppendedRecords { get; private set; }

    /// <summary>Bytes of all segments.</summary>
    public long Bytes => segments.Sum(segment => segment.Length);

    /// <summary>
    /// Null when the log was whole, but for an unfinished write. Else its end was damaged and cut: what verified behind the
    /// damage.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? LostRecords { get; private set; }

    private LogSegment Current => segments[^1];

    /// <summary>Opens the log of a folder, which exists, and restores the replica from it.</summary>
    /// <param name="folder">Holds only segments of this log.</param>
    /// <param name="replica">A new replica.</param>
    /// <exception cref="LogDamagedException">The log can't be trusted.</exception>
    public static WriteAheadLog Open(string folder, Replica replica)
    {
        var log = new WriteAheadLog(folder, replica.LogHead);
        try
        {
            log.ReadSegments(replica);
            log.StartSegment();
            log.Sync();
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Appends the records of a turn with one write; those that nothing waits for stay for the next one.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Append(Output output)
    {
        if (output.LogRecords.Count == 0)
            return;
        if (Current.Length > SegmentBytes)
        {
            WriteFrames();
            // A file that has successors must be whole: only the end of the last one may be torn by a loss of power. It may
            // be with the syncing thread, or not be dirty at all; a sync of its own is right in every case.
            Current.Sync();
            unsynced.Remove(Current);
            StartSegment();
        }

        framedRecords = output.RecordCount;
        SequenceNumber highest = Current.Highest;
        foreach ((int offset, int length, SequenceNumber number) in output.LogRecords)
        {
            LogSegment.Frame(frames, Current.Index, Current.Length + frames.Length, output.Record(offset, length));
            if (number > highest)
                highest = number;
        }

        Current.Highest = highest;
        if (output.LogBeforeSending)
            WriteFrames();
    }

    /// <summary>Deletes the segments whose numbers are all at or below <paramref name="stable"/>.</summary>
    public void Truncate(SequenceNumber stable)
    {
        while (segments.Count > 1 && segments[0].Highest <= stable && !unsynced.Contains(segments[0]))
        {
            segments[0].Delete();
            segments.RemoveAt(0);
        }
    }

    /// <summary>Puts everything on disk before it returns.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Sync() => TakeUnsynced().Sync();

    /// <summary>Takes what is to be synced, for another thread to do it.</summary>
    public LogSync TakeUnsynced()
    {
        WriteFrames();
        var sync = new LogSync([.. unsynced.Select(segment => segment.Handle)], folder: null);
        unsynced.Clear();
        return sync;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (segments.Count > 0)
            WriteFrames();
        foreach (LogSegment segment in segments)
            segment.Dispose();
    }

    private static ulong IndexOf(string path) =>
        ulong.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong index)
            ? index
            : throw new LogDamagedException($"{path}: not a file of the log");

    private void ReadSegments(Replica replica)
    {
        ulong[] indexes = [.. Directory.EnumerateFiles(folder, "*.log").Select(IndexOf).Order()];
        List<ReadOnlyMemory<byte>>? lost = null;
        for (int i = 0; i < indexes.Length; i++)
        {
            string path = Path.Combine(folder, LogSegment.NameOf(indexes[i]));
            if (indexes[i] != indexes[0] + (ulong)i)
                throw new LogDamagedException($"{path}: the file before it is missing");
            segments.Add(LogSegment.Open(path, indexes[i], i == indexes.Length - 1, replica.Restore, out lost));
        }

        LostRecords = lost;

        if (!replica.EndRestore())
            throw new LogDamagedException($"{folder}: entries after the last stable checkpoint are missing");

        // Which numbers each holds is not worth remembering: it goes when all that was read now is stable.
        foreach (LogSegment segment in segments)
            segment.Highest = replica.HighestLogged;
        unsynced.AddRange(segments);
    }

    private void StartSegment()
    {
        ulong index = segments.Count == 0 ? 1 : Current.Index + 1;
        segments.Add(LogSegment.Create(folder, index));

        // The file's name must be on disk before anything in it is called synced, by whichever thread.
        new LogSync([], folder).Sync();
        foreach (byte[] record in head())
            LogSegment.Frame(frames, index, frames.Length, record);
        WriteFrames();
    }

    private void WriteFrames()
    {
        if (frames.Length == 0)
            return;
        Current.Append(frames.Written);
        frames.Clear();
        AppendedRecords = framedRecords;
        if (!unsynced.Contains(Current))
            unsynced.Add(Current);
    }
}

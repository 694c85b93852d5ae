using System.Buffers.Binary;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Protocol;
using Agreement.Tests.Protocol;
using static Agreement.Tests.Protocol.ReplicaHarness;

namespace Agreement.Tests.Log;

/// <summary>The agreement log on disk: checksummed, torn tails cut, truncated behind stable checkpoints (DESIGN §5).</summary>
public sealed class WriteAheadLogTests : IDisposable
{
    private readonly LogFolder folder = new();
    private readonly ReplicaHarness backup = new(1);
    private WriteAheadLog? log;

    public void Dispose()
    {
        log?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_reopened_log_restores_the_same_replica()
    {
        Open();
        WriteSomething(numbers: 5);
        string before = backup.Describe();
        Reopen();
        Assert.Equal(before, backup.Describe());
        backup.Deliver(Null(100));
        before = backup.Describe();
        Reopen();
        Assert.Equal(before, backup.Describe());
    }

    [Fact]
    public void A_new_log_is_empty_and_can_be_reopened()
    {
        Open();
        Assert.False(log!.HasUnsynced);
        Reopen();
        Assert.Equal(0ul, backup.Replica.Delivered.Value);
    }

    // A loss of power may tear the end off at any byte: what is whole before it counts, and what follows never was.
    [Fact]
    public void An_end_that_is_torn_anywhere_is_cut_to_the_last_whole_record()
    {
        (string path, byte[] content) = WriteOneSegment();
        for (int length = 0; length < content.Length; length++)
            CheckCut(path, content[..length], WholeRecords(content, length));
    }

    [Fact]
    public void A_torn_end_of_zeros_is_cut()
    {
        (string path, byte[] content) = WriteOneSegment();
        CheckCut(path, [.. content, .. new byte[4096]], WholeRecords(content, content.Length));
    }

    [Fact]
    public void A_flipped_bit_in_the_last_file_cuts_the_log_there()
    {
        (string path, byte[] content) = WriteOneSegment();
        for (int place = 0; place < content.Length; place++)
        {
            byte[] damaged = [.. content];
            damaged[place] ^= (byte)(1 << (place % 8));
            CheckCut(path, damaged, RecordsBefore(content, place));
        }
    }

    [Fact]
    public void A_record_that_was_moved_does_not_verify()
    {
        (string path, byte[] content) = WriteOneSegment();
        int first = LogSegment.HeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(content);
        CheckCut(path, content[first..], 0);
        CheckCut(Path.Combine(folder.Path, LogSegment.NameOf(7)), content, 0);
    }

    [Fact]
    public void Damage_in_an_earlier_file_stops_the_node_with_one_sentence()
    {
        Open();
        WriteSomething(numbers: 3);
        Reopen();
        backup.Deliver(Null(50));
        Close();
        string[] files = folder.Files;
        byte[] first = File.ReadAllBytes(files[0]);
        byte[] second = File.ReadAllBytes(files[1]);
        for (int place = 0; place < first.Length; place += 7)
        {
            byte[] damaged = [.. first];
            damaged[place] ^= 0x10;
            folder.Become((files[0], damaged), (files[1], second));
            var error = Assert.Throws<LogDamagedException>(Reopen);
            Assert.StartsWith(files[0] + ": the record at ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
        }

        // The failed attempts left nothing open or changed.
        folder.Become((files[0], first), (files[1], second));
        Reopen();
        Assert.Equal(4ul, backup.Replica.Delivered.Value);
    }

    [Fact]
    public void A_missing_file_between_others_is_damage()
    {
        Open();
        WriteSomething(numbers: 2);
        Reopen();
        backup.PrePrepare(3, Null(50));
        Reopen();
        Close();
        File.Delete(folder.Files[1]);
        Assert.Contains("the file before it is missing", Assert.Throws<LogDamagedException>(Reopen).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_first_file_that_no_checkpoint_covers_is_damage()
    {
        Open();
        WriteSomething(numbers: 2);
        Reopen();
        backup.Deliver(Null(50));
        Close();
        File.Delete(folder.Files[0]);
        Assert.Contains("missing", Assert.Throws<LogDamagedException>(Reopen).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_strange_file_among_the_segments_is_named()
    {
        File.WriteAllText(Path.Combine(folder.Path, "notes.log"), "hello");
        Assert.Contains("notes.log", Assert.Throws<LogDamagedException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_file_gets_a_successor_and_is_whole_on_disk_before()
    {
        Open();
        Fill(numbers: 20);
        Assert.Equal(2, folder.Files.Length);
        Assert.Equal(1, log!.UnsyncedFiles);
        string before = backup.Describe();
        Reopen();
        Assert.Equal(before, backup.Describe());
    }

    // The second file's own head knows no checkpoint yet, and its first delivery has no predecessor in it.
    [Fact]
    public void Files_behind_a_stable_checkpoint_go_and_the_rest_restores_the_same_replica()
    {
        Open();
        List<Digest> histories = Fill(numbers: 22);
        long full = log!.Bytes;
        log.Sync();
        Certify(backup, 20, histories[19]);
        Assert.Single(folder.Files);
        Assert.True(log.Bytes < full / 2);
        string before = backup.Describe();
        Reopen();
        Assert.Equal(before, backup.Describe());
        Assert.Equal(22ul, backup.Replica.Delivered.Value);
        Assert.Equal(23ul, backup.Deliver(Null(1000)).Orders.Single().Number.Value);
    }

    [Fact]
    public void A_file_that_still_holds_a_number_above_the_checkpoint_stays()
    {
        Open();
        List<Digest> histories = Fill(numbers: 22);
        log!.Sync();
        Certify(backup, 5, histories[4]);
        Assert.Equal(2, folder.Files.Length);
        string before = backup.Describe();
        Reopen();
        Assert.Equal(before, backup.Describe());
    }

    [Fact]
    public void Files_of_former_lives_go_too()
    {
        Open();
        WriteSomething(numbers: 3);
        Reopen();
        Reopen();
        backup.Deliver(Null(19));
        Digest history = backup.Deliver(Null(20)).Orders.Single().History;
        Assert.Equal(3, folder.Files.Length);
        log!.Sync();
        Certify(backup, 5, history);
        Assert.Single(folder.Files);
        Reopen();
        Assert.Equal(5ul, backup.Replica.LowWaterMark.Value);
        Assert.Equal(history, backup.Replica.HistoryDigest);
    }

    [Fact]
    public void The_log_counts_what_was_appended_and_not_what_the_core_is_about_to_append()
    {
        Open();
        var output = new Output();
        AddRecord(output);
        AddRecord(output);
        log!.Append(output);
        Assert.True(log.HasUnsynced);
        AddRecord(output);
        Assert.Equal(3ul, output.RecordCount);
        Assert.Equal(2ul, log.AppendedRecords);
    }

    private static void AddRecord(Output output)
    {
        MessageWriter writer = output.BeginRecord();
        int start = writer.Length;
        writer.WriteByte((byte)LogRecordKind.EnteredView);
        writer.WriteUInt64(0);
        output.EndRecord(start, default);
    }

    private static void Certify(ReplicaHarness backup, ulong number, Digest history)
    {
        backup.Checkpoint(ReplicaHarness.Certify(0, number, history));
        backup.Checkpoint(ReplicaHarness.Certify(1, number, history));
        Assert.Equal(number, backup.Replica.LowWaterMark.Value);
    }

    // As the node does at the end of a turn.
    private void Persist(Output output)
    {
        log!.Append(output);
        if (output.SyncBeforeSending)
            log.Sync();
        if (output.TruncateUpTo.Value > 0)
            log.Truncate(output.TruncateUpTo);
    }

    private void Open()
    {
        log = WriteAheadLog.Open(folder.Path, backup.Replica);
        backup.Persist = Persist;
    }

    private void Reopen()
    {
        Close();
        backup.Restart(replica => log = WriteAheadLog.Open(folder.Path, replica));
    }

    private void Close()
    {
        log?.Dispose();
        log = null;
    }

    private void WriteSomething(int numbers)
    {
        for (int i = 0; i < numbers; i++)
        {
            Request request = Ask(0, (ulong)i + 1);
            backup.Receive(request);
            backup.Deliver(Batch([request], after: i));
        }

        backup.PrePrepare((ulong)numbers + 2, Null(20));
    }

    private List<Digest> Fill(int numbers)
    {
        var histories = new List<Digest>();
        for (int i = 0; i < numbers; i++)
        {
            Request request = Ask(0, (ulong)i + 1, bytes: 500_000);
            backup.Receive(request);
            histories.Add(backup.Deliver(Batch([request], after: i)).Orders.Single().History);
        }

        return histories;
    }

    private (string Path, byte[] Content) WriteOneSegment()
    {
        Open();
        WriteSomething(numbers: 2);
        Close();
        string path = Assert.Single(folder.Files);
        return (path, File.ReadAllBytes(path));
    }

    // Opens a log of one file and compares the replica with one that was given its first records from memory.
    private void CheckCut(string path, byte[] content, int records)
    {
        folder.Become((path, content));
        Reopen();
        string restored = backup.Describe();
        Reopen();
        Assert.Equal(restored, backup.Describe());
        Close();

        backup.Persist = null;
        backup.Restart(replica =>
        {
            foreach (byte[] record in backup.Log.Take(records))
                Assert.True(replica.Restore(record));
            Assert.True(replica.EndRestore());
        });
        Assert.Equal(backup.Describe(), restored);
        backup.Persist = Persist;
    }

    private static int WholeRecords(byte[] content, int length)
    {
        int count = 0;
        int offset = 0;
        while (offset + LogSegment.HeaderBytes <= length)
        {
            offset += LogSegment.HeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(offset));
            if (offset > length)
                break;
            count++;
        }

        return count;
    }

    // Whole records that end at or before this place.
    private static int RecordsBefore(byte[] content, int place) => WholeRecords(content, place);
}

using System.Diagnostics;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Protocol;

namespace Agreement.Tests.Log;

/// <summary>The syncing thread reports what is on disk, and never more.</summary>
public sealed class LogSyncerTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly LogFolder folder = new();
    private readonly EventLoop loop = new();
    private readonly WriteAheadLog log;
    private readonly LogSyncer syncer;
    private readonly Output output = new();
    private readonly List<ulong> reported = [];

    public LogSyncerTests()
    {
        var replica = new Replica(0, new Quorum(1), new ReplicaOptions(), 3, 1, new Protocol.HashSignatures(), Protocol.HashSignatures.Of(PartyId.Agreement(0)));
        log = WriteAheadLog.Open(folder.Path, replica);
        syncer = new LogSyncer(loop, log, reported.Add);
    }

    public void Dispose()
    {
        syncer.Dispose();
        log.Dispose();
        loop.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_request_is_answered_with_the_records_that_were_appended_then()
    {
        Append();
        Append();
        syncer.Request();
        WaitForReports(1);
        Assert.Equal([2ul], reported);
        Assert.False(log.HasUnsynced);
    }

    // Timers and completions run before the end of a turn: the core may have made records that no file holds yet.
    [Fact]
    public void Records_that_were_not_appended_yet_are_not_reported()
    {
        Append();
        AddRecord();
        syncer.Request();
        WaitForReports(1);
        Assert.Equal([1ul], reported);
    }

    [Fact]
    public void Requests_during_a_sync_are_served_by_one_more()
    {
        Append();
        syncer.Request();
        Append();
        syncer.Request();
        Append();
        syncer.Request();
        WaitForReports(2);
        Assert.Equal([1ul, 3ul], reported);
    }

    [Fact]
    public void Nothing_to_sync_is_nothing_to_report()
    {
        syncer.Request();
        loop.RunTurn(0);
        Assert.Empty(reported);
    }

    private void Append()
    {
        AddRecord();
        log.Append(output);
        output.Clear();
    }

    private void AddRecord()
    {
        MessageWriter writer = output.BeginRecord();
        int start = writer.Length;
        writer.WriteByte((byte)LogRecordKind.EnteredView);
        writer.WriteUInt64(0);
        output.EndRecord(start, default);
    }

    private void WaitForReports(int count)
    {
        long start = Stopwatch.GetTimestamp();
        while (reported.Count < count)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "no report of a sync");
            loop.RunTurn(100);
        }
    }
}

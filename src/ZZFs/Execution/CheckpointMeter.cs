using System.Diagnostics;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Execution;

/// <summary>A file service that measures what its checkpoints cost: how long execution stood still, and how long work took beside it.</summary>
/// <param name="service">Does it all; disposed with this.</param>
public sealed class CheckpointMeter(IFileService service) : IFileService
{
    private long pausedTicks;
    private long workedTicks;
    private long droppedTicks;

    /// <summary>Checkpoints that were begun.</summary>
    public ulong Begun { get; private set; }

    /// <inheritdoc/>
    public SequenceNumber LastCheckpoint => service.LastCheckpoint;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> LastCheckpointAnnex => service.LastCheckpointAnnex;

    /// <inheritdoc/>
    public Digest LastCheckpointDigest => service.LastCheckpointDigest;

    /// <inheritdoc/>
    public long DiskBytes => service.DiskBytes;

    /// <inheritdoc/>
    public int RetainedCheckpoints => service.RetainedCheckpoints;

    /// <inheritdoc/>
    public IScrub? BeginScrub() => service.BeginScrub();

    /// <summary>Adds what was measured so far to the counters of a status, times in microseconds.</summary>
    public void AddTo(IDictionary<string, ulong> counters)
    {
        counters["checkpoints"] = Begun;
        counters["snapshots"] = (ulong)RetainedCheckpoints;
        counters["disk-bytes"] = (ulong)DiskBytes;
        counters["checkpoint-pause-us"] = Microseconds(pausedTicks);
        counters["checkpoint-work-us"] = Microseconds(Interlocked.Read(ref workedTicks));
        counters["checkpoint-drop-us"] = Microseconds(droppedTicks);
    }

    /// <inheritdoc/>
    public void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result) =>
        service.Execute(context, operation, result);

    /// <inheritdoc/>
    public void EndSession(SessionId session) => service.EndSession(session);

    /// <inheritdoc/>
    public void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex)
    {
        long start = Stopwatch.GetTimestamp();
        service.BeginCheckpoint(number, time, annex);
        pausedTicks += Stopwatch.GetTimestamp() - start;
        Begun++;
    }

    /// <inheritdoc/>
    public ICheckpointWork PrepareCheckpoint()
    {
        long start = Stopwatch.GetTimestamp();
        var work = new Work(this, service.PrepareCheckpoint());
        pausedTicks += Stopwatch.GetTimestamp() - start;
        return work;
    }

    /// <inheritdoc/>
    public Digest FinishCheckpoint(ICheckpointWork work) => service.FinishCheckpoint(((Work)work).Measured);

    /// <inheritdoc/>
    public void CheckpointIsStable(SequenceNumber number) => service.CheckpointIsStable(number);

    /// <inheritdoc/>
    public bool DropOldCheckpoint()
    {
        long start = Stopwatch.GetTimestamp();
        bool dropped = service.DropOldCheckpoint();
        droppedTicks += Stopwatch.GetTimestamp() - start;
        return dropped;
    }

    /// <inheritdoc/>
    public void Rollback() => service.Rollback();

    /// <inheritdoc/>
    public void Dispose() => service.Dispose();

    private static ulong Microseconds(long ticks) => (ulong)Stopwatch.GetElapsedTime(0, ticks).TotalMicroseconds;

    private sealed class Work(CheckpointMeter meter, ICheckpointWork work) : ICheckpointWork
    {
        public ICheckpointWork Measured => work;

        public SequenceNumber Number => work.Number;

        public void Run()
        {
            long start = Stopwatch.GetTimestamp();
            work.Run();
            Interlocked.Add(ref meter.workedTicks, Stopwatch.GetTimestamp() - start);
        }
    }
}

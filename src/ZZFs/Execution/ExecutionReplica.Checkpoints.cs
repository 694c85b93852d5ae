using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;
using ZZFs.Abstraction;

namespace ZZFs.Execution;

// Reports to the agreement replicas, and checkpoints (DESIGN §6, §8).
public sealed partial class ExecutionReplica
{
    /// <summary>Reports that leave at once when this many have gathered.</summary>
    private const int ReportsTogether = 16;

    /// <summary>How often a checkpoint that is not stable yet is sent again, in milliseconds.</summary>
    private const int CheckpointResendMilliseconds = 500;

    private readonly List<ExecReport> pendingReports = [];

    // Checkpoints that were begun, in order: the state digest of each is not known yet.
    private readonly List<CheckpointState> begun = [];

    // Those whose digest is known, in order, and which are not signed yet.
    private readonly List<CheckpointState> unsigned = [];
    private readonly List<Checkpoint> ownCheckpoints = [];
    private readonly MessageWriter annex = new(4096);
    private SequenceNumber lastCheckpoint;
    private SequenceNumber lastBegun;
    private CheckpointSchedule schedule;

    // The executed number at which a checkpoint is due that can't begin yet, or 0; execution waits there.
    private SequenceNumber due;
    private bool isWaiting;

    // On the first of those that were begun.
    private ICheckpointWork? work;
    private long firstReportAt;
    private long checkpointsSentAt;

    /// <summary>The last checkpoint that f + 1 execution replicas signed alike, this one among them or not.</summary>
    public CheckpointState? StableCheckpoint { get; private set; }

    /// <summary>The last checkpoint whose digest is known here.</summary>
    public SequenceNumber LastCheckpoint => lastCheckpoint;

    /// <summary>How often execution waited because too many checkpoints were unfinished.</summary>
    public ulong CheckpointWaits { get; private set; }

    /// <summary>
    /// The work on a checkpoint, if there is some to begin: the shell does it when it can, best on another thread, and then
    /// calls <see cref="OnCheckpointReady"/>. One at a time.
    /// </summary>
    public ICheckpointWork? TakeWork()
    {
        // Prepared is what a replica goes back to: it must be what no new log incarnation takes back, and that is what
        // 2f + 1 agreement replicas have on disk.
        if (work is not null || begun.Count == 0 || begun[0].Number > durability.Durable)
            return null;
        return work = service.PrepareCheckpoint();
    }

    /// <summary>Work that <see cref="TakeWork"/> handed out is done.</summary>
    public void OnCheckpointReady(ICheckpointWork done)
    {
        // The work of a checkpoint that a new log incarnation abandoned, or that it went back to.
        if (done != work)
            return;
        work = null;
        CheckpointState own = begun[0] with { State = service.FinishCheckpoint(done) };
        begun.RemoveAt(0);
        lastCheckpoint = own.Number;
        AddUnsigned(own);
        SignDurableCheckpoints();
        KeepStable();
        Execute();
    }

    /// <summary>Another execution replica's checkpoint, or the proof of a stable one from an agreement replica.</summary>
    public void OnStableCertificate(in Verified<StableCertificate> message)
    {
        StableCertificate certificate = message.Value;
        if (StableCheckpoint is { } known && certificate.State.Number <= known.Number)
            return;
        if (!certificate.IsValid(quorum, signatures))
        {
            Rejections.Count(Rejection.BadSignature);
            return;
        }

        StableCheckpoint = certificate.State;
        foreach (Checkpoint own in ownCheckpoints)
            CompareWithCertified(own.State);
        foreach (CheckpointState own in unsigned)
            CompareWithCertified(own);
        ownCheckpoints.RemoveAll(own => own.Number <= certificate.State.Number);
        KeepStable();
    }

    private void Report(SequenceNumber number)
    {
        Digest[] replies = [.. replyDigests];
        chain = ExecReport.ExtendChain(chain, number, history, replies);
        if (!IsActive)
            return;
        if (pendingReports.Count == 0)
            firstReportAt = now;
        pendingReports.Add(new ExecReport(logIncarnation, epoch, number, history, chain, replies));
        FlushReports(force: reportsHurry || pendingReports.Count >= ReportsTogether);
    }

    private void FlushReports(bool force)
    {
        if (pendingReports.Count == 0 || (!force && now - firstReportAt < options.ReportMilliseconds))
            return;
        foreach (ExecReport report in pendingReports)
        {
            MessageWriter writer = Output.BeginMessage();
            int start = writer.Length;
            (report with { Epoch = epoch }).Write(writer);
            Output.EndMessage(start, new Recipients(allAgreement, 0, null));
        }

        pendingReports.Clear();
    }

    // Returns whether execution may go on. It waits when so many checkpoints are unfinished that this replica's disk or
    // processor can't keep up; no number may be left out, since all replicas take checkpoints at the same ones.
    private bool CheckpointIfDue()
    {
        if (due.Value == 0)
            return true;
        if (begun.Count >= options.UnfinishedCheckpoints)
        {
            CheckpointWaits += isWaiting ? 0UL : 1;
            isWaiting = true;
            LookAhead();
            return false;
        }

        isWaiting = false;
        WriteAnnex();
        service.BeginCheckpoint(due, lastTimestamp, annex.Written);
        begun.Add(StateAt(due, default, annex.Written));
        lastBegun = due;
        due = default;
        return true;
    }

    // While execution waits, agreement replicas may speak of higher numbers only. f + 1 equal ORDERs tell the history digests
    // there, so that their SYNCED statements can be judged without executing anything.
    private void LookAhead()
    {
        while (queue.TryFind(durability.Known.Next, out Order order, out _)
            && History.Extend(durability.KnownHistory, order.Number, order.Batch.Digest) == order.History)
        {
            durability.Extend(order.Number, order.History);
        }

        ReleaseDurable();
    }

    private CheckpointState StateAt(SequenceNumber number, in Digest state, ReadOnlySpan<byte> annexBytes) => new(
        number, incarnation, epoch, active, lastTimestamp, history, chain, state, Digest.Of(annexBytes));

    private void AddUnsigned(in CheckpointState own)
    {
        unsigned.Add(own);
        CompareWithCertified(own);
    }

    // What was certified is kept for whoever needs it, if it is ours.
    private void KeepStable()
    {
        if (StableCheckpoint is { } certified && certified.Number <= lastCheckpoint && !HasDiverged)
            service.CheckpointIsStable(certified.Number);
    }

    // f + 1 signed another root than ours, a correct replica among them: our state is wrong.
    private void CompareWithCertified(in CheckpointState own)
    {
        if (StableCheckpoint is not { } certified || certified.Number != own.Number || certified == own)
            return;
        Rejections.Count(Rejection.Mismatch);
        HasDiverged = true;
    }

    // What a certificate covers is durable: the files on this replica's disk, and everything up to it on those of 2f + 1
    // agreement replicas.
    private void SignDurableCheckpoints()
    {
        while (!HasDiverged && unsigned.Count > 0 && unsigned[0].Number <= durability.Durable)
        {
            Checkpoint checkpoint = Checkpoint.Create(PartyId.Execution(id), epoch, complete: true, unsigned[0], sign);
            unsigned.RemoveAt(0);
            ownCheckpoints.Add(checkpoint);
            SendCheckpoint(checkpoint, new Recipients(allAgreement, 0, null));
            checkpointsSentAt = now;
        }
    }

    private void SendCheckpoint(Checkpoint checkpoint, in Recipients to)
    {
        if (!IsActive)
            return;
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        checkpoint.Write(writer);
        Output.EndMessage(start, to);
    }

    private void ResendCheckpoints()
    {
        if (ownCheckpoints.Count == 0 || now - checkpointsSentAt < CheckpointResendMilliseconds)
            return;
        checkpointsSentAt = now;
        foreach (Checkpoint checkpoint in ownCheckpoints)
            SendCheckpoint(checkpoint, new Recipients(allAgreement, 0, null));
    }

    // Layout: incarnation (8), epoch (8), active (4), history (32), chain (32), last timestamp (8), the checkpoint before (8),
    // session table.
    private void WriteAnnex()
    {
        annex.Clear();
        annex.WriteUInt64(incarnation.Value);
        annex.WriteUInt64(epoch.Value);
        annex.WriteUInt32(active);
        annex.WriteDigest(history);
        annex.WriteDigest(chain);
        annex.WriteInt64(lastTimestamp.Nanoseconds);
        annex.WriteUInt64(lastBegun.Value);
        sessions.Write(annex);
    }

    private void ReadAnnex(ReadOnlyMemory<byte> bytes)
    {
        var reader = new MessageReader(bytes);
        incarnation = new Incarnation(reader.ReadUInt64());
        epoch = new Epoch(reader.ReadUInt64());
        active = reader.ReadUInt32();
        history = reader.ReadDigest();
        chain = reader.ReadDigest();
        lastTimestamp = new Timestamp(reader.ReadInt64());
        reader.ReadUInt64();
        sessions = SessionTable.Read(ref reader);
        if (!reader.Complete)
            throw new InvalidDataException("the state kept with the last checkpoint can't be read");
    }
}

using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Execution;

// Reports to the agreement replicas, and checkpoints (DESIGN §6, §8).
public sealed partial class ExecutionReplica
{
    /// <summary>Reports that leave at once when this many have gathered.</summary>
    private const int ReportsTogether = 16;

    /// <summary>How often a checkpoint that is not stable yet is sent again, in milliseconds.</summary>
    private const int CheckpointResendMilliseconds = 500;

    private readonly List<ExecReport> pendingReports = [];
    private readonly List<CheckpointState> unsigned = [];
    private readonly List<Checkpoint> ownCheckpoints = [];
    private readonly MessageWriter annex = new(4096);
    private SequenceNumber lastCheckpoint;
    private CheckpointSchedule schedule;

    // The executed number at which a checkpoint is due, or 0: it is taken, and execution goes on, once it is durable.
    private SequenceNumber due;
    private long firstReportAt;
    private long checkpointsSentAt;

    /// <summary>The last checkpoint that f + 1 execution replicas signed alike, this one among them or not.</summary>
    public CheckpointState? StableCheckpoint { get; private set; }

    /// <summary>The last checkpoint taken here.</summary>
    public SequenceNumber LastCheckpoint => lastCheckpoint;

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

    // A store keeps one committed version only. It must be one that no new log incarnation takes back, hence the wait: what
    // 2f + 1 agreement replicas have on disk is in every incarnation. Returns whether execution may go on.
    private bool CheckpointIfDue()
    {
        if (due.Value == 0)
            return true;
        LookAhead();
        if (durability.Durable < due)
            return false;
        WriteAnnex();
        Digest state = service.TakeCheckpoint(due, annex.Written);
        lastCheckpoint = due;
        due = default;
        AddUnsigned(state, annex.Written);
        SignDurableCheckpoints();
        return !HasDiverged;
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

    private void AddUnsigned(in Digest state, ReadOnlySpan<byte> annexBytes)
    {
        var own = new CheckpointState(
            lastCheckpoint, incarnation, epoch, active, lastTimestamp, history, chain, state, Digest.Of(annexBytes));
        unsigned.Add(own);
        CompareWithCertified(own);
    }

    // f + 1 signed another root than ours, a correct replica among them: our state is wrong.
    private void CompareWithCertified(in CheckpointState own)
    {
        if (StableCheckpoint is not { } certified || certified.Number != own.Number || certified == own)
            return;
        Rejections.Count(Rejection.Mismatch);
        HasDiverged = true;
    }

    // What a certificate covers is durable: signed only when 2f + 1 agreement replicas have everything up to it on disk.
    private void SignDurableCheckpoints()
    {
        while (unsigned.Count > 0 && unsigned[0].Number <= durability.Durable)
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

    // Layout: incarnation (8), epoch (8), active (4), history (32), chain (32), last timestamp (8), session table.
    private void WriteAnnex()
    {
        annex.Clear();
        annex.WriteUInt64(incarnation.Value);
        annex.WriteUInt64(epoch.Value);
        annex.WriteUInt32(active);
        annex.WriteDigest(history);
        annex.WriteDigest(chain);
        annex.WriteInt64(lastTimestamp.Nanoseconds);
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
        sessions = SessionTable.Read(ref reader);
        if (!reader.Complete)
            throw new InvalidDataException("the state kept with the last checkpoint can't be read");
    }
}

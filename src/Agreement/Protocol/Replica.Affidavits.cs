using System.Numerics;
using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

// Reports of the execution replicas, and what they serve for: affidavits to clients that an execution replica starves of
// replies (Yin et al., SOSP 2003; DESIGN §6).
public sealed partial class Replica
{
    private readonly AffidavitDesk affidavits;

    // Those that wait until what they vouch for is on 2f + 1 disks.
    private readonly List<(PartyId Client, ReplyAffidavit Affidavit)> heldAffidavits = [];

    /// <summary>What an execution replica answered.</summary>
    public void OnExecReport(in Verified<ExecReport> message)
    {
        int sender = (int)message.Sender.Index;
        ExecReport report = message.Value;
        if (sender >= quorum.ExecutionReplicas)
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        if (!log.Holds(report.Number))
        {
            if (report.Number > log.Horizon)
                Rejections.Count(Rejection.OutsideWindow);
            Digests.Return(report.Replies);
            return;
        }

        LogSlot slot = log[report.Number];
        if (slot.Delivered && !IsPlausible(slot, report))
        {
            Rejections.Count(Rejection.Mismatch);
            return;
        }

        // One that we can't judge yet may be right, and doesn't displace what others say.
        slot.Reports.Add(sender, report);
        CountContradictions(slot, sender, report);
        if (slot.Delivered)
            AffirmUnasked(slot);
    }

    /// <summary>A client wants affidavits without asking for each.</summary>
    public void OnWantAffidavits(in Verified<WantAffidavits> message)
    {
        if (!affidavits.Want(message.Sender.Index, message.Value.Epoch, Epoch))
            Rejections.Count(Rejection.Mismatch);
    }

    /// <summary>An execution replica answers an inquiry of ours.</summary>
    public void OnReplyStatement(in Verified<ReplyStatement> message)
    {
        ReplyStatement statement = message.Value;
        int sender = (int)message.Sender.Index;
        if (sender >= quorum.ExecutionReplicas)
        {
            Rejections.Count(Rejection.WrongSender);
            return;
        }

        // Of an epoch or incarnation that is not ours: either is behind, and the client asks again.
        if (statement.Epoch != Epoch || statement.Incarnation != Incarnation || affidavits.Take(sender, statement) is not { } inquiry)
            return;
        if (!inquiry.IsMatched(statement, ActiveExecution, quorum.Weak) || (inquiry.IsSync && !IsDurable(statement.Number)))
            return;
        inquiry.Forget();
        SendAffidavit(PartyId.Client((int)statement.About.Client), Affirm(statement.About, statement.Number, statement.ResultDigest));
    }

    // The client has no reply though its request was delivered. Either we hold f + 1 matching reports, or we never got them,
    // have them no longer, or lost them in a restart: then we ask for what the slot's reply is.
    private void AffirmAgain(Request request)
    {
        if (!pool.IsRepetition(request, now, AffidavitDesk.IntervalMilliseconds, out SequenceNumber number)
            || affidavits.Begin(request, now) is not { } inquiry)
        {
            return;
        }

        Digest reply = FindReported(request.Digest, number);
        if (reply.IsZero)
            Inquire(inquiry.About);
        else if (!inquiry.IsSync || IsDurable(number))
            SendAffidavit(request.Client, Affirm(inquiry.About, number, reply));
    }

    // The zero digest if f + 1 matching reports are not at hand, or say that nothing was replied there.
    private Digest FindReported(in Digest request, SequenceNumber number)
    {
        if (!log.Holds(number) || log[number] is not { Delivered: true } slot)
            return default;
        for (int i = 0; i < slot.Batch!.Requests.Count; i++)
        {
            if (slot.Batch.Requests[i] == request)
                return slot.Reports.Find(i, TermsOf(slot), quorum.Weak);
        }

        return default;
    }

    // After needing one affidavit a client gets them unasked for the rest of the epoch.
    private void AffirmUnasked(LogSlot slot)
    {
        if (!affidavits.AnyWants(Epoch) || BitOperations.PopCount(slot.Reports.Present) < quorum.Weak)
            return;
        ReportTerms terms = TermsOf(slot);
        for (int i = 0; i < terms.Requests; i++)
        {
            ulong bit = 1ul << i;
            if ((slot.Affirmed & bit) != 0
                || pool.Find(slot.Batch!.Requests[i]) is not { } request
                || !affidavits.Wants(request.Client, Epoch))
            {
                continue;
            }

            Digest reply = slot.Reports.Find(i, terms, quorum.Weak);
            if (reply.IsZero)
                continue;
            slot.Affirmed |= bit;
            var about = new ReplyInquiry(request.Client.Index, request.Session, request.Slot, request.SlotSequence, request.Digest);
            ReplyAffidavit affidavit = Affirm(about, slot.Number, reply);
            if ((request.Flags & RequestFlags.Sync) != 0 && !IsDurable(slot.Number))
                heldAffidavits.Add((request.Client, affidavit));
            else
                SendAffidavit(request.Client, affidavit);
        }
    }

    // No affidavit for an FSYNC leaves before we hold 2f + 1 SYNCED at or above its number. What a stable checkpoint covers
    // was durable before anybody correct signed it.
    private bool IsDurable(SequenceNumber number) => number <= LowWaterMark || number <= DurableNumber();

    private void ReleaseAffidavits()
    {
        if (heldAffidavits.Count == 0)
            return;
        SequenceNumber durable = DurableNumber();
        if (durable < LowWaterMark)
            durable = LowWaterMark;
        int kept = 0;
        for (int i = 0; i < heldAffidavits.Count; i++)
        {
            (PartyId client, ReplyAffidavit affidavit) = heldAffidavits[i];
            if (affidavit.Number <= durable)
                SendAffidavit(client, affidavit);
            else
                heldAffidavits[kept++] = heldAffidavits[i];
        }

        heldAffidavits.RemoveRange(kept, heldAffidavits.Count - kept);
    }

    // An execution replica may execute a number on f + 1 ORDERs of others before we deliver it.
    private void JudgeEarlyReports(LogSlot slot)
    {
        for (uint rest = slot.Reports.Present; rest != 0; rest &= rest - 1)
        {
            if (!IsPlausible(slot, slot.Reports[BitOperations.TrailingZeroCount(rest)]))
                Rejections.Count(Rejection.Mismatch);
        }

        if (slot.Reports.Present != 0)
            AffirmUnasked(slot);
    }

    // Under another incarnation another history may be right.
    private bool IsPlausible(LogSlot slot, in ExecReport report) =>
        report.Incarnation != Incarnation
        || (report.History == slot.History && report.Replies.Length == slot.Batch!.Requests.Count);

    private void CountContradictions(LogSlot slot, int sender, in ExecReport report)
    {
        for (uint rest = slot.Reports.Present & ~(1u << sender); rest != 0; rest &= rest - 1)
        {
            ref readonly ExecReport other = ref slot.Reports[BitOperations.TrailingZeroCount(rest)];
            if (other.Incarnation == report.Incarnation && other.Chain != report.Chain)
                Rejections.Count(Rejection.Mismatch);
        }
    }

    private ReportTerms TermsOf(LogSlot slot) => new(Incarnation, Epoch, ActiveExecution, slot.History, slot.Batch!.Requests.Count);

    private ReplyAffidavit Affirm(in ReplyInquiry about, SequenceNumber number, in Digest reply) =>
        new(Incarnation, about.Session, about.Slot, about.SlotSequence, about.RequestDigest, number, reply);

    private void SendAffidavit(PartyId client, in ReplyAffidavit affidavit)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        affidavit.Write(writer);
        Output.EndMessage(start, Recipients.One(client));
    }

    private void Inquire(in ReplyInquiry about)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        about.Write(writer);
        Output.EndMessage(start, new Recipients(0, ActiveExecution, null));
    }
}

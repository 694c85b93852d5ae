using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Execution;

// For clients that another execution replica starves of replies (DESIGN §6).
public sealed partial class ExecutionReplica
{
    // Per client the epoch for whose rest it lives on affidavits, if any. Not replicated: only what is sent depends on it.
    private readonly Epoch?[] starvedIn;

    // Affidavits follow from reports: those about a starved client's request are on the way to its reply.
    private bool reportsHurry;

    /// <summary>A client wants every reply in full for the rest of an epoch.</summary>
    public void OnWantAffidavits(in Verified<WantAffidavits> message)
    {
        if (message.Sender.Index < starvedIn.Length)
            starvedIn[message.Sender.Index] = message.Value.Epoch;
        else
            Rejections.Count(Rejection.WrongSender);
    }

    /// <summary>
    /// An agreement replica asks for the digest of a slot's last reply. It may be told before what it covers is durable, as in
    /// reports: the one who asks waits for that itself.
    /// </summary>
    public void OnReplyInquiry(in Verified<ReplyInquiry> message)
    {
        ReplyInquiry about = message.Value;
        if (!IsActive || FindSlot(about.Client, about.Session, about.Slot) is not { } slot
            || slot.Sequence != about.SlotSequence || slot.RequestDigest != about.RequestDigest)
        {
            return;
        }

        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new ReplyStatement(logIncarnation, epoch, about, slot.Number, slot.ResultDigest).Write(writer);
        Output.EndMessage(start, Recipients.One(message.Sender));
    }

    private bool IsStarved(PartyId client) => starvedIn[client.Index] == epoch;
}

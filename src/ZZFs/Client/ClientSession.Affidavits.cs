using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Client;

// Affidavits of agreement replicas, for a client that some execution replica starves of replies (DESIGN §6).
public sealed partial class ClientSession
{
    /// <summary>Least time between two wishes for one full reply, in milliseconds: one may be on its way.</summary>
    private const long BodyMilliseconds = 50;

    // The epoch in which an affidavit was needed last. For the rest of it they come unasked, and replies in full.
    private Epoch? starvedIn;

    /// <summary>Results that were certified by affidavits, not by matching replies.</summary>
    public ulong AffirmedResults { get; private set; }

    /// <summary>Whether affidavits come unasked in this epoch.</summary>
    public bool IsStarved => cluster.Current is { } state && starvedIn == state.Epoch;

    /// <summary>An agreement replica vouches for the reply to a request; any execution replica may give it in full.</summary>
    public void OnReplyAffidavit(in Verified<ReplyAffidavit> message)
    {
        ReplyAffidavit affidavit = message.Value;
        if (FindPending(affidavit.Session, affidavit.Slot) is not { Request: { } request } pending
            || affidavit.SlotSequence != request.SlotSequence
            || affidavit.RequestDigest != request.Digest
            || affidavit.Incarnation.CompareTo(openedIn) < 0)
        {
            return;
        }

        ReadOnlyMemory<byte>? certified = pending.Collector!.Add((int)message.Sender.Index, affidavit);
        if (certified is { } bytes)
            Complete(pending, bytes);
        else if (pending.Collector.LacksBody)
            FetchBody(pending);
    }

    private void FetchBody(PendingRequest pending)
    {
        if (pending.BodyAskedAt is not { } asked || now - asked >= BodyMilliseconds)
            SendFetchReply(pending, ActiveExecution);
    }

    private void BecomeStarved()
    {
        AffirmedResults++;
        if (IsStarved)
            return;
        starvedIn = cluster.Current!.Value.Epoch;
        SendWant(new Recipients(allAgreement, ActiveExecution, null));
    }

    private void SendWant(in Recipients to)
    {
        MessageWriter writer = Output.BeginMessage();
        int start = writer.Length;
        new WantAffidavits(starvedIn!.Value).Write(writer);
        Output.EndMessage(start, to);
    }
}

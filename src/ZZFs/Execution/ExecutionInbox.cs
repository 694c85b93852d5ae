using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Execution;

/// <summary>
/// Parses what arrives on an execution replica's authenticated links and hands it to the core; who may send what is
/// decided here, once. Pure; the shell and the simulator use the same.
/// </summary>
public sealed class ExecutionInbox(ExecutionReplica replica)
{
    /// <summary>Handles one message. Input of any content is safe; what is wrong is counted.</summary>
    public void Deliver(PartyId from, ReadOnlyMemory<byte> message)
    {
        var reader = new MessageReader(message);
        var kind = (MessageKind)reader.ReadByte();
        bool accepted = from.Role switch
        {
            PartyRole.Agreement => FromAgreement(from, kind, ref reader),
            PartyRole.Client => FromClient(from, kind, message, ref reader),
            _ => false,
        };
        if (!accepted)
            replica.Rejections.Count(Rejection.Malformed);
    }

    private bool FromAgreement(PartyId from, MessageKind kind, ref MessageReader reader)
    {
        switch (kind)
        {
            case MessageKind.Order when Order.TryRead(ref reader, out Order order):
                replica.OnOrder(Verified<Order>.OverLink(from, order));
                return true;
            case MessageKind.Bodies when Bodies.TryRead(ref reader, out Bodies bodies):
                replica.OnBodies(Verified<Bodies>.OverLink(from, bodies));
                return true;
            case MessageKind.Synced when Synced.TryRead(ref reader, out Synced synced):
                replica.OnSynced(Verified<Synced>.OverLink(from, synced));
                return true;
            case MessageKind.StableCertificate when StableCertificate.TryRead(ref reader, out StableCertificate certificate):
                replica.OnStableCertificate(Verified<StableCertificate>.OverLink(from, certificate));
                return true;
            case MessageKind.ReplyInquiry when ReplyInquiry.TryRead(ref reader, out ReplyInquiry inquiry):
                replica.OnReplyInquiry(Verified<ReplyInquiry>.OverLink(from, inquiry));
                return true;
            case MessageKind.ClusterState:
                // Epochs change by ordered entries, which execution replicas see for themselves.
                return ClusterState.TryRead(ref reader, out _);
            default:
                return false;
        }
    }

    private bool FromClient(PartyId from, MessageKind kind, ReadOnlyMemory<byte> message, ref MessageReader reader)
    {
        switch (kind)
        {
            case MessageKind.Request when Request.TryParse(message.ToArray()) is { } request:
                replica.OnRequest(Verified<Request>.OverLink(from, request));
                return true;
            case MessageKind.FetchReply when FetchReply.TryRead(ref reader, out FetchReply fetch):
                replica.OnFetchReply(Verified<FetchReply>.OverLink(from, fetch));
                return true;
            case MessageKind.WantAffidavits when WantAffidavits.TryRead(ref reader, out WantAffidavits wish):
                replica.OnWantAffidavits(Verified<WantAffidavits>.OverLink(from, wish));
                return true;
            default:
                return false;
        }
    }
}

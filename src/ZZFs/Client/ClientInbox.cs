using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Protocol;

namespace ZZFs.Client;

/// <summary>Parses what arrives on a client's authenticated links and hands it to the core. Pure.</summary>
public sealed class ClientInbox(ClientSession session)
{
    /// <summary>Handles one message. Input of any content is safe; what is wrong is counted.</summary>
    public void Deliver(PartyId from, ReadOnlyMemory<byte> message)
    {
        var reader = new MessageReader(message);
        var kind = (MessageKind)reader.ReadByte();
        switch (from.Role, kind)
        {
            case (PartyRole.Execution, MessageKind.Reply) when Reply.TryRead(ref reader, out Reply reply):
                session.OnReply(Verified<Reply>.OverLink(from, reply));
                break;
            case (PartyRole.Agreement, MessageKind.ReplyAffidavit) when ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit affidavit):
                session.OnReplyAffidavit(Verified<ReplyAffidavit>.OverLink(from, affidavit));
                break;
            case (PartyRole.Agreement, MessageKind.ClusterState) when ClusterState.TryRead(ref reader, out ClusterState state):
                session.OnClusterState(Verified<ClusterState>.OverLink(from, state));
                break;
            default:
                session.Rejections.Count(Rejection.Malformed);
                break;
        }
    }
}

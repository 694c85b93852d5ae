using Agreement.Crypto;
using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// Parses what arrives on an agreement replica's authenticated links and hands it to the core: who may send what is
/// decided here, once. Pure; the shell and the simulator use the same.
/// </summary>
public sealed class AgreementInbox(Replica replica)
{
    /// <summary>Handles one message. Input of any content is safe; what is wrong is counted.</summary>
    public void Deliver(PartyId from, ReadOnlyMemory<byte> message)
    {
        var reader = new MessageReader(message);
        var kind = (MessageKind)reader.ReadByte();
        bool accepted = from.Role switch
        {
            PartyRole.Agreement when kind == MessageKind.Request => Forwarded(from, message),
            PartyRole.Agreement => FromAgreement(from, kind, ref reader),
            PartyRole.Execution => FromExecution(from, kind, ref reader),
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
            case MessageKind.PrePrepare when PrePrepare.TryRead(ref reader, out PrePrepare proposed, replica.Batches):
                replica.OnPrePrepare(Verified<PrePrepare>.OverLink(from, proposed));
                return true;
            case MessageKind.Prepare when Vote.TryRead(ref reader, out Vote vote):
                replica.OnPrepare(Verified<Vote>.OverLink(from, vote));
                return true;
            case MessageKind.Commit when Vote.TryRead(ref reader, out Vote vote):
                replica.OnCommit(Verified<Vote>.OverLink(from, vote));
                return true;
            case MessageKind.Held when Held.TryRead(ref reader, out Held held):
                replica.OnHeld(Verified<Held>.OverLink(from, held));
                return true;
            case MessageKind.Committed when Order.TryRead(ref reader, out Order statement):
                replica.OnCommitted(Verified<Order>.OverLink(from, statement));
                return true;
            case MessageKind.Progress when Progress.TryRead(ref reader, out Progress progress):
                replica.OnProgress(Verified<Progress>.OverLink(from, progress));
                return true;
            case MessageKind.StableCertificate when StableCertificate.TryRead(ref reader, out StableCertificate certificate):
                replica.OnStableCertificate(Verified<StableCertificate>.OverLink(from, certificate));
                return true;
            case MessageKind.Bodies when Bodies.TryRead(ref reader, out Bodies bodies):
                replica.OnBodies(Verified<Bodies>.OverLink(from, bodies));
                return true;
            case MessageKind.FetchBodies when FetchBodies.TryRead(ref reader, out FetchBodies fetch):
                replica.OnFetchBodies(Verified<FetchBodies>.OverLink(from, fetch));
                return true;
            case MessageKind.Synced when Synced.TryRead(ref reader, out Synced synced):
                replica.OnSynced(Verified<Synced>.OverLink(from, synced));
                return true;
            case MessageKind.Recover when Recover.TryRead(ref reader, out Recover recover):
                replica.OnRecover(Verified<Recover>.OverLink(from, recover));
                return true;
            default:
                return FromAgreementInViewChange(from, kind, ref reader);
        }
    }

    private bool FromAgreementInViewChange(PartyId from, MessageKind kind, ref MessageReader reader)
    {
        switch (kind)
        {
            case MessageKind.WantView when WantView.TryRead(ref reader, out WantView wanted):
                replica.OnWantView(Verified<WantView>.OverLink(from, wanted));
                return true;
            case MessageKind.FetchProposals when FetchProposals.TryRead(ref reader, out FetchProposals wanted):
                replica.OnFetchProposals(Verified<FetchProposals>.OverLink(from, wanted));
                return true;
            case MessageKind.ViewChange when ViewChange.TryRead(ref reader, out ViewChange change):
                replica.OnViewChange(Verified<ViewChange>.OverLink(from, change));
                return true;
            case MessageKind.NewView when NewView.TryRead(ref reader, out NewView newView):
                replica.OnNewView(Verified<NewView>.OverLink(from, newView));
                return true;
            case MessageKind.FetchBatch when FetchBatch.TryRead(ref reader, out FetchBatch fetch):
                replica.OnFetchBatch(Verified<FetchBatch>.OverLink(from, fetch));
                return true;
            case MessageKind.ProposedBatch when ProposedBatch.TryRead(ref reader, out ProposedBatch proposed):
                replica.OnProposedBatch(Verified<ProposedBatch>.OverLink(from, proposed));
                return true;
            default:
                return false;
        }
    }

    private bool FromExecution(PartyId from, MessageKind kind, ref MessageReader reader)
    {
        switch (kind)
        {
            case MessageKind.ExecReport when ExecReport.TryRead(ref reader, out ExecReport report, replica.Digests):
                replica.OnExecReport(Verified<ExecReport>.OverLink(from, report));
                return true;
            case MessageKind.ReplyStatement when ReplyStatement.TryRead(ref reader, out ReplyStatement statement):
                replica.OnReplyStatement(Verified<ReplyStatement>.OverLink(from, statement));
                return true;
            case MessageKind.Checkpoint when Checkpoint.TryRead(ref reader, out Checkpoint checkpoint):
                replica.OnCheckpoint(Verified<Checkpoint>.OverLink(from, checkpoint));
                return true;
            case MessageKind.FetchOrders when FetchOrders.TryRead(ref reader, out FetchOrders fetch):
                replica.OnFetchOrders(Verified<FetchOrders>.OverLink(from, fetch));
                return true;
            case MessageKind.FetchBodies when FetchBodies.TryRead(ref reader, out FetchBodies fetch):
                replica.OnFetchBodies(Verified<FetchBodies>.OverLink(from, fetch));
                return true;
            default:
                return false;
        }
    }

    private bool FromClient(PartyId from, MessageKind kind, ReadOnlyMemory<byte> message, ref MessageReader reader)
    {
        switch (kind)
        {
            // The body outlives the link's buffer, so it is copied once, here.
            case MessageKind.Request when replica.Requests.TryTake(message.Span) is { } request:
                replica.OnRequest(Verified<Request>.OverLink(from, request));
                return true;
            case MessageKind.WantAffidavits when WantAffidavits.TryRead(ref reader, out WantAffidavits wish):
                replica.OnWantAffidavits(Verified<WantAffidavits>.OverLink(from, wish));
                return true;
            case MessageKind.FetchClusterState when FetchClusterState.TryRead(ref reader, out FetchClusterState fetch):
                replica.OnFetchClusterState(Verified<FetchClusterState>.OverLink(from, fetch));
                return true;
            default:
                return false;
        }
    }

    private bool Forwarded(PartyId from, ReadOnlyMemory<byte> message)
    {
        if (replica.Requests.TryTake(message.Span) is not { } request)
            return false;
        replica.OnForwarded(Verified<Request>.OverLink(from, request));
        return true;
    }
}

using Agreement.Messages;

namespace Simulation;

// What is seen from outside while the world turns.
internal sealed partial class World
{
    private void Watch(PartyId from, byte[] bytes)
    {
        var reader = new MessageReader(bytes);
        switch ((MessageKind)reader.ReadByte())
        {
            case MessageKind.Order or MessageKind.Committed when Order.TryRead(ref reader, out Order order):
                checkers.Ordered(from, order);
                break;
            case MessageKind.Checkpoint when from.Role == PartyRole.Execution && Checkpoint.TryRead(ref reader, out Checkpoint checkpoint):
                if (!((ExecutionParty)parties[from]).Service.IsPrepared(checkpoint.Number))
                    throw new SimulationFailure($"{from} signs {checkpoint.Number}, whose files are not on its disk");
                checkers.Rooted(from, checkpoint);
                CheckDurable(from, ((ExecutionParty)parties[from]).Replica.LogIncarnation, checkpoint.Number);
                break;
            case MessageKind.Request when Request.TryParse(bytes) is { } request && request.Flags.HasFlag(RequestFlags.Sync):
                syncs.Add(request.Digest);
                break;
            case MessageKind.Reply when Reply.TryRead(ref reader, out Reply reply) && syncs.Contains(reply.RequestDigest):
                CheckDurable(from, reply.Incarnation, reply.Number);
                break;
            case MessageKind.ReplyAffidavit when ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit affidavit) && syncs.Contains(affidavit.RequestDigest):
                CheckDurable(from, affidavit.Incarnation, affidavit.Number);
                break;
            case MessageKind.Prepare or MessageKind.Commit when Vote.TryRead(ref reader, out Vote vote):
                CheckVote((AgreementParty)parties[from], vote);
                break;
            case MessageKind.StableCertificate when StableCertificate.TryRead(ref reader, out StableCertificate certificate):
                if (certificate.Checkpoints.Where(signed => signed.Complete).Select(signed => signed.Sender).Distinct().Count() < quorum.Weak)
                    throw new SimulationFailure($"{from} cuts its log at {certificate.State.Number} with too few complete signatures");
                break;
            default:
                break;
        }
    }

    // What replicas let out as durable is on the disks of 2f + 1, liars counted as holding everything.
    private void CheckDurable(PartyId from, Incarnation incarnation, SequenceNumber number)
    {
        checkers.Durable(incarnation, number);
        int holders = parties.Values.OfType<AgreementParty>()
            .Count(replica => liars.ContainsKey(replica.Id) || replica.HighestSynced >= number);
        if (holders < quorum.Strong)
            throw new SimulationFailure($"{from} calls {number} durable, but only {holders} disks have it");
    }

    private static void CheckVote(AgreementParty voter, in Vote vote)
    {
        if (voter.Replica.IsAmnesic)
            throw new SimulationFailure($"{voter.Id} votes at {vote.Number}, though it may have lost votes");
        if (vote.Number > voter.HighWaterMark)
            throw new SimulationFailure($"{voter.Id} votes at {vote.Number}, above its high water mark");
    }
}

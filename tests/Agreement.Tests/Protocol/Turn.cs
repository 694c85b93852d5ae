using Agreement.Messages;
using Agreement.Protocol;

namespace Agreement.Tests.Protocol;

/// <summary>One message that a core sent.</summary>
internal sealed record SentMessage(MessageKind Kind, Recipients To, byte[] Bytes)
{
    /// <summary>Whether it goes to this party (too).</summary>
    public bool GoesTo(PartyId party) => party.Role switch
    {
        PartyRole.Agreement => (To.Agreement & (1u << (int)party.Index)) != 0,
        PartyRole.Execution => (To.Execution & (1u << (int)party.Index)) != 0,
        _ => To.Client == party,
    };
}

/// <summary>What a core wanted done after one step: its output, copied and decoded.</summary>
internal sealed class Turn
{
    private delegate bool Parser<T>(ref MessageReader reader, out T message);

    /// <summary>Copies a core's output and clears it, as a shell does when it has carried it out.</summary>
    public static Turn Take(Output output)
    {
        var turn = new Turn
        {
            Messages = [.. output.Messages.Select(message =>
            {
                byte[] bytes = output.MessageBytes(message).ToArray();
                return new SentMessage((MessageKind)bytes[0], message.To, bytes);
            })],
            Records = [.. output.LogRecords.Select(record => output.Record(record.Offset, record.Length).ToArray())],
            SyncWanted = output.SyncWanted,
            SyncBeforeSending = output.SyncBeforeSending,
            TruncateUpTo = output.TruncateUpTo,
        };
        output.Clear();
        return turn;
    }

    public required IReadOnlyList<SentMessage> Messages { get; init; }

    public required IReadOnlyList<byte[]> Records { get; init; }

    public bool SyncWanted { get; private init; }

    public bool SyncBeforeSending { get; private init; }

    public SequenceNumber TruncateUpTo { get; private init; }

    public IReadOnlyList<LogRecordKind> RecordKinds => [.. Records.Select(record => (LogRecordKind)record[0])];

    public IReadOnlyList<Vote> Prepares => Decode<Vote>(MessageKind.Prepare, Vote.TryRead);

    public IReadOnlyList<Vote> Commits => Decode<Vote>(MessageKind.Commit, Vote.TryRead);

    public IReadOnlyList<PrePrepare> PrePrepares => Decode<PrePrepare>(MessageKind.PrePrepare, PrePrepare.TryRead);

    public IReadOnlyList<Order> Orders => Decode<Order>(MessageKind.Order, Order.TryRead);

    public IReadOnlyList<Order> Statements => Decode<Order>(MessageKind.Committed, Order.TryRead);

    public IReadOnlyList<Synced> Synced => Decode<Synced>(MessageKind.Synced, Agreement.Messages.Synced.TryRead);

    public IReadOnlyList<FetchBodies> BodyRequests => Decode<FetchBodies>(MessageKind.FetchBodies, FetchBodies.TryRead);

    public IReadOnlyList<Bodies> Bodies => Decode<Bodies>(MessageKind.Bodies, Agreement.Messages.Bodies.TryRead);

    public IReadOnlyList<Progress> Progress => Decode<Progress>(MessageKind.Progress, Agreement.Messages.Progress.TryRead);

    public IReadOnlyList<StableCertificate> Certificates => Decode<StableCertificate>(MessageKind.StableCertificate, StableCertificate.TryRead);

    public IReadOnlyList<ClusterState> ClusterStates => Decode<ClusterState>(MessageKind.ClusterState, ClusterState.TryRead);

    public IReadOnlyList<FetchOrders> OrderRequests => Decode<FetchOrders>(MessageKind.FetchOrders, FetchOrders.TryRead);

    public IReadOnlyList<FetchProposals> ProposalRequests => Decode<FetchProposals>(MessageKind.FetchProposals, FetchProposals.TryRead);

    public IReadOnlyList<Reply> Replies => Decode<Reply>(MessageKind.Reply, Reply.TryRead);

    public IReadOnlyList<FetchReply> ReplyRequests => Decode<FetchReply>(MessageKind.FetchReply, FetchReply.TryRead);

    public IReadOnlyList<ExecReport> Reports => Decode<ExecReport>(MessageKind.ExecReport, ExecReport.TryRead);

    public IReadOnlyList<ReplyAffidavit> Affidavits => Decode<ReplyAffidavit>(MessageKind.ReplyAffidavit, ReplyAffidavit.TryRead);

    public IReadOnlyList<WantAffidavits> WishesForAffidavits => Decode<WantAffidavits>(MessageKind.WantAffidavits, WantAffidavits.TryRead);

    public IReadOnlyList<ReplyInquiry> Inquiries => Decode<ReplyInquiry>(MessageKind.ReplyInquiry, ReplyInquiry.TryRead);

    public IReadOnlyList<ReplyStatement> ReplyStatements => Decode<ReplyStatement>(MessageKind.ReplyStatement, ReplyStatement.TryRead);

    public IReadOnlyList<Checkpoint> Checkpoints => Decode<Checkpoint>(MessageKind.Checkpoint, Checkpoint.TryRead);

    public IReadOnlyList<WantView> Wants => Decode<WantView>(MessageKind.WantView, WantView.TryRead);

    public IReadOnlyList<ViewChange> ViewChanges => Decode<ViewChange>(MessageKind.ViewChange, ViewChange.TryRead);

    public IReadOnlyList<NewView> NewViews => Decode<NewView>(MessageKind.NewView, NewView.TryRead);

    public IReadOnlyList<FetchBatch> BatchRequests => Decode<FetchBatch>(MessageKind.FetchBatch, FetchBatch.TryRead);

    public IReadOnlyList<Recover> Recovers => Decode<Recover>(MessageKind.Recover, Recover.TryRead);

    public IReadOnlyList<Request> Requests =>
        [.. Of(MessageKind.Request).Select(message => Request.TryParse(message.Bytes)!)];

    public IEnumerable<SentMessage> Of(MessageKind kind) => Messages.Where(message => message.Kind == kind);

    private List<T> Decode<T>(MessageKind kind, Parser<T> parse)
    {
        var decoded = new List<T>();
        foreach (SentMessage message in Of(kind))
        {
            var reader = new MessageReader(message.Bytes);
            reader.ReadByte();
            Assert.True(parse(ref reader, out T value));
            decoded.Add(value);
        }

        return decoded;
    }
}

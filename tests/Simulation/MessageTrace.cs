using Agreement.Messages;

namespace Simulation;

/// <summary>One line for a message, for people who read a trace.</summary>
internal static class MessageTrace
{
    public static string Describe(byte[] bytes)
    {
        var reader = new MessageReader(bytes);
        var kind = (MessageKind)reader.ReadByte();
        return kind switch
        {
            MessageKind.PrePrepare when PrePrepare.TryRead(ref reader, out PrePrepare message) =>
                $"PRE-PREPARE view {message.View} number {message.Number} batch {Short(message.Batch.Digest)} requests {message.Batch.Requests.Count}",
            MessageKind.Prepare or MessageKind.Commit when Vote.TryRead(ref reader, out Vote vote) =>
                $"{(kind == MessageKind.Prepare ? "PREPARE" : "COMMIT")} view {vote.View} number {vote.Number} batch {Short(vote.Batch)}",
            MessageKind.Order or MessageKind.Committed when Order.TryRead(ref reader, out Order order) =>
                $"{(kind == MessageKind.Order ? "ORDER" : "COMMITTED")} incarnation {order.Incarnation} number {order.Number} batch {Short(order.Batch.Digest)} history {Short(order.History)}",
            MessageKind.Progress when Progress.TryRead(ref reader, out Progress progress) =>
                $"PROGRESS view {progress.View}{(progress.InView ? "" : " pending")} low {progress.LowWaterMark} delivered {progress.Delivered} ceiling {progress.Ceiling}",
            MessageKind.Synced when Synced.TryRead(ref reader, out Synced synced) => $"SYNCED number {synced.Number} history {Short(synced.History)}",
            MessageKind.WantView when WantView.TryRead(ref reader, out WantView wanted) => $"WANT-VIEW {wanted.View}",
            MessageKind.ViewChange when ViewChange.TryRead(ref reader, out ViewChange change) =>
                $"VIEW-CHANGE view {change.View} low {change.LowWaterMark} entries {change.Entries.Count}{(change.Amnesic ? " amnesic" : "")}",
            MessageKind.NewView when NewView.TryRead(ref reader, out NewView announced) =>
                $"NEW-VIEW view {announced.View} of {string.Join(' ', announced.ViewChanges.Select(change => change.Sender))}",
            MessageKind.Request when Request.TryParse(bytes) is { } request =>
                $"REQUEST {request.Client} session {request.Session} slot {request.Slot} sequence {request.SlotSequence} digest {Short(request.Digest)}",
            MessageKind.Reply when Reply.TryRead(ref reader, out Reply reply) =>
                $"REPLY session {reply.Session} slot {reply.Slot} sequence {reply.SlotSequence} number {reply.Number} epoch {reply.Epoch}",
            MessageKind.ReplyAffidavit when ReplyAffidavit.TryRead(ref reader, out ReplyAffidavit affidavit) =>
                $"REPLY-AFFIDAVIT session {affidavit.Session} slot {affidavit.Slot} sequence {affidavit.SlotSequence} number {affidavit.Number} result {Short(affidavit.ResultDigest)}",
            MessageKind.ExecReport when ExecReport.TryRead(ref reader, out ExecReport report) =>
                $"EXEC-REPORT number {report.Number} epoch {report.Epoch} replies {report.Replies.Length}",
            MessageKind.Checkpoint when Checkpoint.TryRead(ref reader, out Checkpoint checkpoint) =>
                $"CHECKPOINT number {checkpoint.Number} root {Short(checkpoint.Root)}",
            _ => $"{kind} {bytes.Length} bytes",
        };
    }

    private static string Short(Digest digest) => digest.ToString()[..8];
}

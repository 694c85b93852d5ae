using System.Security.Cryptography.X509Certificates;
using Agreement.Messages;
using Agreement.Node;
using Grpc.Core;

namespace Agreement.Control;

/// <summary>Serves a replica's status.</summary>
internal sealed class NodeService(INodeStatusSource source, ControlCounters counters) : Wire.Node.NodeBase
{
    public override Task<Wire.NodeReply> GetStatus(Wire.StatusRequest request, ServerCallContext context)
    {
        var report = new NodeReport(source.Current, ProcessUsage.OfThisProcess());
        Wire.NodeReply reply = ReportCodec.Encode(report);
        foreach ((string name, ulong count) in counters.Snapshot())
            reply.Counters[name] = count;
        return Task.FromResult(reply);
    }

    public override Task<Wire.ScrubReply> Scrub(Wire.ScrubRequest request, ServerCallContext context) => source is IScrubSource scrubbed
        ? Task.FromResult(ReportCodec.Encode(scrubbed.Scrub(request.Begin ? new SequenceNumber(request.Checkpoint) : null)))
        : throw new RpcException(new Status(StatusCode.Unimplemented, "has no store"));
}

/// <summary>Serves a controller's status, and takes votes for it.</summary>
internal sealed class ControllerService(IControllerStatusSource source, IVoteSink votes, CallerTurns turns, ControlCounters counters)
    : Wire.Controller.ControllerBase
{
    public override Task<Wire.ControllerReply> GetStatus(Wire.StatusRequest request, ServerCallContext context)
    {
        ControllerStatus status = source.Current;
        ProcessUsage? replica = status.ReplicaProcess is { } process ? ProcessUsage.Of(process) : null;
        Wire.ControllerReply reply = ReportCodec.Encode(new ControllerReport(status, ProcessUsage.OfThisProcess(), replica));
        foreach ((string name, ulong count) in counters.Snapshot())
            reply.Counters[name] = count;
        return Task.FromResult(reply);
    }

    public override Task<Wire.VotesReply> TakeVotes(Wire.VotesRequest request, ServerCallContext context)
    {
        if (request.Votes.Count > Limits.MaximumVotesPerCall)
            throw new RpcException(new Status(StatusCode.InvalidArgument, "too many votes in one call"));
        X509Certificate2 caller = context.GetHttpContext().Connection.ClientCertificate
            ?? throw new RpcException(new Status(StatusCode.Unauthenticated, "no certificate"));
        if (!turns.TryBegin(caller))
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "another call of yours is being served"));
        try
        {
            WakeOrder? order = votes.Take([.. request.Votes.Select(vote => vote.Memory)]);
            return Task.FromResult(new Wire.VotesReply { Order = ReportCodec.Encode(order) });
        }
        finally
        {
            turns.End(caller);
        }
    }
}

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

/// <summary>Serves a controller's status.</summary>
internal sealed class ControllerService(IControllerStatusSource source, ControlCounters counters) : Wire.Controller.ControllerBase
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
}

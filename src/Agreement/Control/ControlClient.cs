using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Messages;
using Agreement.Node;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agreement.Control;

/// <summary>Calls the control plane of one node. Every call has a bound in time: a frozen node accepts and never answers.</summary>
public sealed class ControlClient : IDisposable
{
    private const int MaximumMessageBytes = 64 << 10;
    private readonly GrpcChannel channel;
    private readonly PartyId party;

    /// <summary>Prepares for calls; connects on the first.</summary>
    /// <param name="cluster">Says where the node is and pins its certificate.</param>
    /// <param name="party">The node, one with a control address.</param>
    /// <param name="certificate">The caller's, with its private key; stays the caller's.</param>
    public ControlClient(ClusterFile cluster, PartyId party, X509Certificate2 certificate)
    {
        IPEndPoint address = cluster.ControlOf(party) ?? throw new ArgumentException($"{party} has no control address", nameof(party));
        this.party = party;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            SslOptions = PinnedCertificates.ForClient(certificate, cluster.Find(party)!.Certificate),
        };
        channel = GrpcChannel.ForAddress(
            $"https://{address}",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = MaximumMessageBytes });
    }

    /// <summary>Asks a replica for its status.</summary>
    /// <exception cref="ControlException">No answer in time, refused, or nonsense.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public async Task<NodeReport> GetNodeStatusAsync(TimeSpan timeout, CancellationToken cancellation = default)
    {
        NodeReport report = ReportCodec.Decode(await CallAsync(new Wire.Node.NodeClient(channel).GetStatusAsync, timeout, cancellation));
        return report.Status.Id == party ? report : throw new ControlException($"calls itself {report.Status.Id}");
    }

    /// <summary>Asks a controller for its status; errors as for a replica.</summary>
    public async Task<ControllerReport> GetControllerStatusAsync(TimeSpan timeout, CancellationToken cancellation = default)
    {
        ControllerReport report =
            ReportCodec.Decode(await CallAsync(new Wire.Controller.ControllerClient(channel).GetStatusAsync, timeout, cancellation));
        return report.Status.Id == party ? report : throw new ControlException($"calls itself {report.Status.Id}");
    }

    /// <summary>Brings votes of agreement replicas to a controller; errors as for a status.</summary>
    /// <param name="votes">Encoded RECOVERs and SLEEPs, at most <see cref="Limits.MaximumVotesPerCall"/>; not copied.</param>
    /// <param name="timeout">Bound of the call.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The highest order that the controller then has, as it says; null for none.</returns>
    public async Task<WakeOrder?> TakeVotesAsync(
        IEnumerable<ReadOnlyMemory<byte>> votes, TimeSpan timeout, CancellationToken cancellation = default)
    {
        var request = new Wire.VotesRequest();
        request.Votes.AddRange(votes.Select(UnsafeByteOperations.UnsafeWrap));
        Wire.VotesReply reply = await CallAsync(new Wire.Controller.ControllerClient(channel).TakeVotesAsync, request, timeout, cancellation)
            .ConfigureAwait(false);
        return ReportCodec.Decode(reply.Order);
    }

    /// <summary>Has an execution replica read its store again, or asks how it stands with that; errors as for a status.</summary>
    public async Task<ScrubStatus> ScrubAsync(SequenceNumber? checkpoint, TimeSpan timeout, CancellationToken cancellation = default) => ReportCodec.Decode(
        await CallAsync(new Wire.Node.NodeClient(channel).ScrubAsync, new Wire.ScrubRequest { Begin = checkpoint is not null, Checkpoint = checkpoint?.Value ?? 0 }, timeout, cancellation));

    /// <inheritdoc/>
    public void Dispose() => channel.Dispose();

    private static Task<T> CallAsync<T>(
        Func<Wire.StatusRequest, CallOptions, AsyncUnaryCall<T>> call, TimeSpan timeout, CancellationToken cancellation) =>
        CallAsync(call, new Wire.StatusRequest(), timeout, cancellation);

    private static async Task<T> CallAsync<TRequest, T>(
        Func<TRequest, CallOptions, AsyncUnaryCall<T>> call, TRequest request, TimeSpan timeout, CancellationToken cancellation)
    {
        try
        {
            using AsyncUnaryCall<T> pending = call(request, new CallOptions(deadline: DateTime.UtcNow + timeout, cancellationToken: cancellation));
            return await pending.ResponseAsync.ConfigureAwait(false);
        }
        catch (RpcException error)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new ControlException(Describe(error), error);
        }
    }

    private static string Describe(RpcException error)
    {
        for (Exception? cause = error.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationException)
                return "has another certificate than the cluster file says";
        }

        return error.StatusCode switch
        {
            StatusCode.DeadlineExceeded => "did not answer in time",
            StatusCode.Unavailable => "can't be reached",
            _ => $"refused the call ({error.StatusCode})",
        };
    }
}

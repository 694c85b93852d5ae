using System.Security.Cryptography;
using Agreement.Configuration;
using Agreement.Crypto;
using Agreement.Messages;
using Agreement.Node;
using Agreement.Protocol;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client;

/// <summary>
/// The shell of a client: links to the replicas, the session core, and a task for each operation. Used on the loop's
/// thread only.
/// </summary>
public sealed class ClusterClient : IOperationSubmitter, IEndpointEvents, IDisposable
{
    private const int Slots = 64;

    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(50);

    private readonly Quorum quorum;
    private readonly IEventLoop loop;
    private readonly ClientSession session;
    private readonly ClientInbox inbox;
    private readonly Endpoint endpoint;
    private readonly TimeSpan? patience;
    private readonly MessageWriter writer = new(4096);
    private readonly TurnScheduler turns;
    private readonly TaskCompletionSource opened = new();
    private IDisposable? timer;
    private readonly IReadOnlyList<ExecutionEntry> execution;
    private uint refusals;
    private uint dialled;

    /// <summary>Dials the cluster; lives once the loop runs.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="self">Which client.</param>
    /// <param name="identity">Its keys; stays the caller's.</param>
    /// <param name="loop">Drives it.</param>
    /// <param name="patience">After this time without an answer an operation fails with EIO (soft); null waits for ever (hard).</param>
    public ClusterClient(ClusterFile cluster, PartyId self, Identity identity, IEventLoop loop, TimeSpan? patience)
    {
        this.loop = loop;
        this.patience = patience;
        quorum = new Quorum(cluster.F);
        turns = new TurnScheduler(loop, TickInterval, EndTurn, Tick);
        session = new ClientSession(self, quorum, Slots, identity.Sign, NextNonce, Completed, new FileOperationSemantics());
        inbox = new ClientInbox(session);
        endpoint = new Endpoint(
            loop, self, identity, cluster.PublicKeys(), cluster.Volume.ToBytes(), this, null, new Random(RandomNumberGenerator.GetInt32(int.MaxValue)))
        {
            Refused = OnRefused,
        };
        foreach (AgreementEntry peer in cluster.Agreement)
            endpoint.Dial(peer.Id, peer.Address);
        execution = cluster.Execution;
        foreach (ExecutionEntry peer in execution)
        {
            if (peer.InitialRole == InitialRole.Active)
                Dial(peer);
        }

        timer = loop.Schedule(TickInterval, OnTick);
    }

    /// <summary>
    /// Completes when a session is open; fails with <see cref="ClientRefusedException"/> when the cluster says that another
    /// mount uses this key.
    /// </summary>
    public Task Opened => opened.Task;

    /// <inheritdoc/>
    public ValueTask<OperationResult> SubmitAsync(Credentials caller, Operation operation, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return new ValueTask<OperationResult>(OperationResult.Failed(Errno.EINTR));
        writer.Clear();
        OperationCodec.Encode(caller, operation, writer);
        var completion = new Completion();
        if (cancellation.CanBeCanceled)
            completion.Cancellation = cancellation.UnsafeRegister(static state => ((Completion)state!).Abandon(Errno.EINTR), completion);
        if (patience is { } limit)
            completion.Timer = loop.Schedule(limit, () => completion.Abandon(Errno.EIO));
        session.SetClock(loop.NowMilliseconds);
        session.Submit(new PendingRequest(writer.ToArray(), IsSync(operation) ? RequestFlags.Sync : RequestFlags.None, completion));
        turns.Stepped();
        return new ValueTask<OperationResult>(completion.Task);
    }

    /// <summary>Ends the session, so that what it holds is freed at once; waits for the answer up to a bound.</summary>
    public async Task CloseAsync(TimeSpan bound)
    {
        var completion = new Completion();
        using IDisposable limit = loop.Schedule(bound, () => completion.Abandon(Errno.EIO));
        session.SetClock(loop.NowMilliseconds);
        session.Close(completion);
        turns.Stepped();
        await completion.Task;
    }

    /// <inheritdoc/>
    public void OnMessage(PartyId from, ReadOnlyMemory<byte> message)
    {
        session.SetClock(loop.NowMilliseconds);
        inbox.Deliver(from, message);
        if ((session.ActiveExecution & ~dialled) != 0)
            DialActive();
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnConnected(PartyId party)
    {
        session.SetClock(loop.NowMilliseconds);
        session.OnConnected(party);
        turns.Stepped();
    }

    /// <inheritdoc/>
    public void OnDisconnected(PartyId party)
    {
        // What is under way is sent again when the link is back.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        timer?.Dispose();
        timer = null;
        endpoint.Dispose();
    }

    private static bool IsSync(Operation operation) => operation switch
    {
        Sync => true,
        Compound compound => compound.Operations.Any(IsSync),
        _ => false,
    };

    private static UInt128 NextNonce()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt128(bytes);
    }

    private static void Completed(PendingRequest request, OperationResult result) => (request.Tag as Completion)?.Finish(result);

    private void OnRefused(PartyId peer, RefusalReason reason)
    {
        // f + 1, so that liars alone can't keep a client out.
        if (reason != RefusalReason.AlreadyConnected || peer.Role != PartyRole.Agreement)
            return;
        refusals |= 1u << (int)peer.Index;
        if (System.Numerics.BitOperations.PopCount(refusals) >= quorum.Weak && !session.IsOpen)
            opened.TrySetException(new ClientRefusedException());
    }

    private void Dial(ExecutionEntry peer)
    {
        uint bit = 1u << (int)peer.Id.Index;
        if ((dialled & bit) != 0)
            return;
        dialled |= bit;
        endpoint.Dial(peer.Id, peer.Address);
    }

    // A replica that was woken is dialled once it is active; sleepers would only be dialled in vain.
    private void DialActive()
    {
        foreach (ExecutionEntry peer in execution)
        {
            if ((session.ActiveExecution & (1u << (int)peer.Id.Index)) != 0)
                Dial(peer);
        }
    }

    // No tick is wanted early: what a client waits for comes over links, and lost messages have time.
    private bool EndTurn()
    {
        foreach (Outgoing message in session.Output.Messages)
            endpoint.Send(message.To, session.Output.MessageBytes(message));
        session.Output.Clear();
        if (session.IsOpen)
            opened.TrySetResult();
        return false;
    }

    private void OnTick()
    {
        timer = loop.Schedule(TickInterval, OnTick);
        turns.Tick();
    }

    private void Tick()
    {
        session.SetClock(loop.NowMilliseconds);
        session.Tick();
    }

    // The task is completed on the loop, and what awaits it goes on at once, within the same turn.
    private sealed class Completion : TaskCompletionSource<OperationResult>
    {
        public CancellationTokenRegistration Cancellation { get; set; }

        public IDisposable? Timer { get; set; }

        public void Finish(OperationResult result)
        {
            Cancellation.Unregister();
            Timer?.Dispose();
            TrySetResult(result);
        }

        // The operation stays under way and keeps its slot: whether it happens is not for the caller to decide any more.
        public void Abandon(Errno error) => TrySetResult(OperationResult.Failed(error));
    }
}

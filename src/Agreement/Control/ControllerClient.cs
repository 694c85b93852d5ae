using System.Security.Cryptography.X509Certificates;
using Agreement.Configuration;
using Agreement.Messages;

namespace Agreement.Control;

/// <summary>
/// Brings votes to one controller in the background: one call at a time, whatever came meanwhile with the next. Nothing is
/// tried again, since whoever votes sends its votes again until they have worked.
/// </summary>
internal sealed class ControllerClient : IDisposable
{
    private readonly Lock gate = new();
    private readonly ClusterFile cluster;
    private readonly PartyId controller;
    private readonly X509Certificate2 certificate;
    private readonly TimeSpan timeout;
    private readonly CancellationTokenSource stop = new();
    private List<ReadOnlyMemory<byte>> waiting = [];
    private ControlClient? connection;
    private bool calling;
    private bool ended;
    private ulong delivered;
    private ulong failed;

    /// <summary>Prepares for calls; connects on the first.</summary>
    /// <param name="cluster">Says where the controller is and pins its certificate.</param>
    /// <param name="controller">The controller.</param>
    /// <param name="certificate">The caller's, with its private key; stays the caller's.</param>
    /// <param name="timeout">Bound of one call: a frozen controller accepts and never answers.</param>
    public ControllerClient(ClusterFile cluster, PartyId controller, X509Certificate2 certificate, TimeSpan timeout)
    {
        this.cluster = cluster;
        this.controller = controller;
        this.certificate = certificate;
        this.timeout = timeout;
    }

    /// <summary>Calls that were answered.</summary>
    public ulong Delivered => Interlocked.Read(ref delivered);

    /// <summary>Calls that were not.</summary>
    public ulong Failed => Interlocked.Read(ref failed);

    /// <summary>
    /// Hands over an encoded vote, which is copied; never waits. When more are waiting than one call may bring, the oldest is
    /// given up.
    /// </summary>
    public void Send(ReadOnlySpan<byte> vote)
    {
        lock (gate)
        {
            foreach (ReadOnlyMemory<byte> known in waiting)
            {
                if (known.Span.SequenceEqual(vote))
                    return;
            }

            if (waiting.Count == Limits.MaximumVotesPerCall)
                waiting.RemoveAt(0);
            waiting.Add(vote.ToArray());
            if (calling || ended)
                return;
            calling = true;
        }

        // Off the caller's thread and its synchronization context: TLS alone takes longer than a turn of its loop may.
        _ = Task.Run(CallAsync);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        bool idle;
        lock (gate)
        {
            ended = true;
            idle = !calling;
        }

        // Outside: what waits for the call may go on here and now.
        stop.Cancel();
        if (idle)
            connection?.Dispose();
    }

    private async Task CallAsync()
    {
        while (TakeWaiting() is { } votes)
        {
            connection ??= new ControlClient(cluster, controller, certificate);
            try
            {
                await connection.TakeVotesAsync(votes, timeout, stop.Token).ConfigureAwait(false);
                Interlocked.Increment(ref delivered);
            }
            catch (Exception error) when (error is ControlException or OperationCanceledException)
            {
                Interlocked.Increment(ref failed);
                // A channel waits longer and longer before it dials again; a new one dials at once.
                connection.Dispose();
                connection = null;
            }
        }
    }

    /// <summary>What the next call brings; null when there is nothing, or no call shall follow.</summary>
    private List<ReadOnlyMemory<byte>>? TakeWaiting()
    {
        lock (gate)
        {
            if (waiting.Count == 0 || ended)
            {
                calling = false;
                if (ended)
                    connection?.Dispose();
                return null;
            }

            List<ReadOnlyMemory<byte>> taken = waiting;
            waiting = [];
            return taken;
        }
    }
}

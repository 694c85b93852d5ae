using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>The work on one version: it is brought to disk, then its digests are computed and kept.</summary>
/// <remarks>
/// A version whose digests the digest store has is therefore on disk too, and that is how a later process knows which
/// version it may go back to. This is the one place where two threads meet: whoever does the work holds the gate until the
/// end, and whoever abandons it waits there.
/// </remarks>
internal sealed class CheckpointWork : ICheckpointWork
{
    private readonly object gate = new();
    private readonly IBackingStore store;
    private readonly IDigestStore digests;
    private readonly DigestKeeper keeper;
    private readonly IStoreView view;
    private readonly IReadOnlyList<ulong> retained;
    private volatile bool abandoned;
    private bool ended;

    /// <summary>Makes the work; on the store's thread.</summary>
    /// <param name="store">Has the version.</param>
    /// <param name="digests">Used only by the work until it is done or abandoned.</param>
    /// <param name="keeper">Likewise.</param>
    /// <param name="number">The version.</param>
    public CheckpointWork(IBackingStore store, IDigestStore digests, DigestKeeper keeper, ulong number)
    {
        this.store = store;
        this.digests = digests;
        this.keeper = keeper;
        Number = new SequenceNumber(number);
        retained = [.. store.Versions];
        view = store.OpenVersion(number);
    }

    /// <inheritdoc/>
    public SequenceNumber Number { get; }

    /// <summary>The digest of the state; null while the work isn't done.</summary>
    public Digest? Digest { get; private set; }

    /// <summary>What the store takes on its disk, measured here since asking may take a while; 0 while the work isn't done.</summary>
    public long DiskBytes { get; private set; }

    /// <inheritdoc/>
    public void Run()
    {
        lock (gate)
        {
            if (abandoned || ended)
                return;
            try
            {
                store.Harden(Number.Value);
                if (!abandoned)
                    DropDigests();
                if (!abandoned)
                    Digest = keeper.Compute(view, Number.Value, () => !abandoned);
                if (!abandoned)
                    DiskBytes = store.DiskBytes;
            }
            finally
            {
                End();
            }
        }
    }

    /// <summary>Ends the work soon, and waits for that. It may turn out to be done.</summary>
    public void Abandon()
    {
        abandoned = true;
        lock (gate)
            End();
    }

    // Digests of versions that are no longer there; but the last are where the next begin.
    private void DropDigests()
    {
        for (int i = digests.Versions.Count - 2; i >= 0 && !abandoned; i--)
        {
            if (!retained.Contains(digests.Versions[i]))
                digests.TryDrop(digests.Versions[i]);
        }
    }

    private void End()
    {
        if (!ended)
            view.Dispose();
        ended = true;
    }
}

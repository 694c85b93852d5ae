namespace ZZFs.Stores;

/// <summary>
/// A store whose commit takes the backing system long, cut into steps, so that another thread can do it while the store is
/// read (<see cref="DeferredStore"/>).
/// </summary>
/// <remarks>
/// Steps of a commit, changes and reads exclude each other, but for <see cref="TakeSnapshot"/> and
/// <see cref="IBackingStore.TryDrop"/>: while one thread is in there, another may read and open versions, and nobody changes
/// anything.
/// </remarks>
internal interface ISnapshotStore : IBackingStore
{
    /// <summary>Does a short part of what must be done before a snapshot. Returns whether there is more.</summary>
    bool PrepareSnapshot();

    /// <summary>Keeps what was prepared as a version, all or nothing, on disk when this returns.</summary>
    /// <param name="number">See <see cref="IBackingStore.Commit"/>.</param>
    void TakeSnapshot(ulong number);

    /// <summary>Opens a version that may still be in the making.</summary>
    /// <param name="number">The version.</param>
    /// <param name="ready">Waits until it is there; called before the first read, by whoever reads.</param>
    IStoreView OpenVersion(ulong number, Action ready);

    /// <summary>Whether a view of the version is open. Any thread.</summary>
    bool IsRead(ulong number);

    /// <summary>How many blocks are stored from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    ulong CountBlocks(uint index, ulong first, ulong last);
}

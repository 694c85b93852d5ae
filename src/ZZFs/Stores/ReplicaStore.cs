using Agreement.Configuration;

namespace ZZFs.Stores;

/// <summary>Opens the store that the operator chose for a replica.</summary>
public static class ReplicaStore
{
    /// <summary>Opens the store, or makes a new one.</summary>
    /// <param name="choice">Which.</param>
    /// <param name="replica">Names what belongs to the replica among that of others in the same place.</param>
    /// <param name="folder">The replica's own folder: it holds an embedded store, and the lock of any.</param>
    /// <param name="isDeferred">Whether another thread takes the snapshots of a tree.</param>
    /// <exception cref="StoreException">It can't be opened.</exception>
    public static IBackingStore Open(StoreChoice choice, string replica, string folder, bool isDeferred = true)
    {
        if (choice.Kind == StoreKind.Embedded)
            return EmbeddedStore.Open(Path.Combine(folder, "store.db"));
        var heldLock = StoreLock.Hold(Path.Combine(folder, "store.lock"), choice.ToString());
        ISnapshotVolume volume;
        try
        {
            volume = choice.Kind == StoreKind.Btrfs
                ? BtrfsVolume.Open(choice.Place, replica)
                : ZfsVolume.Open(choice.Place, replica, heldLock);
        }
        catch
        {
            heldLock.Dispose();
            throw;
        }

        var tree = TreeStore.Open(volume, heldLock);
        return isDeferred ? new DeferredStore(tree) : tree;
    }

    /// <summary>Throws when this machine has no place for such a store.</summary>
    /// <exception cref="StoreException">It hasn't; one sentence that says why.</exception>
    public static void Check(StoreChoice choice)
    {
        switch (choice.Kind)
        {
            case StoreKind.Btrfs:
                BtrfsVolume.Check(choice.Place);
                break;
            case StoreKind.Zfs:
                ZfsVolume.Check(choice.Place);
                break;
        }
    }
}

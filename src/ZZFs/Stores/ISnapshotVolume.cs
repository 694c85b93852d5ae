namespace ZZFs.Stores;

/// <summary>
/// A directory of which the backing system takes snapshots in constant time: a btrfs subvolume or a ZFS dataset that belongs
/// to one replica. Used from one thread. Anything unexpected is a <see cref="StoreException"/>.
/// </summary>
public interface ISnapshotVolume : IDisposable
{
    /// <summary>What messages call it.</summary>
    string Name { get; }

    /// <summary>The working copy: a directory with an absolute path. It may lie at another place after a return.</summary>
    string WorkingPath { get; }

    /// <summary>The numbers of the snapshots there are, in rising order.</summary>
    IReadOnlyList<ulong> Snapshots();

    /// <summary>Keeps the working copy as it is now, whole or not at all; durable when this returns.</summary>
    /// <param name="number">Above those of all others.</param>
    void Take(ulong number);

    /// <summary>Removes a snapshot. False when somebody uses it, so that it can't go now.</summary>
    bool TryDestroy(ulong number);

    /// <summary>Replaces the working copy, of which nothing is open, by what the newest snapshot holds.</summary>
    /// <param name="number">The newest.</param>
    void Return(ulong number);

    /// <summary>Replaces the working copy, of which nothing is open, by an empty directory. There is no snapshot.</summary>
    void MakeEmpty();
}

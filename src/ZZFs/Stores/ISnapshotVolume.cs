namespace ZZFs.Stores;

/// <summary>
/// A directory of which the backing system takes snapshots in constant time: a btrfs subvolume or a ZFS dataset that belongs
/// to one replica. Used from one thread, but for <see cref="OpenSnapshot"/>. Anything unexpected is a <see cref="StoreException"/>.
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

    /// <summary>Makes a snapshot readable, under an absolute path, until the result is disposed. Any thread, on any number of them.</summary>
    ISnapshotPath OpenSnapshot(ulong number);

    /// <summary>Removes a snapshot. False when somebody uses it, so that it can't go now.</summary>
    bool TryDestroy(ulong number);

    /// <summary>Removes all snapshots that are newer, and replaces the working copy by what this one holds. Nothing of them is open.</summary>
    void Return(ulong number);

    /// <summary>Removes all snapshots, and replaces the working copy by an empty directory. Nothing of them is open.</summary>
    void MakeEmpty();

    /// <summary>Bytes on disk that it takes with all snapshots; where the backing system can't tell, that of all its users.</summary>
    long DiskBytes();
}

/// <summary>A snapshot that can be read.</summary>
public interface ISnapshotPath : IDisposable
{
    /// <summary>Where; absolute.</summary>
    string Path { get; }
}

using System.Diagnostics.CodeAnalysis;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// A store with a real directory tree: the user's names and plain files lie under <c>tree/</c> of a volume that can be
/// snapshotted, so that whoever has nothing but the newest snapshot still finds the files. At a commit, owners, modes, times
/// and lengths there are the abstract ones.
/// </summary>
/// <remarks>
/// <para>
/// Object records, entries, targets of symlinks, the map of stored blocks and the wrapper's metadata are in a database beside
/// the tree, <c>.zzfs/metadata.db</c>; objects without a name are in <c>.zzfs/objects/</c>. The database decides; the tree holds
/// the content of files, and is otherwise for people. What the backing file system can't show as it is (a device node without
/// privileges, a long symlink) is an empty file there.
/// </para>
/// <para>
/// A version is a snapshot, which holds both, whole or not at all. So nothing in the working copy needs a journal: when the
/// store is opened, and at a rollback, the working copy is replaced by what a snapshot holds.
/// </para>
/// </remarks>
public sealed partial class TreeStore : ISnapshotStore
{
    private const int KeptSnapshots = 2;
    private const int CacheBytes = 16 << 20;
    private const int SchemaVersion = 1;

    private readonly ISnapshotVolume volume;
    private readonly StoreLock heldLock;
    private readonly List<ulong> snapshots;

    // Guards that list, since snapshots may be taken and dropped by another thread than the one that opens them.
    private readonly Lock listGate = new();
    private readonly ViewCounts views = new();
    private readonly bool privileged = TreeCalls.EffectiveUserId() == 0;

    // Objects that were announced and are not in the tree yet: their first name may make them.
    private readonly Dictionary<uint, Announced> announced = [];

    // Objects whose attributes in the tree must be set again at the commit.
    private readonly SortedSet<uint> touched = [];

    private TreeContents live;
    private SqliteStatement begin;
    private SqliteStatement commit;

    private TreeStore(ISnapshotVolume volume, StoreLock heldLock)
    {
        this.volume = volume;
        this.heldLock = heldLock;
        snapshots = [.. volume.Snapshots()];
        Reopen(snapshots.Count == 0 ? 0 : snapshots[^1]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ulong> Versions
    {
        get
        {
            lock (listGate)
                return [.. snapshots];
        }
    }

    /// <inheritdoc/>
    public long DiskBytes => volume.DiskBytes();

    /// <summary>Opens the store on a volume, as it was at its newest version, or makes a new, empty one.</summary>
    /// <param name="volume">Where; disposed with the store, also when this fails.</param>
    /// <param name="heldLock">Keeps others from the volume; likewise.</param>
    /// <exception cref="StoreException">It can't be opened, or is of a newer version.</exception>
    /// <exception cref="StoreDamagedException">What is there is no store.</exception>
    public static TreeStore Open(ISnapshotVolume volume, StoreLock heldLock)
    {
        try
        {
            return new TreeStore(volume, heldLock);
        }
        catch
        {
            volume.Dispose();
            heldLock.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index) => live.ReadObject(index);

    /// <inheritdoc/>
    public void WriteObject(ObjectRecord record)
    {
        live.Objects.Write(record);
        touched.Add(record.Index);
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => live.ReadMetadata(key);

    /// <inheritdoc/>
    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => live.Metadata.Write(key, value);

    /// <inheritdoc/>
    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => live.Metadata.Remove(from, to);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => live.LastMetadataKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => live.ListMetadata(from, to, visitor);

    /// <summary>Closes the store; what is in no version is abandoned when it is opened again.</summary>
    public void Dispose()
    {
        live.Dispose();
        volume.Dispose();
        heldLock.Dispose();
    }

    // Makes a snapshot the working copy; 0 makes a new one.
    [MemberNotNull(nameof(live), nameof(begin), nameof(commit))]
    private void Reopen(ulong number)
    {
        announced.Clear();
        touched.Clear();
        if (number == 0)
            volume.MakeEmpty();
        else
            volume.Return(number);
        live = TreeContents.OpenWorkingCopy(volume.WorkingPath, volume.Name, isNew: number == 0);
        try
        {
            begin = live.Database.Prepare("BEGIN");
            commit = live.Database.Prepare("COMMIT");
            begin.Run();
        }
        catch
        {
            live.Dispose();
            throw;
        }
    }

    private StoreDamagedException Damaged(string what) => new($"the store {volume.Name} is damaged: {what}");

    private readonly record struct Announced(ObjectType Type, uint RawDevice);
}

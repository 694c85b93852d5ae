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
/// A commit is a snapshot, which holds both, whole or not at all. So nothing in the working copy needs a journal: when the
/// store is opened, and at a rollback, the working copy is replaced by what the newest snapshot holds. The last two stay.
/// </para>
/// </remarks>
public sealed partial class TreeStore : IBackingStore
{
    private const int KeptSnapshots = 2;
    private const int CacheBytes = 16 << 20;
    private const int SchemaVersion = 1;

    private readonly ISnapshotVolume volume;
    private readonly StoreLock heldLock;
    private readonly List<ulong> snapshots;
    private readonly bool privileged = TreeCalls.EffectiveUserId() == 0;

    // Objects that were announced and are not in the tree yet: their first name may make them.
    private readonly Dictionary<uint, Announced> announced = [];

    // Objects whose attributes in the tree must be set again at the commit.
    private readonly SortedSet<uint> touched = [];

    private SqliteDatabase database;
    private SqliteStatement begin;
    private SqliteStatement commit;
    private ObjectRows objects;
    private EntryRows entries;
    private MetadataRows metadata;
    private LinkRows links;
    private BlockMap blocks;
    private TreePlaces places;

    private TreeStore(ISnapshotVolume volume, StoreLock heldLock)
    {
        this.volume = volume;
        this.heldLock = heldLock;
        snapshots = [.. volume.Snapshots()];
        Reopen();
    }

    /// <summary>Opens the store on a volume, as it was at its last commit, or makes a new, empty one.</summary>
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
    public ObjectRecord? ReadObject(uint index) => objects.Read(index);

    /// <inheritdoc/>
    public void WriteObject(ObjectRecord record)
    {
        objects.Write(record);
        touched.Add(record.Index);
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => metadata.Read(key);

    /// <inheritdoc/>
    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => metadata.Write(key, value);

    /// <inheritdoc/>
    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => metadata.Remove(from, to);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => metadata.LastKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => metadata.List(from, to, visitor);

    /// <inheritdoc/>
    public void Rollback()
    {
        Close();
        Reopen();
    }

    /// <summary>Closes the store; what wasn't committed is abandoned when it is opened again.</summary>
    public void Dispose()
    {
        Close();
        volume.Dispose();
        heldLock.Dispose();
    }

    [MemberNotNull(nameof(database), nameof(begin), nameof(commit), nameof(objects), nameof(entries))]
    [MemberNotNull(nameof(metadata), nameof(links), nameof(blocks), nameof(places))]
    private void Reopen()
    {
        announced.Clear();
        touched.Clear();
        bool isNew = snapshots.Count == 0;
        if (isNew)
            volume.MakeEmpty();
        else
            volume.Return(snapshots[^1]);
        (Descriptor tree, Descriptor hidden) = OpenFolders(isNew);
        try
        {
            database = OpenDatabase();
            begin = database.Prepare("BEGIN");
            commit = database.Prepare("COMMIT");
            objects = new ObjectRows(database);
            entries = new EntryRows(database);
            metadata = new MetadataRows(database);
            links = new LinkRows(database);
            blocks = new BlockMap(database);
            places = new TreePlaces(database, tree, hidden);
            begin.Run();
        }
        catch
        {
            database?.Dispose();
            tree.Dispose();
            hidden.Dispose();
            throw;
        }
    }

    private (Descriptor Tree, Descriptor Hidden) OpenFolders(bool isNew)
    {
        using var root = Descriptor.OpenRoot(volume.WorkingPath, volume.Name);
        if (isNew)
        {
            root.MakeDirectory("tree"u8);
            root.MakeDirectory(".zzfs"u8);
        }

        using Descriptor own = root.OpenDirectory(".zzfs"u8);
        if (isNew)
            own.MakeDirectory("objects"u8);
        Descriptor tree = root.OpenDirectory("tree"u8);
        try
        {
            return (tree, own.OpenDirectory("objects"u8));
        }
        catch
        {
            tree.Dispose();
            throw;
        }
    }

    private SqliteDatabase OpenDatabase()
    {
        SqliteDatabase opened = SqliteDatabase.Open(Path.Combine(volume.WorkingPath, ".zzfs", "metadata.db"));
        try
        {
            // Neither journal nor syncs: the snapshot is what is atomic and durable.
            opened.Execute("PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
            opened.Execute("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
            opened.Execute(FormattableString.Invariant($"PRAGMA cache_size = {-(CacheBytes >> 10)}"));
            long version = opened.QueryNumber("PRAGMA user_version");
            if (version == SchemaVersion)
                return opened;
            if (version != 0)
                throw new StoreException($"the store {volume.Name} was made by a newer version of this program");
            if (snapshots.Count > 0)
                throw opened.Damaged("it holds no metadata");
            foreach (string table in (string[])[ObjectRows.Schema, EntryRows.Schema, TreePlaces.Schema, MetadataRows.Schema, LinkRows.Schema, BlockMap.Schema])
                opened.Execute(table);
            opened.Execute(FormattableString.Invariant($"PRAGMA user_version = {SchemaVersion}"));
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private void Close()
    {
        places.Dispose();
        database.Dispose();
    }

    private StoreDamagedException Damaged(string what) => new($"the store {volume.Name} is damaged: {what}");

    private readonly record struct Announced(ObjectType Type, uint RawDevice);
}

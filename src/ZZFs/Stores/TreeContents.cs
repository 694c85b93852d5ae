using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// What a tree and the database beside it hold: the working copy of a tree store, or one of its snapshots. Which blocks of a
/// file are holes is in the database's map of blocks.
/// </summary>
internal sealed class TreeContents : IStoreView
{
    /// <summary>The directory of what is not the users', in the working copy and in snapshots.</summary>
    public const string OwnFolder = ".zzfs";

    private const int BlockBytes = Specification.BlockBytes;
    private const int SchemaVersion = 1;
    private const int CacheBytes = 16 << 20;
    private const int ReadOnlyCacheBytes = 2 << 20;

    private readonly string store;

    private TreeContents(string store, SqliteDatabase database, Descriptor tree, Descriptor hidden, bool isReadOnly)
    {
        this.store = store;
        Database = database;
        Objects = new ObjectRows(database);
        Entries = new EntryRows(database);
        Metadata = new MetadataRows(database);
        Links = new LinkRows(database);
        Blocks = new BlockMap(database);
        Places = new TreePlaces(database, tree, hidden, isReadOnly);
    }

    public SqliteDatabase Database { get; }

    public ObjectRows Objects { get; }

    public EntryRows Entries { get; }

    public MetadataRows Metadata { get; }

    public LinkRows Links { get; }

    public BlockMap Blocks { get; }

    public TreePlaces Places { get; }

    /// <summary>Opens a working copy.</summary>
    /// <param name="path">Its directory.</param>
    /// <param name="store">What messages call the store.</param>
    /// <param name="isNew">Whether it is empty, and is to become a store.</param>
    public static TreeContents OpenWorkingCopy(string path, string store, bool isNew)
    {
        using var root = Descriptor.OpenRoot(path, store);
        if (isNew)
        {
            root.MakeDirectory("tree"u8);
            root.MakeDirectory(".zzfs"u8);
            using Descriptor own = root.OpenDirectory(".zzfs"u8);
            own.MakeDirectory("objects"u8);
        }

        SqliteDatabase database = SqliteDatabase.Open(DatabaseIn(path));
        try
        {
            // Neither journal nor syncs: the snapshot is what is atomic and durable.
            database.Execute("PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
            Configure(database, CacheBytes);
            MakeSchema(database, store, isNew);
            return Open(store, database, root, isReadOnly: false);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Opens a snapshot, to read.</summary>
    /// <param name="path">Its directory.</param>
    /// <param name="store">What messages call the store.</param>
    public static TreeContents OpenSnapshot(string path, string store)
    {
        using var root = Descriptor.OpenRoot(path, store);

        // Nobody changes it, and nothing beside it may be made, so that there is nothing to lock and no journal to look for.
        string name = string.Join('/', DatabaseIn(path).Split('/').Select(Uri.EscapeDataString));
        SqliteDatabase database = SqliteDatabase.OpenToRead($"file:{name}?immutable=1");
        try
        {
            Configure(database, ReadOnlyCacheBytes);
            if (database.QueryNumber("PRAGMA user_version") != SchemaVersion)
                throw database.Damaged("a snapshot is of another version of this program");
            return Open(store, database, root, isReadOnly: true);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index) => Objects.Read(index);

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        Places.Trim();
        if (Blocks.Has(index, block))
        {
            Places.File(index).Read(block * BlockBytes, destination);
            return destination.ContainsAnyExcept((byte)0) ? true : throw Damaged($"block {block} of object {index} is lost");
        }

        destination.Clear();
        if (block > 0 || Links.Read(index) is not { } target)
            return false;
        target.CopyTo(destination);
        return true;
    }

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block) => Blocks.Has(index, block) || (block == 0 && Links.Read(index) is not null);

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last) =>
        Blocks.Next(index, first, last) ?? (first == 0 && Links.Read(index) is not null ? 0UL : null);

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => Entries.Find(directory, name);

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        Entries.List(directory, from, inclusive, visitor);

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => Metadata.Read(key);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => Metadata.LastKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => Metadata.List(from, to, visitor);

    /// <inheritdoc/>
    public void Dispose()
    {
        Places.Dispose();
        Database.Dispose();
    }

    private static string DatabaseIn(string path) => Path.Combine(path, OwnFolder, "metadata.db");

    private static TreeContents Open(string store, SqliteDatabase database, Descriptor root, bool isReadOnly)
    {
        using Descriptor own = root.OpenDirectory(".zzfs"u8);
        Descriptor tree = root.OpenDirectory("tree"u8);
        Descriptor? hidden = null;
        try
        {
            hidden = own.OpenDirectory("objects"u8);
            return new TreeContents(store, database, tree, hidden, isReadOnly);
        }
        catch
        {
            hidden?.Dispose();
            tree.Dispose();
            throw;
        }
    }

    private static void Configure(SqliteDatabase database, int cacheBytes)
    {
        database.Execute("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
        database.Execute(FormattableString.Invariant($"PRAGMA cache_size = {-(cacheBytes >> 10)}"));
    }

    private static void MakeSchema(SqliteDatabase database, string store, bool isNew)
    {
        long version = database.QueryNumber("PRAGMA user_version");
        if (version == SchemaVersion)
            return;
        if (version != 0)
            throw new StoreException($"the store {store} was made by a newer version of this program");
        if (!isNew)
            throw database.Damaged("it holds no metadata");
        foreach (string table in (string[])[ObjectRows.Schema, EntryRows.Schema, TreePlaces.Schema, MetadataRows.Schema, LinkRows.Schema, BlockMap.Schema])
            database.Execute(table);
        database.Execute(FormattableString.Invariant($"PRAGMA user_version = {SchemaVersion}"));
    }

    private StoreDamagedException Damaged(string what) => new($"the store {store} is damaged: {what}");
}

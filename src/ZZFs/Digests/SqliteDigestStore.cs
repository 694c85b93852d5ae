using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Digests in a database file of their own, versioned as the embedded store's tables are.</summary>
/// <remarks>What is damaged, or was made by another version of this program, is thrown away: it can be computed again.</remarks>
public sealed class SqliteDigestStore : IDigestStore
{
    private const int SchemaVersion = 1;
    private const int CacheBytes = 8 << 20;

    private readonly string path;
    private readonly NumberMark last;
    private VersionedDatabase database;
    private VersionedRows rows;

    private SqliteDigestStore(string path)
    {
        this.path = path;
        last = new NumberMark(path + "-last");
        database = OpenDatabase(path);
        rows = database.Rows(0);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ulong> Versions => database.Versions;

    /// <inheritdoc/>
    public ulong LastCommitted => last.Number;

    /// <summary>Bytes on disk.</summary>
    public long DiskBytes => database.DiskBytes;

    /// <summary>Opens the file, or makes a new, empty one. No second process can open it meanwhile.</summary>
    /// <param name="path">The database file; a lock, and while the process runs a log, lie beside it, and a file with <see cref="LastCommitted"/>.</param>
    /// <exception cref="StoreException">The file can't be opened, or is in use.</exception>
    public static SqliteDigestStore Open(string path)
    {
        try
        {
            return new SqliteDigestStore(path);
        }
        catch (StoreDamagedException)
        {
            Delete(path);
            return new SqliteDigestStore(path);
        }
    }

    /// <inheritdoc/>
    public byte[]? Read(ReadOnlySpan<byte> key) => rows.Live.Read(key);

    /// <inheritdoc/>
    public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => rows.Live.LastKey(low, high);

    /// <inheritdoc/>
    public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => rows.Live.List(from, to, visitor);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => rows.Write(key, value);

    /// <inheritdoc/>
    public void Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => rows.Remove(from, to);

    /// <inheritdoc/>
    public void Commit(ulong number)
    {
        database.Commit(number);
        database.Harden();
        last.Set(number);
    }

    /// <inheritdoc/>
    public IDigestView OpenVersion(ulong number) => new View(database.OpenVersion(number));

    /// <inheritdoc/>
    public bool TryDrop(ulong number) => database.TryDrop(number);

    /// <inheritdoc/>
    public void Rollback(ulong number)
    {
        if (number == 0)
            Clear();
        else
            database.Rollback(number);
        last.Set(number);
    }

    /// <inheritdoc/>
    public void Clear()
    {
        try
        {
            database.Dispose();
        }
        catch (StoreException)
        {
            // It is damaged, maybe, and goes anyway.
        }

        Delete(path);
        database = OpenDatabase(path);
        rows = database.Rows(0);
    }

    /// <inheritdoc/>
    public void Dispose() => database.Dispose();

    private static VersionedDatabase OpenDatabase(string path) =>
        VersionedDatabase.Open(path, SchemaVersion, CacheBytes, "", new VersionedTable("node"));

    private static void Delete(string path)
    {
        foreach (string file in (string[])[path, path + "-wal", path + "-shm"])
            File.Delete(file);
    }

    private sealed class View(VersionedDatabaseView version) : IDigestView
    {
        public byte[]? Read(ReadOnlySpan<byte> key) => version.Rows(0).Read(key);

        public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => version.Rows(0).LastKey(low, high);

        public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => version.Rows(0).List(from, to, visitor);

        public void Dispose() => version.Dispose();
    }
}

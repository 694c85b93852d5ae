namespace ZZFs.Stores;

/// <summary>A table of a <see cref="VersionedDatabase"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Discard">Makes what is told the value of each row that no version holds any more; null when nobody cares.</param>
internal sealed record VersionedTable(string Name, Func<SqliteDatabase, Action<ReadOnlySpan<byte>>>? Discard = null);

/// <summary>
/// A database file (SQLite) with tables whose committed states stay readable as numbered versions, from other threads too,
/// until they are dropped. Used from one thread, but for <see cref="Harden"/> and what <see cref="OpenVersion"/> returns.
/// </summary>
/// <remarks>
/// <para>
/// A version is a row in the table <c>version</c>, and costs nothing when it is made: see <see cref="VersionedRows"/>. So
/// SQLite's own transactions need not end with versions: they end whenever a few megabytes were written, which makes the last
/// one of a version short. What belongs to no whole version is removed when the file is opened.
/// </para>
/// <para>
/// Write-ahead log without syncs: <see cref="Harden"/> syncs it on the caller's thread. So a process that dies loses no
/// version, and a machine that loses power none that was hardened: SQLite takes whole transactions up to the first bad frame.
/// </para>
/// </remarks>
internal sealed partial class VersionedDatabase : IDisposable
{
    // Larger transactions make the last one of a version long, smaller ones write pages that change often more often.
    private const long TransactionBytes = 2 << 20;

    private readonly SqliteDatabase database;
    private readonly StoreLock heldLock;
    private readonly string path;
    private readonly VersionedTable[] tables;
    private readonly VersionedRows[] rows;
    private readonly SqliteStatement begin;
    private readonly SqliteStatement commit;
    private readonly SqliteStatement rollback;
    private readonly LogKeeper log;
    private long uncommittedBytes;
    private bool isChanging;

    private VersionedDatabase(SqliteDatabase database, StoreLock heldLock, string path, VersionedTable[] tables)
    {
        this.database = database;
        this.heldLock = heldLock;
        this.path = path;
        this.tables = tables;
        begin = database.Prepare("BEGIN IMMEDIATE");
        commit = database.Prepare("COMMIT");
        rollback = database.Prepare("ROLLBACK");
        addVersion = database.Prepare("INSERT INTO version VALUES (?1, ?2, 0)");
        markDropped = database.Prepare("UPDATE version SET dropped = 1 WHERE epoch = ?1");
        droppedBefore = database.Prepare("SELECT epoch FROM version WHERE dropped <> 0 AND epoch < ?1 ORDER BY epoch");
        forgetVersion = database.Prepare("DELETE FROM version WHERE epoch = ?1");
        forgetVersions = database.Prepare("DELETE FROM version WHERE epoch > ?1");
        rows = [.. tables.Select(table => new VersionedRows(this, database, table.Name, table.Discard?.Invoke(database)))];
        LoadVersions();
        RollBackTo(Newest);
        log = new LogKeeper(path);
    }

    /// <summary>The epoch of the version in making.</summary>
    public long Present { get; private set; }

    /// <summary>The epoch of the newest version; 0 when there is none. Rows that were born later are in no version.</summary>
    public long Newest { get; private set; }

    /// <summary>Rows that the last statement of the writing connection changed.</summary>
    public int Changes => database.Changes;

    /// <summary>Bytes on disk, of all versions together.</summary>
    public long DiskBytes => LengthOf(path) + LengthOf(path + "-wal");

    /// <summary>Opens the file as it was at its newest version, or makes a new, empty one. No second process can open it meanwhile.</summary>
    /// <param name="path">The file; a lock and, while the process runs, a log and its index lie beside it.</param>
    /// <param name="schemaVersion">Tells files of this program's versions apart; above 0.</param>
    /// <param name="cacheBytes">Bound of the page cache.</param>
    /// <param name="schema">Makes further tables, which are the caller's own.</param>
    /// <param name="tables">The versioned tables, the same ones at every open.</param>
    /// <exception cref="StoreException">The file can't be opened, is in use, or is of another version.</exception>
    /// <exception cref="StoreDamagedException">The file is no such database.</exception>
    public static VersionedDatabase Open(string path, int schemaVersion, int cacheBytes, string schema, params VersionedTable[] tables)
    {
        var heldLock = StoreLock.Hold(path + "-lock", path);
        SqliteDatabase? database = null;
        try
        {
            database = SqliteDatabase.Open(path);
            database.Execute("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
            database.Execute(FormattableString.Invariant($"PRAGMA journal_size_limit = {LogKeeper.LongLogBytes}"));
            database.Execute("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
            database.Execute(FormattableString.Invariant($"PRAGMA cache_size = {-(cacheBytes >> 10)}"));
            database.Execute("BEGIN IMMEDIATE");
            MakeSchema(database, path, schemaVersion, schema, tables);
            database.Execute("COMMIT");
            return new VersionedDatabase(database, heldLock, path, tables);
        }
        catch
        {
            database?.Dispose();
            heldLock.Dispose();
            throw;
        }
    }

    /// <summary>One of the tables, in the order of <see cref="Open"/>.</summary>
    public VersionedRows Rows(int table) => rows[table];

    /// <summary>Must be called before a change; it is one with the change that the next <see cref="EndChange"/> ends.</summary>
    /// <param name="bytes">About how much it writes.</param>
    public void BeginChange(int bytes)
    {
        if (!isChanging)
        {
            // As late as this, since SQLite begins its log anew only if all of it is in the file when a transaction begins.
            begin.Run();
            isChanging = true;
        }

        uncommittedBytes += bytes;
    }

    /// <summary>Changes the caller's own tables.</summary>
    public void Execute(string sql)
    {
        BeginChange(sql.Length);
        database.Execute(sql);
    }

    /// <summary>Must be called after a change.</summary>
    public void EndChange()
    {
        CollectSome();
        if (uncommittedBytes >= TransactionBytes)
            CommitTransaction();
    }

    /// <summary>Waits until a version is on disk. May be called from any thread.</summary>
    /// <exception cref="StoreException">The disk failed.</exception>
    public void Harden() => log.Sync();

    /// <summary>Closes the file; what is in no version is abandoned. No version is open.</summary>
    public void Dispose()
    {
        if (isChanging)
            rollback.Run();
        isChanging = false;
        log.Dispose();
        database.Dispose();
        heldLock.Dispose();
    }

    private static void MakeSchema(SqliteDatabase database, string path, int schemaVersion, string schema, VersionedTable[] tables)
    {
        long version = database.QueryNumber("PRAGMA user_version");
        if (version == schemaVersion)
            return;
        if (version > schemaVersion)
            throw new StoreException($"the store {path} was made by a newer version of this program");
        if (version > 0)
            throw new StoreException($"the store {path} was made by an older version of this program, and can't be read any more");
        if (database.QueryNumber("SELECT count(*) FROM sqlite_schema") != 0)
            throw new StoreException($"the file {path} is a database of another program");
        database.Execute("CREATE TABLE version (epoch INTEGER PRIMARY KEY, number INTEGER NOT NULL, dropped INTEGER NOT NULL)");
        foreach (VersionedTable table in tables)
            database.Execute(VersionedRows.SchemaOf(table.Name));
        database.Execute(schema);
        database.Execute(FormattableString.Invariant($"PRAGMA user_version = {schemaVersion}"));
    }

    private static long LengthOf(string file) => new FileInfo(file) is { Exists: true } found ? found.Length : 0;

    private void CommitTransaction()
    {
        commit.Run();
        isChanging = false;
        uncommittedBytes = 0;

        // Not before the constructor's end.
        log?.Wrote(database.PagesWritten());
    }
}

using System.Globalization;
using SQLitePCL;

namespace ZZFs.Stores;

/// <summary>
/// One SQLite connection without the overhead of ADO.NET, and the place where SQLite's error codes become exceptions.
/// Used from one thread at a time.
/// </summary>
internal sealed class SqliteDatabase : IDisposable
{
    private readonly string path;
    private readonly List<SqliteStatement> statements = [];
    private readonly sqlite3 handle;
    private long pagesWritten;

    static SqliteDatabase() => Batteries_V2.Init();

    private SqliteDatabase(string path, sqlite3 handle)
    {
        this.path = path;
        this.handle = handle;
    }

    /// <summary>Opens the file, making it when it isn't there.</summary>
    /// <exception cref="StoreException">The file can't be opened.</exception>
    public static SqliteDatabase Open(string path) => Open(path, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);

    /// <summary>Opens a file that is there, to read.</summary>
    /// <param name="path">The file; or, as SQLite has them, an URI: <c>file:PATH?immutable=1</c> for one that nobody changes.</param>
    /// <exception cref="StoreException">The file can't be opened.</exception>
    public static SqliteDatabase OpenToRead(string path) => Open(path, raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI);

    /// <summary>Rows that the last statement made, changed or removed.</summary>
    public int Changes => raw.sqlite3_changes(handle);

    /// <summary>Pages that this connection wrote to the file or its log since it was opened.</summary>
    public long PagesWritten()
    {
        // SQLite counts in 32 bits: the count is taken over, and begins anew.
        const int cacheWrites = 9;
        Check(raw.sqlite3_db_status(handle, cacheWrites, out int written, out _, 1));
        return pagesWritten += written;
    }

    /// <summary>Brings pages of the write-ahead log, synced before, into the file as far as nobody is held up by it, and syncs that.</summary>
    /// <returns>Pages in the log, and how many of them are in the file now.</returns>
    public (int Logged, int Moved) MoveLog()
    {
        Check(raw.sqlite3_wal_checkpoint_v2(handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out int logged, out int moved));
        return (logged, moved);
    }

    private static SqliteDatabase Open(string path, int flags)
    {
        flags |= raw.SQLITE_OPEN_NOMUTEX;
        int code = raw.sqlite3_open_v2(path, out sqlite3 handle, flags, null);
        var database = new SqliteDatabase(path, handle);
        if (code == raw.SQLITE_OK)
            return database;
        try
        {
            throw database.Failure(code);
        }
        finally
        {
            database.Dispose();
        }
    }

    /// <summary>Runs statements that return nothing of interest.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(handle, sql));

    /// <summary>Compiles a statement that lives as long as the connection.</summary>
    public SqliteStatement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v3(handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt compiled));
        var statement = new SqliteStatement(this, compiled);
        statements.Add(statement);
        return statement;
    }

    /// <summary>Runs a query of one number.</summary>
    public long QueryNumber(string sql)
    {
        Check(raw.sqlite3_prepare_v2(handle, sql, out sqlite3_stmt compiled));
        using var statement = new SqliteStatement(this, compiled);
        if (!statement.Step())
            throw new StoreDamagedException($"the store {path} is damaged: a query had no answer");
        return statement.Number(0);
    }

    /// <summary>Throws unless <paramref name="code"/> says success.</summary>
    public void Check(int code)
    {
        if (code != raw.SQLITE_OK)
            throw Failure(code);
    }

    /// <summary>The exception for an error code.</summary>
    public StoreException Failure(int code) => (code & 0xff) switch
    {
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => new StoreDamagedException($"the store {path} is damaged: {Reason(code)}"),
        raw.SQLITE_FULL => new StoreException($"the disk of the store {path} is full"),
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => new StoreException($"the store {path} is in use by another process"),
        raw.SQLITE_CANTOPEN => new StoreException($"the store {path} can't be opened: {Reason(code)}"),
        _ => new StoreException($"the store {path} failed: {Reason(code)}"),
    };

    /// <summary>A row is not what this program writes.</summary>
    public StoreDamagedException Damaged(string what) => new($"the store {path} is damaged: {what}");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SqliteStatement statement in statements)
            statement.Dispose();
        statements.Clear();
        handle.Dispose();
    }

    private string Reason(int code) =>
        string.Create(CultureInfo.InvariantCulture, $"{raw.sqlite3_errmsg(handle).utf8_to_string().ReplaceLineEndings(" ")} (SQLite code {code})");
}

/// <summary>A compiled statement. Parameters count from 1, columns from 0, as in SQLite.</summary>
internal sealed class SqliteStatement(SqliteDatabase database, sqlite3_stmt handle) : IDisposable
{
    /// <summary>Sets a number.</summary>
    public SqliteStatement Bind(int parameter, long value)
    {
        database.Check(raw.sqlite3_bind_int64(handle, parameter, value));
        return this;
    }

    /// <summary>Sets a byte string, of which SQLite takes a copy.</summary>
    public SqliteStatement Bind(int parameter, ReadOnlySpan<byte> value)
    {
        // An empty span has a null pointer, which SQLite would take for NULL.
        database.Check(value.IsEmpty
            ? raw.sqlite3_bind_zeroblob(handle, parameter, 0)
            : raw.sqlite3_bind_blob(handle, parameter, value));
        return this;
    }

    /// <summary>Goes to the next row; false, and ready to be run again, when there is none.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW)
            return true;
        raw.sqlite3_reset(handle);
        return code == raw.SQLITE_DONE ? false : throw database.Failure(code);
    }

    /// <summary>Runs a statement that returns no rows.</summary>
    public void Run()
    {
        if (!Step())
            return;
        Reset();
        throw database.Damaged("a change returned a row");
    }

    /// <summary>Gives up the rows that are left.</summary>
    public void Reset() => raw.sqlite3_reset(handle);

    /// <summary>A column of the row as a number.</summary>
    public long Number(int column) => raw.sqlite3_column_int64(handle, column);

    /// <summary>A column of the row as bytes, valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(handle, column);

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}

namespace ZZFs.Stores;

/// <summary>Reads one version of a <see cref="VersionedDatabase"/>. Used from one thread at a time, whichever.</summary>
internal sealed class VersionedDatabaseView : IDisposable
{
    private const int CacheBytes = 2 << 20;

    private readonly RowReader[] rows;
    private Action? leave;

    /// <summary>Opens the version of an epoch.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tables">Its tables.</param>
    /// <param name="epoch">Of the version.</param>
    /// <param name="leave">Called when it is closed.</param>
    public VersionedDatabaseView(string path, IReadOnlyList<VersionedTable> tables, long epoch, Action leave)
    {
        Database = SqliteDatabase.OpenToRead(path);
        try
        {
            Database.Execute(FormattableString.Invariant($"PRAGMA cache_size = {-(CacheBytes >> 10)}; PRAGMA cell_size_check = ON"));
            rows = [.. tables.Select(table => RowReader.OfVersion(Database, table.Name, epoch))];
            this.leave = leave;
        }
        catch
        {
            Database.Dispose();
            throw;
        }
    }

    /// <summary>The view's own connection.</summary>
    public SqliteDatabase Database { get; }

    /// <summary>One of the tables, in the order of <see cref="VersionedDatabase.Open"/>.</summary>
    public RowReader Rows(int table) => rows[table];

    /// <inheritdoc/>
    public void Dispose()
    {
        Database.Dispose();
        Interlocked.Exchange(ref leave, null)?.Invoke();
    }
}

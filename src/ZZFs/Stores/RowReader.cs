namespace ZZFs.Stores;

/// <summary>
/// Reads one table of a <see cref="VersionedDatabase"/>, a sorted map of byte strings: its live rows, or what they were in a version.
/// </summary>
internal sealed class RowReader
{
    private const long Live = long.MaxValue;

    private readonly SqliteStatement read;
    private readonly SqliteStatement first;
    private readonly SqliteStatement last;
    private readonly SqliteStatement list;
    private readonly long epoch;

    private RowReader(SqliteDatabase database, string table, long epoch)
    {
        this.epoch = epoch;
        read = Prepare("value", "key = ?1", "");
        first = Prepare("key", "key BETWEEN ?1 AND ?2", " ORDER BY key LIMIT 1");
        last = Prepare("key", "key BETWEEN ?1 AND ?2", " ORDER BY key DESC LIMIT 1");
        list = Prepare("key, value", "key >= ?1 AND key < ?2", " ORDER BY key");

        // One statement for both tables: a row may move between them at any time. At most one of them has the row that is
        // visible in a version, so that both together are in order, and SQLite merges them without a sort.
        SqliteStatement Prepare(string columns, string condition, string order) => database.Prepare(epoch == Live
            ? $"SELECT {columns} FROM {table} WHERE {condition}{order}"
            : $"""
               SELECT {columns} FROM {table} WHERE {condition} AND birth <= ?3
               UNION ALL SELECT {columns} FROM {table}_old WHERE {condition} AND birth <= ?3 AND death > ?3{order}
               """);
    }

    /// <summary>Reads live rows, with what the connection has not committed.</summary>
    public static RowReader OfLive(SqliteDatabase database, string table) => new(database, table, Live);

    /// <summary>Reads the rows of a version, on any connection.</summary>
    public static RowReader OfVersion(SqliteDatabase database, string table, long epoch) => new(database, table, epoch);

    /// <summary>The value of a key; null when there is none.</summary>
    public byte[]? Read(ReadOnlySpan<byte> key)
    {
        using Row row = Find(key);
        return row.Found ? row.Value.ToArray() : null;
    }

    /// <summary>Finds the value of a key, which stays valid until the row is disposed; meanwhile nothing else is read here by key.</summary>
    public Row Find(ReadOnlySpan<byte> key) => new(read, Bind(read.Bind(1, key)).Step());

    /// <summary>The least key with <paramref name="low"/> ≤ key ≤ <paramref name="high"/>; null when there is none.</summary>
    public byte[]? FirstKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => Key(first, low, high);

    /// <summary>The greatest key with <paramref name="low"/> ≤ key ≤ <paramref name="high"/>; null when there is none.</summary>
    public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => Key(last, low, high);

    /// <summary>Visits the rows with <paramref name="from"/> ≤ key &lt; <paramref name="to"/> in byte order of their keys.</summary>
    /// <param name="from">The lower bound.</param>
    /// <param name="to">The upper bound.</param>
    /// <param name="visitor">May read, but starts no other list of this table.</param>
    public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        Bind(list.Bind(1, from).Bind(2, to));
        try
        {
            while (list.Step() && visitor(list.Bytes(0), list.Bytes(1)))
            {
            }
        }
        finally
        {
            list.Reset();
        }
    }

    private byte[]? Key(SqliteStatement statement, ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        if (!Bind(statement.Bind(1, low).Bind(2, high)).Step())
            return null;
        byte[] key = statement.Bytes(0).ToArray();
        statement.Reset();
        return key;
    }

    private SqliteStatement Bind(SqliteStatement statement) => epoch == Live ? statement : statement.Bind(3, epoch);

    /// <summary>What a key was found to have.</summary>
    /// <param name="statement">Stands at the row.</param>
    /// <param name="found">Whether there is one.</param>
    public readonly ref struct Row(SqliteStatement statement, bool found)
    {
        /// <summary>Whether the key has a value.</summary>
        public bool Found { get; } = found;

        /// <summary>The value.</summary>
        public ReadOnlySpan<byte> Value => statement.Bytes(0);

        /// <summary>Ends the use of the value.</summary>
        public void Dispose()
        {
            if (Found)
                statement.Reset();
        }
    }
}

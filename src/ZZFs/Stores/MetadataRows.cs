namespace ZZFs.Stores;

/// <summary>The wrapper's own records, a sorted map: the table <c>metadata</c>(key → value).</summary>
internal sealed class MetadataRows(SqliteDatabase database)
{
    /// <summary>What makes the table.</summary>
    public const string Schema = "CREATE TABLE metadata (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";

    private readonly SqliteStatement read = database.Prepare("SELECT value FROM metadata WHERE key = ?1");
    private readonly SqliteStatement write = database.Prepare("INSERT OR REPLACE INTO metadata VALUES (?1, ?2)");
    private readonly SqliteStatement remove = database.Prepare("DELETE FROM metadata WHERE key >= ?1 AND key < ?2");
    private readonly SqliteStatement last =
        database.Prepare("SELECT key FROM metadata WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1");

    private readonly SqliteStatement list =
        database.Prepare("SELECT key, value FROM metadata WHERE key >= ?1 AND key < ?2 ORDER BY key");

    /// <summary>The value of a key; null when there is none.</summary>
    public byte[]? Read(ReadOnlySpan<byte> key)
    {
        if (!read.Bind(1, key).Step())
            return null;
        byte[] value = read.Bytes(0).ToArray();
        read.Reset();
        return value;
    }

    /// <summary>Writes or replaces a record.</summary>
    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => write.Bind(1, key).Bind(2, value).Run();

    /// <summary>Removes the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/>.</summary>
    public void Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => remove.Bind(1, from).Bind(2, to).Run();

    /// <summary>The greatest key with <paramref name="low"/> ≤ key ≤ <paramref name="high"/>; null when there is none.</summary>
    public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        if (!last.Bind(1, low).Bind(2, high).Step())
            return null;
        byte[] key = last.Bytes(0).ToArray();
        last.Reset();
        return key;
    }

    /// <summary>Visits the records with <paramref name="from"/> ≤ key &lt; <paramref name="to"/> in byte order of their keys.</summary>
    public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        list.Bind(1, from).Bind(2, to);
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
}

namespace ZZFs.Stores;

// The wrapper's own records, a sorted map.
public sealed partial class EmbeddedStore
{
    private readonly MetadataStatements metadata;

    private sealed class MetadataStatements(SqliteDatabase database)
    {
        public SqliteStatement Read { get; } = database.Prepare("SELECT value FROM metadata WHERE key = ?1");

        public SqliteStatement Write { get; } = database.Prepare("INSERT OR REPLACE INTO metadata VALUES (?1, ?2)");

        public SqliteStatement Remove { get; } = database.Prepare("DELETE FROM metadata WHERE key >= ?1 AND key < ?2");

        public SqliteStatement Last { get; } =
            database.Prepare("SELECT key FROM metadata WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1");

        public SqliteStatement List { get; } =
            database.Prepare("SELECT key, value FROM metadata WHERE key >= ?1 AND key < ?2 ORDER BY key");
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key)
    {
        if (!metadata.Read.Bind(1, key).Step())
            return null;
        byte[] value = metadata.Read.Bytes(0).ToArray();
        metadata.Read.Reset();
        return value;
    }

    /// <inheritdoc/>
    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => metadata.Write.Bind(1, key).Bind(2, value).Run();

    /// <inheritdoc/>
    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => metadata.Remove.Bind(1, from).Bind(2, to).Run();

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        if (!metadata.Last.Bind(1, low).Bind(2, high).Step())
            return null;
        byte[] key = metadata.Last.Bytes(0).ToArray();
        metadata.Last.Reset();
        return key;
    }

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        SqliteStatement list = metadata.List.Bind(1, from).Bind(2, to);
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

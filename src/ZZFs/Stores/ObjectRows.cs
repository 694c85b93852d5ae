using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>The object array: the table <c>object</c>(index → record).</summary>
internal sealed class ObjectRows(SqliteDatabase database)
{
    /// <summary>What makes the table.</summary>
    public const string Schema = "CREATE TABLE object (position INTEGER PRIMARY KEY, record BLOB NOT NULL)";

    private readonly SqliteStatement read = database.Prepare("SELECT record FROM object WHERE position = ?1");
    private readonly SqliteStatement write = database.Prepare("INSERT OR REPLACE INTO object VALUES (?1, ?2)");
    private readonly MessageWriter writer = new();

    /// <summary>The record of a place; null when nothing was ever written there.</summary>
    /// <exception cref="StoreDamagedException">What is stored can't be a record.</exception>
    public ObjectRecord? Read(uint index)
    {
        if (!read.Bind(1, index).Step())
            return null;
        try
        {
            return ObjectRecord.TryDecode(index, read.Bytes(0).ToArray(), out ObjectRecord? record)
                ? record
                : throw database.Damaged($"the record of object {index} can't be read");
        }
        finally
        {
            read.Reset();
        }
    }

    /// <summary>Writes or replaces a record.</summary>
    public void Write(ObjectRecord record)
    {
        writer.Clear();
        record.Encode(writer);
        write.Bind(1, record.Index).Bind(2, writer.Written).Run();
    }
}

using System.Buffers.Binary;

namespace ZZFs.Stores;

/// <summary>
/// Content blocks of the embedded store: the table <c>content</c>(number → bytes). Which block of which file a row is, and in
/// which versions, is in the versioned table <c>block</c>; so a version keeps a block without a copy of it.
/// </summary>
internal sealed class ContentRows(SqliteDatabase database)
{
    /// <summary>What makes the table.</summary>
    public const string Schema = "CREATE TABLE content (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)";

    private readonly SqliteStatement read = database.Prepare("SELECT bytes FROM content WHERE id = ?1");
    private readonly SqliteStatement write = database.Prepare("INSERT OR REPLACE INTO content VALUES (?1, ?2)");
    private readonly SqliteStatement remove = database.Prepare("DELETE FROM content WHERE id = ?1");
    private long last = database.QueryNumber("SELECT coalesce(max(id), 0) FROM content");

    /// <summary>Reads a row into the start of <paramref name="destination"/> and zeroes the rest.</summary>
    /// <param name="id">As a row of <c>block</c> has it.</param>
    /// <param name="destination">A full block.</param>
    /// <returns>Whether there is a row, and a canonical one.</returns>
    public bool TryRead(ReadOnlySpan<byte> id, Span<byte> destination)
    {
        if (id.Length != sizeof(long) || !read.Bind(1, BinaryPrimitives.ReadInt64LittleEndian(id)).Step())
            return false;
        ReadOnlySpan<byte> stored = read.Bytes(0);
        bool canonical = !stored.IsEmpty && stored.Length <= destination.Length && stored[^1] != 0;
        if (canonical)
        {
            stored.CopyTo(destination);
            destination[stored.Length..].Clear();
        }

        read.Reset();
        return canonical;
    }

    /// <summary>Adds a row.</summary>
    /// <param name="content">Its content.</param>
    /// <param name="id">Gets what the row of <c>block</c> must have; 8 bytes.</param>
    public void Add(ReadOnlySpan<byte> content, Span<byte> id)
    {
        write.Bind(1, ++last).Bind(2, content).Run();
        BinaryPrimitives.WriteInt64LittleEndian(id, last);
    }

    /// <summary>Replaces the content of a row.</summary>
    public void Replace(ReadOnlySpan<byte> id, ReadOnlySpan<byte> content) => write.Bind(1, Number(id)).Bind(2, content).Run();

    /// <summary>Removes a row.</summary>
    public void Remove(ReadOnlySpan<byte> id) => remove.Bind(1, Number(id)).Run();

    private long Number(ReadOnlySpan<byte> id) => id.Length == sizeof(long)
        ? BinaryPrimitives.ReadInt64LittleEndian(id)
        : throw database.Damaged("a block's row can't be one");
}

using Agreement.Messages;

namespace ZZFs.Stores;

// File content: one row for each block that is not a hole.
public sealed partial class EmbeddedStore
{
    private readonly ContentStatements content;

    private sealed class ContentStatements(SqliteDatabase database)
    {
        public SqliteStatement Read { get; } = database.Prepare("SELECT content FROM block WHERE position = ?1");

        public SqliteStatement Has { get; } = database.Prepare("SELECT 1 FROM block WHERE position = ?1");

        public SqliteStatement Write { get; } = database.Prepare("INSERT OR REPLACE INTO block VALUES (?1, ?2)");

        public SqliteStatement Remove { get; } = database.Prepare("DELETE FROM block WHERE position BETWEEN ?1 AND ?2");

        public SqliteStatement Removed { get; } = database.Prepare("SELECT changes()");

        public SqliteStatement Next { get; } =
            database.Prepare("SELECT position FROM block WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT 1");
    }

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        if (!content.Read.Bind(1, Position(index, block)).Step())
        {
            destination.Clear();
            return false;
        }

        try
        {
            ReadOnlySpan<byte> stored = content.Read.Bytes(0);
            if (stored.IsEmpty || stored.Length > destination.Length || stored[^1] == 0)
                throw database.Damaged($"block {block} of object {index} is not in its canonical form");
            stored.CopyTo(destination);
            destination[stored.Length..].Clear();
            return true;
        }
        finally
        {
            content.Read.Reset();
        }
    }

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block)
    {
        bool found = content.Has.Bind(1, Position(index, block)).Step();
        content.Has.Reset();
        return found;
    }

    /// <inheritdoc/>
    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content) =>
        this.content.Write.Bind(1, Position(index, block)).Bind(2, content).Run();

    /// <inheritdoc/>
    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        content.Remove.Bind(1, Position(index, first)).Bind(2, Position(index, last)).Run();
        content.Removed.Step();
        ulong removed = (ulong)content.Removed.Number(0);
        content.Removed.Reset();
        return removed;
    }

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last)
    {
        bool found = content.Next.Bind(1, Position(index, first)).Bind(2, Position(index, last)).Step();
        ulong? next = found ? (ulong)content.Next.Number(0) & ((1UL << BlockBits) - 1) : null;
        content.Next.Reset();
        return next;
    }

    private static long Position(uint index, ulong block)
    {
        Invariant.That(block < 1UL << BlockBits);
        return (long)((ulong)index << BlockBits | block);
    }
}

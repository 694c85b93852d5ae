using System.Buffers.Binary;
using System.Numerics;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// Which content blocks of which files are stored, a bit each. The backing file system is not asked: it keeps holes in units
/// of its own, fills some and makes others.
/// </summary>
/// <remarks>
/// Table <c>allocation</c>(index · 2¹⁸ + chunk → bits), a chunk being 4096 blocks; the zero bytes at the end of a chunk are left
/// out, and empty chunks have no row. Changes wait in memory for <see cref="Flush"/>, within a bound.
/// </remarks>
internal sealed class BlockMap
{
    /// <summary>What makes the table.</summary>
    public const string Schema = "CREATE TABLE allocation (position INTEGER PRIMARY KEY, bits BLOB NOT NULL)";

    private const int ChunkShift = 12;
    private const int ChunkBlocks = 1 << ChunkShift;
    private const int IndexShift = 18;
    private const int CacheChunks = 4096;

    private readonly SqliteDatabase database;
    private readonly SqliteStatement read;
    private readonly SqliteStatement write;
    private readonly SqliteStatement remove;
    private readonly SqliteStatement next;
    private readonly WriteBackCache<ulong, Chunk> cache;
    private readonly byte[] buffer = new byte[ChunkBlocks / 8];

    public BlockMap(SqliteDatabase database)
    {
        this.database = database;
        read = database.Prepare("SELECT bits FROM allocation WHERE position = ?1");
        write = database.Prepare("INSERT OR REPLACE INTO allocation VALUES (?1, ?2)");
        remove = database.Prepare("DELETE FROM allocation WHERE position = ?1");
        next = database.Prepare("SELECT position FROM allocation WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT 1");
        cache = new WriteBackCache<ulong, Chunk>(CacheChunks, WriteIfChanged);
    }

    /// <summary>Whether a block is stored.</summary>
    public bool Has(uint index, ulong block) => Get(Position(index, block)).Has((int)(block % ChunkBlocks));

    /// <summary>Marks a block as stored, and says whether it was before.</summary>
    public bool Add(uint index, ulong block)
    {
        Chunk chunk = Get(Position(index, block));
        int bit = (int)(block % ChunkBlocks);
        if (chunk.Has(bit))
            return true;
        chunk.Words[bit / 64] |= 1UL << (bit % 64);
        chunk.Dirty = true;
        return false;
    }

    /// <summary>Marks the blocks from <paramref name="first"/> to <paramref name="last"/> as holes; returns how many were none.</summary>
    public ulong Remove(uint index, ulong first, ulong last)
    {
        ulong removed = 0;
        for (ulong? chunk = Position(index, first); chunk is { } position; chunk = NextChunk(position + 1, Position(index, last)))
        {
            int from = position == Position(index, first) ? (int)(first % ChunkBlocks) : 0;
            int to = position == Position(index, last) ? (int)(last % ChunkBlocks) : ChunkBlocks - 1;
            removed += (ulong)Get(position).Clear(from, to);
        }

        return removed;
    }

    /// <summary>How many blocks from <paramref name="first"/> to <paramref name="last"/> are stored.</summary>
    public ulong Count(uint index, ulong first, ulong last)
    {
        ulong count = 0;
        for (ulong? chunk = Position(index, first); chunk is { } position; chunk = NextChunk(position + 1, Position(index, last)))
        {
            int from = position == Position(index, first) ? (int)(first % ChunkBlocks) : 0;
            int to = position == Position(index, last) ? (int)(last % ChunkBlocks) : ChunkBlocks - 1;
            count += (ulong)Get(position).Count(from, to);
        }

        return count;
    }

    /// <summary>The first stored block from <paramref name="first"/> to <paramref name="last"/>; null when all are holes.</summary>
    public ulong? Next(uint index, ulong first, ulong last)
    {
        for (ulong? chunk = Position(index, first); chunk is { } position; chunk = NextChunk(position + 1, Position(index, last)))
        {
            int from = position == Position(index, first) ? (int)(first % ChunkBlocks) : 0;
            if (Get(position).Next(from) is not { } bit)
                continue;
            ulong found = ((position & ((1UL << IndexShift) - 1)) << ChunkShift) + (ulong)bit;
            return found <= last ? found : null;
        }

        return null;
    }

    /// <summary>Writes what changed to the database.</summary>
    public void Flush()
    {
        foreach (Chunk chunk in cache.Sorted())
            WriteIfChanged(chunk);
    }

    private static ulong Position(uint index, ulong block)
    {
        Invariant.That(block < 1UL << (IndexShift + ChunkShift));
        return (ulong)index << IndexShift | block >> ChunkShift;
    }

    private ulong? NextChunk(ulong from, ulong to)
    {
        if (from > to)
            return null;
        Flush();
        bool found = next.Bind(1, (long)from).Bind(2, (long)to).Step();
        ulong? position = found ? (ulong)next.Number(0) : null;
        next.Reset();
        return position;
    }

    private Chunk Get(ulong position)
    {
        if (cache.TryGet(position, out Chunk? chunk))
            return chunk;
        cache.Trim();
        chunk = new Chunk { Position = position };
        if (read.Bind(1, (long)position).Step())
        {
            ReadOnlySpan<byte> bits = read.Bytes(0);
            bool whole = bits.Length <= buffer.Length;
            if (whole)
            {
                buffer.AsSpan().Clear();
                bits.CopyTo(buffer);
            }

            read.Reset();
            if (!whole)
                throw database.Damaged("a map of stored blocks is too long");
            for (int i = 0; i < chunk.Words.Length; i++)
                chunk.Words[i] = BinaryPrimitives.ReadUInt64LittleEndian(buffer.AsSpan(i * sizeof(ulong)));
            chunk.Stored = true;
        }

        cache.Add(position, chunk);
        return chunk;
    }

    private void WriteIfChanged(Chunk chunk)
    {
        if (!chunk.Dirty)
            return;
        chunk.Dirty = false;
        for (int i = 0; i < chunk.Words.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(buffer.AsSpan(i * sizeof(ulong)), chunk.Words[i]);
        int length = buffer.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        if (length > 0)
            write.Bind(1, (long)chunk.Position).Bind(2, buffer.AsSpan(0, length)).Run();
        else if (chunk.Stored)
            remove.Bind(1, (long)chunk.Position).Run();
        chunk.Stored = length > 0;
    }

    private sealed class Chunk
    {
        public ulong Position { get; init; }

        public ulong[] Words { get; } = new ulong[ChunkBlocks / 64];

        // Differs from its row.
        public bool Dirty { get; set; }

        // Has a row.
        public bool Stored { get; set; }

        public bool Has(int bit) => (Words[bit / 64] & 1UL << (bit % 64)) != 0;

        public int? Next(int from)
        {
            ulong word = Words[from / 64] & ulong.MaxValue << (from % 64);
            for (int i = from / 64; ; word = Words[i])
            {
                if (word != 0)
                    return (i * 64) + BitOperations.TrailingZeroCount(word);
                if (++i == Words.Length)
                    return null;
            }
        }

        public int Count(int from, int to)
        {
            int count = 0;
            for (int i = from / 64; i <= to / 64; i++)
                count += BitOperations.PopCount(Words[i] & Mask(i, from, to));
            return count;
        }

        public int Clear(int from, int to)
        {
            int cleared = Count(from, to);
            for (int i = from / 64; i <= to / 64; i++)
                Words[i] &= ~Mask(i, from, to);
            Dirty |= cleared > 0;
            return cleared;
        }

        // The bits of a word that are in a range.
        private static ulong Mask(int word, int from, int to) =>
            (word == from / 64 ? ulong.MaxValue << (from % 64) : ulong.MaxValue)
            & (word == to / 64 ? ulong.MaxValue >> (63 - (to % 64)) : ulong.MaxValue);
    }
}

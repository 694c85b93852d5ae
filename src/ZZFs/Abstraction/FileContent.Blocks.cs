namespace ZZFs.Abstraction;

// The blocks in memory.
internal sealed partial class FileContent
{
    private CachedBlock Get(ObjectRecord file, ulong number, bool overwritten)
    {
        var key = new BlockKey(file.Index, number);
        if (cache.TryGet(key, out CachedBlock? block))
            return block;
        block = spare.TryPop(out CachedBlock? reused) ? reused : new CachedBlock();
        block.Key = key;
        block.Dirty = false;
        Span<byte> data = block.Data.AsSpan();
        if (file.AllocatedBytes == 0 || number >= BlocksOf(file.SizeBytes))
        {
            data.Clear();
            block.Stored = false;
        }
        else
        {
            block.Stored = overwritten ? store.HasBlock(file.Index, number) : store.ReadBlock(file.Index, number, data);
            if (!overwritten)
                guard.Check(file, number, block.Stored, data);
        }

        block.NonZero = block.Stored;
        cache.Add(key, block);
        return block;
    }

    // Whether the block has a byte that isn't zero once data is in it.
    private static bool NonZeroAfter(CachedBlock block, int start, ReadOnlySpan<byte> data)
    {
        if (data.ContainsAnyExcept((byte)0))
            return true;
        ReadOnlySpan<byte> content = block.Data.AsSpan();
        return block.NonZero
            && data.Length < BlockBytes
            && (content[..start].ContainsAnyExcept((byte)0) || content[(start + data.Length)..].ContainsAnyExcept((byte)0));
    }

    private static void SetNonZero(ObjectRecord file, CachedBlock block, bool nonZero)
    {
        if (block.NonZero == nonZero)
            return;
        block.NonZero = nonZero;
        file.AllocatedBytes = nonZero ? file.AllocatedBytes + BlockBytes : file.AllocatedBytes - BlockBytes;
    }

    // Forgets blocks without writing them. Says how many of them had data, and how many the store still has.
    private (ulong NonZero, ulong Stored) Discard(uint index, ulong first, ulong last)
    {
        ulong nonZero = 0;
        ulong stored = 0;
        if (last - first < CacheBlocks)
        {
            for (ulong number = first; number <= last; number++)
                DiscardOne(new BlockKey(index, number));
        }
        else
        {
            foreach (CachedBlock block in cache.Sorted())
            {
                if (block.Key.Index == index && block.Key.Number >= first && block.Key.Number <= last)
                    DiscardOne(block.Key);
            }
        }

        return (nonZero, stored);

        void DiscardOne(BlockKey key)
        {
            if (!cache.Remove(key, out CachedBlock? block))
                return;
            nonZero += block.NonZero ? 1UL : 0;
            stored += block.Stored ? 1UL : 0;
            spare.Push(block);
        }
    }

    private void Evict(CachedBlock block)
    {
        WriteIfChanged(block);
        spare.Push(block);
    }

    private void WriteIfChanged(CachedBlock block)
    {
        if (!block.Dirty)
            return;
        block.Dirty = false;
        if (!block.NonZero && !block.Stored)
            return;
        if (block.NonZero)
        {
            int length = block.Data.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
            store.WriteBlock(block.Key.Index, block.Key.Number, block.Data.AsSpan(0, length));
        }
        else
        {
            store.RemoveBlocks(block.Key.Index, block.Key.Number, block.Key.Number);
        }

        block.Stored = block.NonZero;
        changes.BlocksChanged(block.Key.Index, block.Key.Number, block.Key.Number);
        guard.Written(block.Key.Index);
    }

    private readonly record struct BlockKey(uint Index, ulong Number) : IComparable<BlockKey>
    {
        public int CompareTo(BlockKey other)
        {
            int order = Index.CompareTo(other.Index);
            return order != 0 ? order : Number.CompareTo(other.Number);
        }
    }

    private sealed class CachedBlock
    {
        public BlockKey Key { get; set; }

        public byte[] Data { get; } = new byte[BlockBytes];

        // The content differs from the store's.
        public bool Dirty { get; set; }

        // The store has a row for it.
        public bool Stored { get; set; }

        // The content has a byte that isn't zero.
        public bool NonZero { get; set; }
    }
}

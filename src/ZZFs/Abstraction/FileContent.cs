using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>
/// Content of files as blocks of <see cref="Specification.BlockBytes"/>, a block of zeros being a hole: what is allocated is
/// a function of the content. The blocks in use are kept in memory and written back later, so that small writes to one
/// place cost one write to the store.
/// </summary>
/// <remarks>Bytes past the end of a file are zero in its blocks, so that neither they nor their digests depend on where it ends.</remarks>
internal sealed partial class FileContent
{
    private const int BlockBytes = Specification.BlockBytes;
    private const int CacheBlocks = 256;

    private readonly IBackingStore store;
    private readonly WriteBackCache<BlockKey, CachedBlock> cache;
    private readonly Stack<CachedBlock> spare = [];
    private readonly StateChanges changes;
    private readonly ReadGuard guard;

    public FileContent(IBackingStore store, StateChanges changes, ReadGuard guard)
    {
        this.store = store;
        this.changes = changes;
        this.guard = guard;
        cache = new WriteBackCache<BlockKey, CachedBlock>(CacheBlocks, Evict);
    }

    /// <summary>How many blocks a file of that length has, holes included.</summary>
    public static ulong BlocksOf(ulong sizeBytes) => (sizeBytes + BlockBytes - 1) / BlockBytes;

    /// <summary>Fills <paramref name="destination"/> from a file that reaches as far.</summary>
    public void Read(ObjectRecord file, ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int start = (int)(offset % BlockBytes);
            int count = Math.Min(BlockBytes - start, destination.Length);
            ReadOnlySpan<byte> block = Get(file, offset / BlockBytes, overwritten: false).Data.AsSpan();
            block.Slice(start, count).CopyTo(destination);
            destination = destination[count..];
            offset += (ulong)count;
            cache.Trim();
        }
    }

    /// <summary>Whether writing <paramref name="data"/> there takes no more than <paramref name="freeBytes"/> of new blocks.</summary>
    public bool Fits(ObjectRecord file, ulong offset, ReadOnlySpan<byte> data, ulong freeBytes)
    {
        ulong bound = (BlocksOf(offset + (ulong)data.Length) - (offset / BlockBytes)) * BlockBytes;
        if (bound <= freeBytes)
            return true;
        long growth = 0;
        while (!data.IsEmpty)
        {
            int start = (int)(offset % BlockBytes);
            int count = Math.Min(BlockBytes - start, data.Length);
            CachedBlock block = Get(file, offset / BlockBytes, overwritten: false);
            if (block.NonZero != NonZeroAfter(block, start, data[..count]))
                growth += block.NonZero ? -BlockBytes : BlockBytes;
            data = data[count..];
            offset += (ulong)count;
            cache.Trim();
        }

        return growth <= 0 || (ulong)growth <= freeBytes;
    }

    /// <summary>Writes, and keeps the file's allocated bytes current. The caller sets the length afterwards.</summary>
    public void Write(ObjectRecord file, ulong offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int start = (int)(offset % BlockBytes);
            int count = Math.Min(BlockBytes - start, data.Length);
            CachedBlock block = Get(file, offset / BlockBytes, overwritten: count == BlockBytes);
            SetNonZero(file, block, NonZeroAfter(block, start, data[..count]));
            data[..count].CopyTo(block.Data.AsSpan(start));
            block.Dirty = true;
            data = data[count..];
            offset += (ulong)count;
            cache.Trim();
        }
    }

    /// <summary>Makes a range read as zeros; blocks that lie in it become holes.</summary>
    /// <param name="file">Which file; its length is still the old one.</param>
    /// <param name="offset">Start of the range.</param>
    /// <param name="end">Its end, excluded; what lies past the end of the file is ignored.</param>
    public void Clear(ObjectRecord file, ulong offset, ulong end)
    {
        end = Math.Min(end, file.SizeBytes);
        if (offset >= end)
            return;
        ulong first = BlocksOf(offset);
        // Zeros follow the end of the file anyway, so the last block may go as a whole.
        ulong last = end == file.SizeBytes ? BlocksOf(end) : end / BlockBytes;
        if (first > last)
        {
            ClearWithin(file, offset, end);
            return;
        }

        ClearWithin(file, offset, first * BlockBytes);
        if (last * BlockBytes < end)
            ClearWithin(file, last * BlockBytes, end);
        if (first < last)
            RemoveBlocks(file, first, last - 1);
    }

    /// <summary>Frees all content of a file that goes.</summary>
    public void Drop(ObjectRecord file)
    {
        ulong blocks = BlocksOf(file.SizeBytes);
        if (blocks > 0)
        {
            Discard(file.Index, 0, blocks - 1);
            store.RemoveBlocks(file.Index, 0, blocks - 1);
        }
    }

    /// <summary>The first data (or hole) at or after an offset within the file; the file's length when there is none.</summary>
    public ulong Seek(ObjectRecord file, ulong offset, bool hole)
    {
        WriteBack();
        ulong blocks = BlocksOf(file.SizeBytes);
        ulong block = offset / BlockBytes;
        if (hole)
        {
            while (block < blocks && store.HasBlock(file.Index, block))
                block++;
        }
        else
        {
            block = store.NextBlock(file.Index, block, blocks - 1) ?? blocks;
        }

        return Math.Min(Math.Max(offset, block * BlockBytes), file.SizeBytes);
    }

    /// <summary>Writes all blocks that changed to the store.</summary>
    public void WriteBack()
    {
        foreach (CachedBlock block in cache.Sorted())
            WriteIfChanged(block);
    }

    private void ClearWithin(ObjectRecord file, ulong offset, ulong end)
    {
        if (offset >= end)
            return;
        CachedBlock block = Get(file, offset / BlockBytes, overwritten: false);
        if (block.NonZero)
        {
            block.Data.AsSpan((int)(offset % BlockBytes), (int)(end - offset)).Clear();
            block.Dirty = true;
            SetNonZero(file, block, block.Data.AsSpan().ContainsAnyExcept((byte)0));
        }

        cache.Trim();
    }

    private void RemoveBlocks(ObjectRecord file, ulong first, ulong last)
    {
        (ulong nonZero, ulong stored) = Discard(file.Index, first, last);
        ulong removed = store.RemoveBlocks(file.Index, first, last);
        file.AllocatedBytes -= (nonZero + removed - stored) * BlockBytes;
        changes.BlocksChanged(file.Index, first, last);
        guard.Written(file.Index);
    }
}

using System.Buffers.Binary;
using System.Numerics;
using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

/// <summary>Which places of the object array are in use: one bit each, in memory, stored in chunks.</summary>
internal sealed class AllocationMap
{
    /// <summary>Length of a chunk as it is stored: 65,536 places.</summary>
    public const int ChunkBytes = ChunkWords * sizeof(ulong);

    /// <summary>Places of a chunk.</summary>
    public const int ChunkPlaces = ChunkWords * 64;

    private const int ChunkWords = 1024;

    private readonly IBackingStore store;
    private readonly uint totalObjects;
    private readonly SortedSet<int> dirtyChunks = [];
    private readonly byte[] chunkBuffer = new byte[ChunkBytes];
    private ulong[] words = new ulong[ChunkWords];
    private int firstWordWithRoom;

    public AllocationMap(IBackingStore store, uint totalObjects)
    {
        this.store = store;
        this.totalObjects = totalObjects;
        Load();
    }

    /// <summary>Places in use.</summary>
    public uint Used { get; private set; }

    /// <summary>Takes the lowest free place; null when there is none.</summary>
    public uint? Take()
    {
        if (Used >= totalObjects)
            return null;
        while (firstWordWithRoom < words.Length && words[firstWordWithRoom] == ulong.MaxValue)
            firstWordWithRoom++;
        if (firstWordWithRoom == words.Length)
            Array.Resize(ref words, words.Length * 2);
        uint index = ((uint)firstWordWithRoom * 64) + (uint)BitOperations.TrailingZeroCount(~words[firstWordWithRoom]);
        words[firstWordWithRoom] |= 1UL << (int)(index % 64);
        dirtyChunks.Add(firstWordWithRoom / ChunkWords);
        Used++;
        return index;
    }

    /// <summary>Frees a place.</summary>
    public void Free(uint index)
    {
        int word = (int)(index / 64);
        if (word >= words.Length || (words[word] & 1UL << (int)(index % 64)) == 0)
            throw new StoreDamagedException($"the store is damaged: object {index} is there and its place is marked free");
        words[word] &= ~(1UL << (int)(index % 64));
        dirtyChunks.Add(word / ChunkWords);
        firstWordWithRoom = Math.Min(firstWordWithRoom, word);
        Used--;
    }

    /// <summary>Stores the chunks that changed, and says which.</summary>
    public void WriteBack(StateChanges changes)
    {
        foreach (int chunk in dirtyChunks)
        {
            for (int i = 0; i < ChunkWords; i++)
                BinaryPrimitives.WriteUInt64LittleEndian(chunkBuffer.AsSpan(i * sizeof(ulong)), words[(chunk * ChunkWords) + i]);
            store.WriteMetadata(MetadataKey.Of(MetadataKind.Allocation, (uint)chunk), chunkBuffer);
            changes.Changed(SystemPlace.OfAllocation((uint)chunk));
        }

        dirtyChunks.Clear();
    }

    private void Load()
    {
        byte[] prefix = MetadataKey.Of(MetadataKind.Allocation);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, value) =>
        {
            uint chunk = key.Length == 5 ? BinaryPrimitives.ReadUInt32BigEndian(key[1..]) : uint.MaxValue;
            if (chunk > uint.MaxValue / 64 / ChunkWords || value.Length != chunkBuffer.Length)
                throw new StoreDamagedException("the store is damaged: its map of free places can't be read");
            int start = (int)chunk * ChunkWords;
            while (words.Length < start + ChunkWords)
                Array.Resize(ref words, words.Length * 2);
            for (int i = 0; i < ChunkWords; i++)
            {
                words[start + i] = BinaryPrimitives.ReadUInt64LittleEndian(value[(i * sizeof(ulong))..]);
                Used += (uint)BitOperations.PopCount(words[start + i]);
            }

            return true;
        });
    }
}

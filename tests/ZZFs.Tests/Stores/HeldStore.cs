using ZZFs.Abstraction;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>A store in memory whose snapshots take as long as a test wants, and that notices when it is used by two threads at a time.</summary>
internal sealed class HeldStore : ISnapshotStore
{
    private readonly MemoryStore memory = new();
    private readonly object hold = new();
    private ulong heldFrom = ulong.MaxValue;
    private readonly Lock versionGate = new();
    private int users;

    /// <summary>What the next snapshot fails with.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Whether versions can't be dropped.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Changes that reached the store.</summary>
    public int Changes { get; private set; }

    public IReadOnlyList<ulong> Versions
    {
        get
        {
            lock (versionGate)
                return memory.Versions;
        }
    }

    public long DiskBytes => 0;

    /// <summary>Makes snapshots from a number on wait for <see cref="Release"/>.</summary>
    public void Hold(ulong from = 0)
    {
        lock (hold)
        {
            heldFrom = from;
            Monitor.PulseAll(hold);
        }
    }

    public void Release() => Hold(ulong.MaxValue);

    public bool PrepareSnapshot() => Alone(() => false);

    public void TakeSnapshot(ulong number)
    {
        lock (hold)
        {
            while (number >= heldFrom)
                Monitor.Wait(hold);
        }

        if (Failure is { } failure)
            throw failure;
        lock (versionGate)
            memory.Commit(number);
    }

    public IStoreView OpenVersion(ulong number, Action ready)
    {
        ready();
        return OpenVersion(number);
    }

    public bool IsRead(ulong number) => false;

    public ulong CountBlocks(uint index, ulong first, ulong last) => Alone(() =>
    {
        ulong count = 0;
        for (ulong? block = memory.NextBlock(index, first, last); block is { } at; block = at < last ? memory.NextBlock(index, at + 1, last) : null)
            count++;
        return count;
    });

    public ObjectRecord? ReadObject(uint index) => Alone(() => memory.ReadObject(index));

    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        byte[] content = new byte[destination.Length];
        bool isStored = Alone(() => memory.ReadBlock(index, block, content));
        content.CopyTo(destination);
        return isStored;
    }

    public bool HasBlock(uint index, ulong block) => Alone(() => memory.HasBlock(index, block));

    public ulong? NextBlock(uint index, ulong first, ulong last) => Alone(() => memory.NextBlock(index, first, last));

    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name)
    {
        byte[] copy = name.ToArray();
        return Alone(() => memory.FindEntry(directory, copy));
    }

    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        byte[] copy = from.ToArray();
        Alone(() => memory.ListEntries(directory, copy, inclusive, visitor));
    }

    public byte[]? ReadMetadata(ReadOnlySpan<byte> key)
    {
        byte[] copy = key.ToArray();
        return Alone(() => memory.ReadMetadata(copy));
    }

    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high)
    {
        byte[] first = low.ToArray();
        byte[] last = high.ToArray();
        return Alone(() => memory.LastMetadataKey(first, last));
    }

    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
        byte[] first = from.ToArray();
        byte[] end = to.ToArray();
        Alone(() => memory.ListMetadata(first, end, visitor));
    }

    public void MakeObject(ObjectRecord record) => Change(() => memory.MakeObject(record));

    public void DropObject(uint index) => Change(() => memory.DropObject(index));

    public void WriteObject(ObjectRecord record) => Change(() => memory.WriteObject(record));

    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        byte[] copy = content.ToArray();
        Change(() => memory.WriteBlock(index, block, copy));
    }

    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        ulong removed = 0;
        Change(() => removed = memory.RemoveBlocks(index, first, last));
        return removed;
    }

    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target)
    {
        byte[] copy = name.ToArray();
        Change(() => memory.AddEntry(directory, copy, target));
    }

    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name)
    {
        byte[] copy = name.ToArray();
        Change(() => memory.RemoveEntry(directory, copy));
    }

    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        byte[] source = sourceName.ToArray();
        byte[] target = targetName.ToArray();
        Change(() => memory.MoveEntry(sourceDirectory, source, targetDirectory, target));
    }

    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        byte[] first = firstName.ToArray();
        byte[] second = secondName.ToArray();
        Change(() => memory.ExchangeEntries(firstDirectory, first, secondDirectory, second));
    }

    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        byte[] keyCopy = key.ToArray();
        byte[] valueCopy = value.ToArray();
        Change(() => memory.WriteMetadata(keyCopy, valueCopy));
    }

    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        byte[] first = from.ToArray();
        byte[] end = to.ToArray();
        Change(() => memory.RemoveMetadata(first, end));
    }

    public void Commit(ulong number) => throw new NotSupportedException();

    public void Harden(ulong number)
    {
    }

    public IStoreView OpenVersion(ulong number)
    {
        lock (versionGate)
            return memory.OpenVersion(number);
    }

    public bool TryDrop(ulong number)
    {
        lock (versionGate)
            return !IsBusy && memory.TryDrop(number);
    }

    public void Rollback(ulong number) => Alone(() => memory.Rollback(number));

    public void Dispose()
    {
        Release();
        memory.Dispose();
    }

    private void Change(Action change) => Alone(() =>
    {
        Changes++;
        change();
    });

    private void Alone(Action action) => Alone(() =>
    {
        action();
        return true;
    });

    // Visitors read, on the thread that lists.
    private T Alone<T>(Func<T> action)
    {
        int self = Environment.CurrentManagedThreadId;
        int before = Interlocked.CompareExchange(ref users, self, 0);
        Assert.True(before == 0 || before == self, "two threads use the store");
        try
        {
            return action();
        }
        finally
        {
            if (before == 0)
                Volatile.Write(ref users, 0);
        }
    }
}

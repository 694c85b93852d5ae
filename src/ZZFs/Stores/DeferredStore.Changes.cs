using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Changes: made at once, or kept in memory twice: as what is to be done, and as what will be found.
public sealed partial class DeferredStore
{
    /// <inheritdoc/>
    public void MakeObject(ObjectRecord record)
    {
        if (!Defers())
        {
            store.MakeObject(record);
            return;
        }

        ObjectRecord copy = pending.Write(record);
        Defer(0, to => to.MakeObject(copy));
    }

    /// <inheritdoc/>
    public void DropObject(uint index)
    {
        if (Defers())
            Defer(0, to => to.DropObject(index));
        else
            store.DropObject(index);
    }

    /// <inheritdoc/>
    public void WriteObject(ObjectRecord record)
    {
        if (!Defers())
        {
            store.WriteObject(record);
            return;
        }

        ObjectRecord copy = pending.Write(record);
        Defer(0, to => to.WriteObject(copy));
    }

    /// <inheritdoc/>
    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        if (!Defers())
        {
            store.WriteBlock(index, block, content);
            return;
        }

        byte[] copy = content.ToArray();
        pending.Blocks(index).Write(block, copy);
        Defer(copy.Length, to => to.WriteBlock(index, block, copy));
    }

    /// <inheritdoc/>
    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        if (!Defers())
            return store.RemoveBlocks(index, first, last);
        if (first > last)
            return 0;
        PendingBlocks blocks = pending.Blocks(index);
        ulong count;
        using (EnterStore())
            count = blocks.Count(first, last, (from, to) => store.CountBlocks(index, from, to));
        blocks.Remove(first, last);
        if (count > 0)
            Defer(0, to => to.RemoveBlocks(index, first, last));
        return count;
    }

    /// <inheritdoc/>
    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target)
    {
        if (!Defers())
        {
            store.AddEntry(directory, name, target);
            return;
        }

        byte[] copy = name.ToArray();
        pending.Entries.Write(PendingChanges.EntryKey(directory, copy), target);
        Defer(copy.Length, to => to.AddEntry(directory, copy, target));
    }

    /// <inheritdoc/>
    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name)
    {
        if (!Defers())
        {
            store.RemoveEntry(directory, name);
            return;
        }

        byte[] copy = name.ToArray();
        pending.Entries.Remove(PendingChanges.EntryKey(directory, copy));
        Defer(copy.Length, to => to.RemoveEntry(directory, copy));
    }

    /// <inheritdoc/>
    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        if (!Defers())
        {
            store.MoveEntry(sourceDirectory, sourceName, targetDirectory, targetName);
            return;
        }

        byte[] source = sourceName.ToArray();
        byte[] target = targetName.ToArray();
        ObjectId moved = Existing(sourceDirectory, source);
        pending.Entries.Remove(PendingChanges.EntryKey(sourceDirectory, source));
        pending.Entries.Write(PendingChanges.EntryKey(targetDirectory, target), moved);
        Defer(source.Length + target.Length, to => to.MoveEntry(sourceDirectory, source, targetDirectory, target));
    }

    /// <inheritdoc/>
    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        if (!Defers())
        {
            store.ExchangeEntries(firstDirectory, firstName, secondDirectory, secondName);
            return;
        }

        byte[] first = firstName.ToArray();
        byte[] second = secondName.ToArray();
        ObjectId firstTarget = Existing(firstDirectory, first);
        ObjectId secondTarget = Existing(secondDirectory, second);
        pending.Entries.Write(PendingChanges.EntryKey(firstDirectory, first), secondTarget);
        pending.Entries.Write(PendingChanges.EntryKey(secondDirectory, second), firstTarget);
        Defer(first.Length + second.Length, to => to.ExchangeEntries(firstDirectory, first, secondDirectory, second));
    }

    /// <inheritdoc/>
    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (!Defers())
        {
            store.WriteMetadata(key, value);
            return;
        }

        byte[] keyCopy = key.ToArray();
        byte[] valueCopy = value.ToArray();
        pending.Metadata.Write(keyCopy, valueCopy);
        Defer(keyCopy.Length + valueCopy.Length, to => to.WriteMetadata(keyCopy, valueCopy));
    }

    /// <inheritdoc/>
    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        if (!Defers())
        {
            store.RemoveMetadata(from, to);
            return;
        }

        var found = new List<byte[]>();
        ListMetadata(from, to, (key, _) =>
        {
            found.Add(key.ToArray());
            return true;
        });
        if (found.Count == 0)
            return;
        foreach (byte[] key in found)
            pending.Metadata.Remove(key);
        byte[] first = from.ToArray();
        byte[] end = to.ToArray();
        Defer(first.Length + end.Length, store => store.RemoveMetadata(first, end));
    }

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        FindEntry(directory, name) ?? throw new StoreDamagedException($"the store is damaged: an entry of directory {directory} vanished");
}

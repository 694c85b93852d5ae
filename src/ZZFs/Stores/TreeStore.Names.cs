using ZZFs.Abstraction;

namespace ZZFs.Stores;

// Objects and their names: the entries say what is, and the tree follows.
public sealed partial class TreeStore
{
    // A name for the moment between two renamings; other hidden names are numbers.
    private static ReadOnlySpan<byte> ExchangeName => "exchange"u8;

    /// <inheritdoc/>
    public void MakeObject(ObjectRecord record)
    {
        objects.Write(record);
        touched.Add(record.Index);
        if (record.Index != ObjectId.Root.Index)
            announced.Add(record.Index, new Announced(record.Type, record.RawDevice));
    }

    /// <inheritdoc/>
    public void DropObject(uint index)
    {
        places.Forget(index);
        if (!announced.Remove(index))
            places.Hidden.Remove(TreePlaces.HiddenName(index));
        links.Remove(index);
        touched.Remove(index);
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => entries.Find(directory, name);

    /// <inheritdoc/>
    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target)
    {
        places.Trim();
        Descriptor place = places.Directory(directory);
        if (announced.Remove(target.Index, out Announced made))
        {
            Make(target.Index, made, place, name);
        }
        else
        {
            (uint Directory, byte[] Name)? present = places.NameOf(target.Index);
            if (present is { } other)
                places.Directory(other.Directory).Link(other.Name, place, name);
            else
                places.Hidden.Rename(TreePlaces.HiddenName(target.Index), place, name);
        }

        entries.Add(directory, name, target);
        touched.Add(directory);
    }

    /// <inheritdoc/>
    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name)
    {
        places.Trim();
        Descriptor place = places.Directory(directory);
        ObjectId target = Existing(directory, name);
        entries.Remove(directory, name);
        if (places.NameOf(target.Index) is null)
            place.Rename(name, places.Hidden, TreePlaces.HiddenName(target.Index));
        else
            place.Remove(name);
        touched.Add(directory);
    }

    /// <inheritdoc/>
    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        places.Trim();
        Descriptor source = places.Directory(sourceDirectory);
        Descriptor target = places.Directory(targetDirectory);
        entries.Move(sourceDirectory, sourceName, targetDirectory, targetName);
        source.Rename(sourceName, target, targetName);
        touched.Add(sourceDirectory);
        touched.Add(targetDirectory);
    }

    /// <inheritdoc/>
    /// <remarks>In three steps, since not every file system exchanges names.</remarks>
    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        places.Trim();
        Descriptor first = places.Directory(firstDirectory);
        Descriptor second = places.Directory(secondDirectory);
        entries.Exchange(firstDirectory, firstName, secondDirectory, secondName);
        first.Rename(firstName, places.Hidden, ExchangeName);
        second.Rename(secondName, first, firstName);
        places.Hidden.Rename(ExchangeName, second, secondName);
        touched.Add(firstDirectory);
        touched.Add(secondDirectory);
    }

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        entries.List(directory, from, inclusive, visitor);

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        entries.Find(directory, name) ?? throw Damaged($"an entry of directory {directory} vanished");

    // Makes what was announced; what can't be made as such is an empty file.
    private void Make(uint index, Announced made, Descriptor place, ReadOnlySpan<byte> name)
    {
        switch (made.Type)
        {
            case ObjectType.File:
                places.Keep(index, place.CreateFile(name));
                return;
            case ObjectType.Directory:
                place.MakeDirectory(name);
                return;
            case ObjectType.Symlink when links.Read(index) is { } target && place.TryMakeSymlink(target, name):
            case not ObjectType.Symlink when place.TryMakeNode(name, made.Type, made.RawDevice):
                return;
            default:
                place.CreateFile(name).Dispose();
                return;
        }
    }

    private void MakeHidden(uint index)
    {
        if (announced.Remove(index, out Announced made))
            Make(index, made, places.Hidden, TreePlaces.HiddenName(index));
    }
}

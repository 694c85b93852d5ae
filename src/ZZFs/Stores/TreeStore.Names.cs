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
        live.Objects.Write(record);
        touched.Add(record.Index);
        if (record.Index != ObjectId.Root.Index)
            announced.Add(record.Index, new Announced(record.Type, record.RawDevice));
    }

    /// <inheritdoc/>
    public void DropObject(uint index)
    {
        live.Places.Forget(index);
        if (!announced.Remove(index))
            live.Places.Hidden.Remove(TreePlaces.HiddenName(index));
        live.Links.Remove(index);
        touched.Remove(index);
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => live.Entries.Find(directory, name);

    /// <inheritdoc/>
    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target)
    {
        live.Places.Trim();
        Descriptor place = live.Places.Directory(directory);
        if (announced.Remove(target.Index, out Announced made))
        {
            Make(target.Index, made, place, name);
        }
        else
        {
            (uint Directory, byte[] Name)? present = live.Places.NameOf(target.Index);
            if (present is { } other)
                live.Places.Directory(other.Directory).Link(other.Name, place, name);
            else
                live.Places.Hidden.Rename(TreePlaces.HiddenName(target.Index), place, name);
        }

        live.Entries.Add(directory, name, target);
        touched.Add(directory);
    }

    /// <inheritdoc/>
    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name)
    {
        live.Places.Trim();
        Descriptor place = live.Places.Directory(directory);
        ObjectId target = Existing(directory, name);
        live.Entries.Remove(directory, name);
        if (live.Places.NameOf(target.Index) is null)
            place.Rename(name, live.Places.Hidden, TreePlaces.HiddenName(target.Index));
        else
            place.Remove(name);
        touched.Add(directory);
    }

    /// <inheritdoc/>
    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        live.Places.Trim();
        Descriptor source = live.Places.Directory(sourceDirectory);
        Descriptor target = live.Places.Directory(targetDirectory);
        live.Entries.Move(sourceDirectory, sourceName, targetDirectory, targetName);
        source.Rename(sourceName, target, targetName);
        touched.Add(sourceDirectory);
        touched.Add(targetDirectory);
    }

    /// <inheritdoc/>
    /// <remarks>In three steps, since not every file system exchanges names.</remarks>
    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        live.Places.Trim();
        Descriptor first = live.Places.Directory(firstDirectory);
        Descriptor second = live.Places.Directory(secondDirectory);
        live.Entries.Exchange(firstDirectory, firstName, secondDirectory, secondName);
        first.Rename(firstName, live.Places.Hidden, ExchangeName);
        second.Rename(secondName, first, firstName);
        live.Places.Hidden.Rename(ExchangeName, second, secondName);
        touched.Add(firstDirectory);
        touched.Add(secondDirectory);
    }

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        live.Entries.List(directory, from, inclusive, visitor);

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        live.Entries.Find(directory, name) ?? throw Damaged($"an entry of directory {directory} vanished");

    // Makes what was announced; what can't be made as such is an empty file.
    private void Make(uint index, Announced made, Descriptor place, ReadOnlySpan<byte> name)
    {
        switch (made.Type)
        {
            case ObjectType.File:
                live.Places.Keep(index, place.CreateFile(name));
                return;
            case ObjectType.Directory:
                place.MakeDirectory(name);
                return;
            case ObjectType.Symlink when live.Links.Read(index) is { } target && place.TryMakeSymlink(target, name):
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
            Make(index, made, live.Places.Hidden, TreePlaces.HiddenName(index));
    }
}

using System.Buffers.Binary;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

// Which directories an object is in: what ".." means, whether a directory would move into itself, and what an export
// with a subtree lets its client reach. One directory is in the object's record, which is all for most; an object with
// several names has a count of them for each directory in the metadata.
public sealed partial class ConformanceWrapper
{
    private void AddParent(ObjectRecord target, uint directory)
    {
        target.LinkCount++;
        if (target.LinkCount == 1)
        {
            target.Parent = directory;
            return;
        }

        if (target.LinkCount == 2)
            Count(target.Index, target.Parent, 1);
        Count(target.Index, directory, 1);
    }

    private void RemoveParent(ObjectRecord target, uint directory)
    {
        target.LinkCount--;
        if (target.LinkCount == 0)
            return;
        Count(target.Index, directory, -1);
        if (target.LinkCount > 1)
            return;
        target.Parent = CountedParents(target)[0];
        Count(target.Index, target.Parent, -1);
    }

    private void MoveParent(ObjectRecord target, uint from, uint to)
    {
        if (target.IsDirectory || target.LinkCount == 1)
        {
            target.Parent = to;
            return;
        }

        Count(target.Index, from, -1);
        Count(target.Index, to, 1);
    }

    private List<uint> Parents(ObjectRecord target) =>
        target.IsDirectory || target.LinkCount == 1 ? [target.Parent] : CountedParents(target);

    private List<uint> CountedParents(ObjectRecord target)
    {
        var parents = new List<uint>();
        byte[] prefix = MetadataKey.Of(MetadataKind.Parent, target.Index);
        store.ListMetadata(prefix, MetadataKey.After(prefix), (key, _) =>
        {
            parents.Add(MetadataKey.LastNumber(key));
            return true;
        });
        if (parents.Count == 0 && target.LinkCount > 0)
            throw new StoreDamagedException($"the store is damaged: the names of object {target.Index} are unknown");
        return parents;
    }

    private void Count(uint index, uint directory, int change)
    {
        byte[] key = MetadataKey.Of(MetadataKind.Parent, index, directory);
        byte[]? stored = store.ReadMetadata(key);
        int count = (stored is { Length: sizeof(int) } ? BinaryPrimitives.ReadInt32LittleEndian(stored) : 0) + change;
        if (count < 0)
            throw new StoreDamagedException($"the store is damaged: the names of object {index} are miscounted");
        Span<byte> value = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(value, count);
        if (count > 0)
            store.WriteMetadata(key, value);
        else
            store.RemoveMetadata(key, [.. key, 0]);
    }

    // Whether the first is the second or above it.
    private bool IsAncestor(ObjectRecord ancestor, ObjectRecord directory)
    {
        if (!ancestor.IsDirectory)
            return false;
        uint steps = 0;
        for (ObjectRecord place = directory; ; place = objects.Load(place.Parent))
        {
            if (place == ancestor)
                return true;
            if (place.Index == ObjectId.Root.Index)
                return false;
            if (steps++ > objects.UsedObjects)
                throw new StoreDamagedException($"the store is damaged: directory {directory.Index} isn't below the root");
        }
    }

    // Any of its names below the exported subtree will do; an orphan is reachable for the session that keeps it.
    private bool IsReachable(ObjectRecord target)
    {
        if (target.IsDirectory)
            return IsAncestor(exportRoot!, target);
        return target.LinkCount == 0
            ? target.OrphanOf == context.Session
            : Parents(target).Exists(parent => IsAncestor(exportRoot!, objects.Load(parent)));
    }

    private ObjectRecord? FindSubtree(string path)
    {
        ObjectRecord place = objects.Load(ObjectId.Root);
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (store.FindEntry(place.Index, System.Text.Encoding.UTF8.GetBytes(name)) is not { } next)
                return null;
            place = objects.Load(next);
            if (!place.IsDirectory)
                return null;
        }

        return place;
    }
}

using System.Globalization;
using System.Text;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// Where the objects of a tree store are: below <c>tree/</c> by one of their names, or, without a name, in
/// <c>.zzfs/objects/</c> by their number. Keeps descriptors open, which renamings leave valid.
/// </summary>
/// <remarks>Needs an index on the targets of entries: a path is found upward, from an object to its directory.</remarks>
internal sealed class TreePlaces : IDisposable
{
    /// <summary>What makes the index.</summary>
    public const string Schema = "CREATE INDEX entry_target ON entry (target)";

    private const int CacheDescriptors = 512;

    private readonly SqliteDatabase database;
    private readonly SqliteStatement names;
    private readonly Descriptor tree;
    private readonly bool isReadOnly;
    private readonly WriteBackCache<uint, Descriptor> cache = new(CacheDescriptors, descriptor => descriptor.Dispose());

    /// <summary>Takes over the two directories.</summary>
    public TreePlaces(SqliteDatabase database, Descriptor tree, Descriptor hidden, bool isReadOnly)
    {
        this.database = database;
        this.tree = tree;
        this.isReadOnly = isReadOnly;
        Hidden = hidden;
        names = database.Prepare("SELECT directory, name FROM entry WHERE target = ?1 LIMIT 1");
    }

    /// <summary>The directory of objects without a name.</summary>
    public Descriptor Hidden { get; }

    /// <summary>What an object is called in <see cref="Hidden"/>.</summary>
    public static byte[] HiddenName(uint index) => Encoding.ASCII.GetBytes(index.ToString("x8", CultureInfo.InvariantCulture));

    /// <summary>One of an object's names with its directory's number; null when it has none.</summary>
    public (uint Directory, byte[] Name)? NameOf(uint index)
    {
        if (!names.Bind(1, index).Step())
            return null;
        long directory = names.Number(0);
        byte[] name = names.Bytes(1).ToArray();
        names.Reset();
        bool plausible = directory is >= 0 and <= uint.MaxValue
            && name.Length is > 0 and <= Specification.MaximumNameBytes
            && !name.AsSpan().ContainsAny((byte)0, (byte)'/')
            && name is not ([(byte)'.'] or [(byte)'.', (byte)'.']);
        return plausible ? ((uint)directory, name) : throw database.Damaged($"the name of object {index} can't be one");
    }

    /// <summary>A directory and the name in it under which the object is found.</summary>
    public (Descriptor Directory, byte[] Name) Locate(uint index) =>
        NameOf(index) is { } place ? (Directory(place.Directory), place.Name) : (Hidden, HiddenName(index));

    /// <summary>The descriptor of a directory, valid until <see cref="Trim"/>.</summary>
    public Descriptor Directory(uint index)
    {
        if (index == ObjectId.Root.Index)
            return tree;
        if (cache.TryGet(index, out Descriptor? known))
            return known;

        // Up to an ancestor that is open, then down again; only the directory that was asked for stays open, so that a deep
        // tree doesn't use up descriptors.
        var below = new Stack<byte[]>();
        var passed = new HashSet<uint>();
        Descriptor? start = null;
        for (uint at = index; start is null;)
        {
            if (!passed.Add(at))
                throw database.Damaged($"directory {index} lies in itself");
            (uint Directory, byte[] Name)? place = NameOf(at);
            below.Push(place?.Name ?? HiddenName(at));
            if (place is null)
                start = Hidden;
            else if (place.Value.Directory == ObjectId.Root.Index)
                start = tree;
            else if (cache.TryGet(at = place.Value.Directory, out Descriptor? open))
                start = open;
        }

        return Keep(index, Descend(start, below));
    }

    /// <summary>The descriptor of a file, valid until <see cref="Trim"/>.</summary>
    public Descriptor File(uint index)
    {
        if (cache.TryGet(index, out Descriptor? known))
            return known;
        (Descriptor directory, byte[] name) = Locate(index);
        return Keep(index, isReadOnly ? directory.OpenFileToRead(name) : directory.OpenFile(name));
    }

    /// <summary>Whether a descriptor of the object is at hand.</summary>
    public bool IsOpen(uint index) => cache.TryGet(index, out _);

    /// <summary>Keeps the descriptor of an object that was just made.</summary>
    public Descriptor Keep(uint index, Descriptor descriptor)
    {
        cache.Add(index, descriptor);
        return descriptor;
    }

    /// <summary>Closes what is open of an object that goes.</summary>
    public void Forget(uint index)
    {
        if (cache.Remove(index, out Descriptor? descriptor))
            descriptor.Dispose();
    }

    /// <summary>Closes descriptors beyond the bound. Nobody may hold one across this.</summary>
    public void Trim() => cache.Trim();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Descriptor descriptor in cache.Sorted())
            descriptor.Dispose();
        cache.Clear();
        tree.Dispose();
        Hidden.Dispose();
    }

    private static Descriptor Descend(Descriptor start, Stack<byte[]> below)
    {
        Descriptor at = start;
        while (below.TryPop(out byte[]? name))
        {
            Descriptor next;
            try
            {
                next = at.OpenDirectory(name);
            }
            finally
            {
                if (at != start)
                    at.Dispose();
            }

            at = next;
        }

        return at;
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace ZZFs.Stores;

/// <summary>
/// A btrfs subvolume, <c>current</c>, and its read-only snapshots, <c>snapshots/NUMBER</c>, in one directory.
/// </summary>
public sealed unsafe class BtrfsVolume : ISnapshotVolume
{
    private const long BtrfsMagic = 0x9123683E;
    private const int ErrorNotPermitted = 1;
    private const int ErrorNotEmpty = 39;

    // linux/btrfs.h: BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SNAP_DESTROY and BTRFS_IOC_SNAP_CREATE_V2, all with an argument of one
    // page. The first form of it is s64 descriptor, char name[4088]; the second s64 descriptor, u64 transaction, u64 flags,
    // u64[4], char name[4040]. Without BTRFS_SUBVOL_CREATE_ASYNC, a call returns when its transaction is on disk.
    private const nuint CreateSubvolume = 0x5000940E;
    private const nuint DestroySnapshot = 0x5000940F;
    private const nuint CreateSnapshot = 0x50009417;
    private const int ArgumentBytes = 4096;
    private const int FlagsOffset = 16;
    private const int NameOffset = 8;
    private const int SecondNameOffset = 56;
    private const ulong ReadOnly = 2;

    private static ReadOnlySpan<byte> Current => "current"u8;

    private readonly string folder;
    private readonly Descriptor place;
    private readonly Descriptor snapshots;

    private BtrfsVolume(string folder)
    {
        this.folder = folder;
        Name = "btrfs:" + folder;
        place = Descriptor.OpenRoot(folder, Name);
        try
        {
            snapshots = place.OpenDirectory("snapshots"u8);
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string WorkingPath => Path.Combine(folder, "current");

    /// <summary>Opens, or makes, the volume of a replica in a directory of a btrfs file system.</summary>
    /// <param name="path">The directory, which exists.</param>
    /// <param name="replica">The name of what belongs to the replica in there.</param>
    /// <exception cref="StoreException">The directory isn't there, isn't on btrfs, or can't be written.</exception>
    public static BtrfsVolume Open(string path, string replica)
    {
        Check(path);
        string folder = Path.Combine(path, replica);
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "snapshots"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreException($"the directory {folder} can't be made: {error.Message.TrimEnd('.')}");
        }

        return new BtrfsVolume(folder);
    }

    /// <summary>Throws unless a path is a directory on btrfs.</summary>
    /// <exception cref="StoreException">It isn't.</exception>
    public static void Check(string path)
    {
        if (!Directory.Exists(path))
            throw new StoreException($"there is no directory {path}");
        using var directory = Descriptor.OpenRoot(path, "btrfs:" + path);
        if (directory.FileSystemType() != BtrfsMagic)
            throw new StoreException($"{path} is not on a btrfs file system");
    }

    /// <inheritdoc/>
    public IReadOnlyList<ulong> Snapshots()
    {
        var numbers = new List<ulong>();
        foreach (string path in Directory.EnumerateDirectories(Path.Combine(folder, "snapshots")))
        {
            if (ulong.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
                numbers.Add(number);
        }

        numbers.Sort();
        return numbers;
    }

    /// <inheritdoc/>
    public void Take(ulong number)
    {
        using Descriptor current = place.OpenSubvolume(Current);
        Snapshot(current, snapshots, NameOf(number), ReadOnly);
    }

    /// <inheritdoc/>
    public ISnapshotPath OpenSnapshot(ulong number) => new SnapshotFolder(Path.Combine(folder, "snapshots", Encoding.ASCII.GetString(NameOf(number))));

    /// <inheritdoc/>
    public bool TryDestroy(ulong number)
    {
        Destroy(snapshots, NameOf(number));
        return true;
    }

    /// <inheritdoc/>
    public void Return(ulong number)
    {
        DestroyAbove(number);
        RemoveCurrent();
        using Descriptor snapshot = snapshots.OpenSubvolume(NameOf(number));
        Snapshot(snapshot, place, Current, 0);
    }

    /// <inheritdoc/>
    public void MakeEmpty()
    {
        DestroyAbove(0);
        RemoveCurrent();
        byte[] argument = Argument(Current, NameOffset);
        Control(place, CreateSubvolume, argument, "making a subvolume");
    }

    /// <summary>Bytes in use on the whole file system: btrfs doesn't count by subvolume unless told to.</summary>
    public long DiskBytes() => place.BytesInUse();

    /// <inheritdoc/>
    public void Dispose()
    {
        snapshots.Dispose();
        place.Dispose();
    }

    private static byte[] NameOf(ulong number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    // The newest first: after a crash the newest one left is what counts.
    private void DestroyAbove(ulong number)
    {
        foreach (ulong later in Snapshots().Where(snapshot => snapshot > number).Reverse())
            Destroy(snapshots, NameOf(later));
    }

    private void RemoveCurrent()
    {
        if (place.Has(Current))
            Destroy(place, Current);
    }

    private void Snapshot(Descriptor source, Descriptor directory, ReadOnlySpan<byte> name, ulong flags)
    {
        byte[] argument = Argument(name, SecondNameOffset);
        BinaryPrimitives.WriteInt64LittleEndian(argument, source.Number);
        BinaryPrimitives.WriteUInt64LittleEndian(argument.AsSpan(FlagsOffset), flags);
        Control(directory, CreateSnapshot, argument, "taking a snapshot");
    }

    private void Destroy(Descriptor directory, ReadOnlySpan<byte> name) =>
        Control(directory, DestroySnapshot, Argument(name, NameOffset), "removing a subvolume");

    private void Control(Descriptor directory, nuint request, byte[] argument, string what)
    {
        int error;
        fixed (byte* start = argument)
            error = directory.Control(request, start);
        if (error == 0)
            return;
        throw error switch
        {
            ErrorNotPermitted => new StoreException($"the store {Name} needs a replica that runs as root: {what} is not permitted"),
            ErrorNotEmpty => new StoreException($"the store {Name} failed: somebody made a subvolume inside of it"),
            _ => directory.Failure(what, error),
        };
    }

    private static byte[] Argument(ReadOnlySpan<byte> name, int offset)
    {
        byte[] argument = new byte[ArgumentBytes];
        name.CopyTo(argument.AsSpan(offset));
        return argument;
    }

    private sealed record SnapshotFolder(string Path) : ISnapshotPath
    {
        public void Dispose()
        {
        }
    }
}

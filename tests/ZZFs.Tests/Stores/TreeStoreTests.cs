using System.Diagnostics;
using System.Text;
using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Stores;
using ZZFs.Tests.Abstraction;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Stores;

/// <summary>What every tree store must do that a database can't: show a real tree, and never be led out of it.</summary>
public abstract class TreeStoreTests
{
    private readonly TreeVolumes volumes;
    private readonly string name = TreeVolumes.NewName();

    private protected TreeStoreTests(TreeVolumes volumes) => this.volumes = volumes;

    private string Tree => Path.Combine(volumes.WorkingPath(name), "tree");

    [StoreFact]
    public void A_snapshot_shows_the_files_as_they_are()
    {
        using IFileService service = volumes.OpenService(name);
        MakeSample(new FileServiceDriver(service));
        service.TakeCheckpoint(new SequenceNumber(1), []);
        List<string> expected = ListingOf(service);
        Assert.Equal(21, expected.Count);
        volumes.LookInto(name, 1, path => Assert.Equal(expected, ListingOf(Path.Combine(path, "tree"))));

        // What changes afterwards shows in the next one.
        var fs = new FileServiceDriver(service);
        fs.Must(new SetAttributes(Root, AttributeMask.Mode | AttributeMask.ModifyTime, 0x1c9, 0, 0, 0, default, new Timestamp(77_000_000_077), true));
        fs.Must(new Unlink(Root, Name("sticky"), false));
        volumes.LookInto(name, 1, path => Assert.Equal(expected, ListingOf(Path.Combine(path, "tree"))));
        service.TakeCheckpoint(new SequenceNumber(2), []);
        List<string> changed = ListingOf(service);
        Assert.NotEqual(expected, changed);
        volumes.LookInto(name, 2, path => Assert.Equal(changed, ListingOf(Path.Combine(path, "tree"))));
    }

    [StoreFact]
    public void Device_numbers_and_holes_are_in_the_tree()
    {
        using IFileService service = volumes.OpenService(name);
        var fs = new FileServiceDriver(service);
        fs.Must(new MakeNode(Root, Name("null"), ObjectType.CharacterDevice, 0x1b6, 0x103));
        ObjectId sparse = fs.File(Root, "sparse");
        fs.Write(sparse, 1UL << 30, new byte[] { 1 });
        ObjectId cut = fs.File(Root, "cut");
        byte[] random = new byte[1 << 20];
        new Random(1).NextBytes(random);
        fs.Write(cut, 0, random);
        fs.Must(new Allocate(cut, AllocateMode.PunchHole | AllocateMode.KeepSize, 100, (1 << 20) - 200, true));
        fs.Checkpoint(1);
        Assert.Equal("1 3", Shell("stat -c '%t %T' null"));
        Assert.InRange(int.Parse(Shell("stat -c %b sparse"), System.Globalization.CultureInfo.InvariantCulture), 1, 2048);
        random.AsSpan(100, random.Length - 200).Clear();
        Assert.Equal(random, File.ReadAllBytes(Path.Combine(Tree, "cut")));
        Assert.Equal(random, fs.Read(cut, 0, 1 << 20));
        Assert.Equal(2UL * Specification.BlockBytes, fs.Attributes(cut).AllocatedBytes);
    }

    [StoreFact]
    public void What_the_file_system_cannot_hold_is_kept_all_the_same()
    {
        const uint highest = uint.MaxValue - 1;
        var late = new Timestamp(long.MaxValue);
        ObjectId[] made;
        List<string> expected;
        using (IFileService service = volumes.OpenService(name, new VolumeLimits(ulong.MaxValue >> 4, 1000, 10)))
        {
            var fs = new FileServiceDriver(service);
            byte[] target = [.. Enumerable.Repeat((byte)'t', Specification.MaximumSymlinkBytes)];
            made =
            [
                fs.File(Root, "file"),
                fs.Directory(Root, "directory"),
                fs.Must(new MakeSymlink(Root, Name("link"), target)).Object!.Value,
                fs.Must(new MakeNode(Root, Name("device"), ObjectType.CharacterDevice, 0, uint.MaxValue)).Object!.Value,
                fs.Must(new MakeNode(Root, Name("fifo"), ObjectType.Fifo, 0, 0)).Object!.Value,
            ];
            fs.Write(made[0], Specification.MaximumFileBytes - 3, "end"u8.ToArray());
            foreach (ObjectId one in made)
            {
                fs.Must(fs.Chown(one, highest, highest));
                fs.Must(new SetAttributes(one, AttributeMask.AccessTime | AttributeMask.ModifyTime, 0, 0, 0, 0, late, late, true));
            }

            expected = [.. made.Select(one => fs.Attributes(one).ToString())];
            fs.Checkpoint(1);
        }

        using IFileService reopened = volumes.OpenService(name, new VolumeLimits(ulong.MaxValue >> 4, 1000, 10));
        var again = new FileServiceDriver(reopened);
        Assert.Equal(expected, made.Select(one => again.Attributes(one).ToString()));
        Assert.Equal("end"u8.ToArray(), again.Read(made[0], Specification.MaximumFileBytes - 3, 10));
        Assert.Equal(Specification.MaximumFileBytes - Specification.BlockBytes, again.Must(new Seek(made[0], 0, false)).Number);
        Assert.Equal(Specification.MaximumSymlinkBytes, again.Must(new ReadLink(made[2])).Data!.Value.Length);
        again.Must(new Link(made[2], Root, Name("second")));
        again.Must(new Link(made[3], made[1], Name("second")));
        again.Checkpoint(2);
    }

    [StoreFact]
    public void Reopening_and_rolling_back_lead_to_the_last_checkpoint()
    {
        Digest digest;
        List<string> expected;
        using (IFileService service = volumes.OpenService(name))
        {
            var fs = new FileServiceDriver(service);
            MakeSample(fs);
            digest = fs.Checkpoint(1);
            expected = ListingOf(service);
            Spoil(fs);
            service.Rollback();
            Assert.Equal(expected, ListingOf(service));
            Assert.Equal(digest, fs.Checkpoint(1));
            Spoil(fs);
        }

        using IFileService reopened = volumes.OpenService(name);
        Assert.Equal(expected, ListingOf(reopened));
        Assert.Equal(expected, ListingOf(Tree));
        var again = new FileServiceDriver(reopened);
        Assert.Equal(digest, again.Checkpoint(1));

        // And the state is whole: other work on it ends well.
        Spoil(again);
        Digest spoiled = again.Checkpoint(2);
        Assert.NotEqual(digest, spoiled);
        Assert.Equal(ListingOf(reopened), ListingOf(Tree));
    }

    [StoreFact]
    public void A_new_volume_rolls_back_to_its_empty_root()
    {
        using (IFileService service = volumes.OpenService(name))
        {
            var fs = new FileServiceDriver(service);
            fs.File(Root, "f");
            service.Rollback();
            Assert.Empty(fs.List(Root));
            Assert.Equal(1UL, fs.File(Root, "g").Generation);
        }

        using IFileService reopened = volumes.OpenService(name);
        Assert.Empty(new FileServiceDriver(reopened).List(Root));
    }

    [StoreFact]
    public void The_last_two_snapshots_stay()
    {
        using (IFileService service = volumes.OpenService(name))
        {
            var fs = new FileServiceDriver(service);
            for (ulong i = 1; i <= 5; i++)
            {
                fs.File(Root, "f" + i);
                fs.Checkpoint(i);
            }
        }

        using StoreLock held = volumes.Hold(name);
        using ISnapshotVolume volume = volumes.OpenVolume(name, held);
        Assert.Equal([4, 5], volume.Snapshots());
    }

    [StoreFact]
    public void Two_processes_cannot_use_one_store()
    {
        using IFileService service = volumes.OpenService(name);
        new FileServiceDriver(service).File(Root, "f");
        Assert.Contains("in use", Assert.Throws<StoreException>(() => volumes.OpenService(name)).Message, StringComparison.Ordinal);
        Assert.Equal(["f"], new FileServiceDriver(service).List(Root));
    }

    [StoreFact]
    public void Deep_directories_are_reached_and_moved()
    {
        Digest digest;
        using (IFileService service = volumes.OpenService(name))
        {
            var fs = new FileServiceDriver(service);
            ObjectId at = Root;
            for (int i = 0; i < 1200; i++)
                at = fs.Directory(at, "directory");
            fs.File(at, "deep");

            // The top goes below another, and what is below it is found all the same.
            ObjectId other = fs.Directory(Root, "other");
            fs.Must(new Rename(Root, Name("directory"), other, Name("moved"), RenameMode.NoReplace, false));
            fs.Write(fs.File(at, "deeper"), 0, "content"u8.ToArray());
            digest = fs.Checkpoint(1);
        }

        using IFileService reopened = volumes.OpenService(name);
        var again = new FileServiceDriver(reopened);
        ObjectId place = again.Find(again.Find(Root, "other"), "moved");
        for (int i = 1; i < 1200; i++)
            place = again.Find(place, "directory");
        Assert.Equal("content"u8.ToArray(), again.Read(again.Find(place, "deeper"), 0, 100));
        again.Write(again.File(place, "deepest"), 0, new byte[] { 1 });
        again.Must(new Unlink(place, Name("deepest"), false));
        Assert.NotEqual(digest, again.Checkpoint(1));
        Assert.Equal("7", Shell("find . -name deeper -printf %s"));
    }

    [StoreFact]
    public void Nothing_planted_in_the_tree_leads_out_of_it()
    {
        string outside = Directory.CreateTempSubdirectory("zzfs-outside-").FullName;
        try
        {
            string victim = Path.Combine(outside, "f");
            File.WriteAllText(victim, "untouched");
            foreach (string plant in (string[])["ln -s " + victim + " d/f", "ln " + "g d/f", "mkfifo d/f", "mkdir d/f", "true"])
                AssertDamaged($"rm d/f; {plant}");
            AssertDamaged($"mv d old; ln -s {outside} d");
            AssertDamaged($"mv d old; mkdir d; mount --bind {outside} d");
            Assert.Equal("untouched", File.ReadAllText(victim));
            Assert.Equal([victim], Directory.GetFileSystemEntries(outside));
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(victim) & UnixFileMode.OtherExecute);
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    private void AssertDamaged(string command)
    {
        string store = TreeVolumes.NewName();
        string tree = Path.Combine(volumes.WorkingPath(store), "tree");
        using (IFileService made = volumes.OpenService(store))
        {
            var fs = new FileServiceDriver(made);
            fs.Write(fs.File(fs.Directory(Root, "d"), "f"), 0, "content"u8.ToArray());
            fs.File(Root, "g");
            fs.Checkpoint(1);
        }

        using IFileService service = volumes.OpenService(store);
        try
        {
            Shell(command, tree);
            var fs = new FileServiceDriver(service);
            ObjectId file = fs.Find(fs.Find(Root, "d"), "f");
            StoreException failure = Assert.Throws<StoreDamagedException>(() =>
            {
                fs.Write(file, 0, "changed"u8.ToArray());
                fs.Must(fs.Chmod(file, 0x1ff));
                fs.File(fs.Find(Root, "d"), "new");
                fs.Checkpoint(2);
            });
            Assert.DoesNotContain('\n', failure.Message);
        }
        finally
        {
            Shell("umount d 2>/dev/null; true", tree);
        }
    }

    // One of everything that there is.
    private static void MakeSample(FileServiceDriver fs)
    {
        byte[] random = new byte[100_000];
        new Random(3).NextBytes(random);
        ObjectId file = fs.File(Root, "file", 0x1a0);
        fs.Write(file, 0, random);
        ObjectId directory = fs.Directory(Root, "directory", 0x1e8);
        fs.Must(new Link(file, directory, Name("second")));
        fs.Must(new Rename(Root, Name("file"), directory, Name("first"), RenameMode.NoReplace, false));
        ObjectId program = fs.File(Root, "program", 0x9ed);
        fs.Write(program, 40_000, new byte[] { 1 });
        fs.Must(fs.Chown(program, 1234, 5678));
        fs.Must(fs.Chmod(program, 0xded));
        ObjectId longer = fs.File(Root, "longer than its blocks");
        fs.Write(longer, 5, "x"u8.ToArray());
        fs.Must(fs.Truncate(longer, 1_000_000));
        ObjectId shorter = fs.File(Root, "shorter");
        fs.Write(shorter, 0, random);
        fs.Must(fs.Truncate(shorter, 70_001));
        fs.Must(new MakeSymlink(Root, Name("link"), Name("../nowhere")));
        fs.Must(new MakeSymlink(Root, Name("to file"), Name("directory/first")));
        fs.Must(new Link(fs.Find(Root, "link"), Root, Name("same link")));
        fs.Must(new SetAttributes(fs.Find(Root, "link"), AttributeMask.ModifyTime, 0, 0, 0, 0, default, new Timestamp(12_345_678_912), true));
        fs.Must(new MakeNode(Root, Name("fifo"), ObjectType.Fifo, 0x1a4, 0));
        fs.Must(new MakeNode(Root, Name("socket"), ObjectType.Socket, 0x1ed, 0));
        fs.Must(new MakeNode(Root, Name("device"), ObjectType.CharacterDevice, 0x1b0, 0x103));
        fs.Must(new MakeNode(Root, Name("disk"), ObjectType.BlockDevice, 0x1b0, 0x700));
        ObjectId sticky = fs.Directory(Root, "sticky", 0x3ff);
        fs.Must(new Rename(Root, Name("sticky"), directory, Name("below"), RenameMode.NoReplace, false));
        fs.Must(new MakeSymlink(Root, Name("sticky"), new string('t', 900).Select(c => (byte)c).ToArray()));
        foreach (byte[] odd in (byte[][])[[.. Enumerable.Repeat((byte)0xff, 255)], "\n\t *"u8.ToArray(), [1], "é"u8.ToArray()])
            fs.Must(new Create(sticky, odd, 0x180, true));
        fs.Must(new MakeDirectory(sticky, (byte[])[0xc3], 0));
        fs.Must(new SetAttributes(file, AttributeMask.AccessTime | AttributeMask.ModifyTime, 0, 0, 0, 0, new Timestamp(1_000_000_001), new Timestamp(2_000_000_000_123_456_789), true));
        fs.Must(new SetAttributes(sticky, AttributeMask.ModifyTime, 0, 0, 0, 0, default, new Timestamp(5), true));

        // What has no name is in no listing, and what a name was given to twice is.
        fs.File(Root, "orphan");
        fs.Must(new Unlink(Root, Name("orphan"), true));
        fs.Must(new Rename(Root, Name("shorter"), Root, Name("program"), RenameMode.Exchange, false));
    }

    private static void Spoil(FileServiceDriver fs)
    {
        ObjectId directory = fs.Find(Root, "directory");
        fs.Write(fs.Find(directory, "first"), 50_000, "changed"u8.ToArray());
        fs.Must(new Rename(directory, Name("second"), Root, Name("fifo"), RenameMode.Replace, false));
        fs.Must(new Rename(Root, Name("directory"), Root, Name("device"), RenameMode.Exchange, false));
        fs.Must(fs.Truncate(fs.Find(Root, "program"), 3));
        fs.Must(new Unlink(Root, Name("shorter"), false));
        fs.Must(new Unlink(Root, Name("same link"), true));
        fs.Must(fs.Chown(Root, 5, 6));
        byte[] random = new byte[1 << 20];
        new Random(7).NextBytes(random);
        ObjectId large = fs.File(Root, "large");
        for (ulong i = 0; i < 8; i++)
            fs.Write(large, i << 20, random);
    }

    private List<string> ListingOf(IFileService service) => TreeListing.Of(service, volumes.HasFractions);

    private List<string> ListingOf(string directory) => TreeListing.Of(directory, volumes.HasFractions);

    private string Shell(string command) => Shell(command, Tree);

    private static string Shell(string command, string directory)
    {
        var start = new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = directory, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.Latin1 };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.TrimEnd();
    }
}

[Collection(BtrfsGroup.Name)]
[Needs(Backing.Btrfs)]
public sealed class BtrfsStoreTests(BtrfsSystem btrfs) : TreeStoreTests(new BtrfsVolumes(btrfs.Path));

[Collection(ZfsGroup.Name)]
[Needs(Backing.Zfs)]
public sealed class ZfsStoreTests(ZfsSystem zfs) : TreeStoreTests(new ZfsVolumes(zfs.Pool, zfs.Path))
{
    [StoreFact]
    public void What_is_missing_is_named_in_one_sentence()
    {
        Assert.Equal(
            "there is no zfs command; install OpenZFS (package zfsutils-linux) or zfs-fuse",
            Assert.Throws<StoreException>(() => ZfsCommand.Find(null, "/nonexistent:")).Message);
        Assert.Equal(
            $"there is no ZFS pool or dataset {zfs.Pool}/none: cannot open '{zfs.Pool}/none': dataset does not exist",
            Assert.Throws<StoreException>(() => ZfsVolume.Check(zfs.Pool + "/none")).Message);
    }
}

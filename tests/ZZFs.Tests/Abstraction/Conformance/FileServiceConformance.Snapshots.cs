using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction.Conformance;

// The hidden directory of checkpoints: .zzfs/snapshot.
public abstract partial class FileServiceConformance
{
    private ObjectId SnapshotList => Fs.Find(Fs.Find(Root, ".zzfs"), "snapshot");

    private Operation Keep(string name, ulong number) =>
        new MakeSymlink(SnapshotList, Name(name), Name(number.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    [StoreFact]
    public void A_snapshot_shows_what_was_whatever_happens_then()
    {
        ObjectId directory = Fs.Directory(Root, "d");
        ObjectId file = Fs.File(directory, "f", 0x124);
        Fs.Write(file, 0, Ten);
        Fs.Must(new Link(file, Root, Name("hard")));
        Fs.Must(new MakeSymlink(directory, Name("soft"), Name("f")));
        Fs.Must(new SetXattr(file, Name("user.x"), Ten, 0));
        Attributes before = Fs.Attributes(file);
        Fs.Checkpoint(10);

        Fs.Write(file, 3, new byte[] { 1, 2, 3 });
        Fs.Must(new SetXattr(file, Name("user.x"), Name("other"), 0));
        Fs.Must(new Unlink(directory, Name("f"), false));
        Fs.Must(new Unlink(directory, Name("soft"), false));
        Fs.File(directory, "new");
        Fs.Checkpoint(20);
        Fs.Must(new Unlink(Root, Name("hard"), false));

        ObjectId old = Fs.Find(SnapshotList, "10");
        ObjectId oldDirectory = Fs.Find(old, "d");
        ObjectId oldFile = Fs.Find(oldDirectory, "f");
        Assert.Equal(["d", "hard"], Fs.List(old));
        Assert.Equal(["f", "soft"], Fs.List(oldDirectory));
        Assert.Equal(before, Fs.Attributes(oldFile));
        Assert.Equal(oldFile, Fs.Find(old, "hard"));
        Assert.Equal(Ten.ToArray(), Fs.Read(oldFile, 0, 100));
        Assert.Equal(Ten.ToArray(), Fs.Must(new GetXattr(oldFile, Name("user.x"))).Data!.Value.ToArray());
        Assert.Equal("f"u8.ToArray(), Fs.Must(new ReadLink(Fs.Find(oldDirectory, "soft"))).Data!.Value.ToArray());
        Assert.Equal(4ul, Fs.Must(new Seek(oldFile, 4, false)).Number);
        Assert.Equal(["hard"], Fs.List(Fs.Find(SnapshotList, "20")).Where(name => name != "d"));
        Assert.Equal(["d"], Fs.List(Root));
        Fs.Fails(Errno.ENOENT, new Lookup(oldDirectory, Name("new")));
        Fs.Fails(Errno.ENOENT, new Lookup(old, Name(".zzfs")));
    }

    [StoreFact]
    public void The_last_two_checkpoints_are_shown_and_kept_ones()
    {
        Assert.Empty(Fs.List(SnapshotList));
        for (ulong number = 1; number <= 5; number++)
        {
            Fs.File(Root, $"f{number}");
            Fs.Checkpoint(number);
            if (number == 2)
                Fs.Must(Keep("before", 2));
        }

        Assert.Equal(["2", "4", "5", "before"], Fs.List(SnapshotList));
        Assert.Equal(["2", "4", "5", "before"], Fs.List(SnapshotList, page: 1));
        Assert.Equal(["snapshot"], Fs.List(Fs.Find(Root, ".zzfs")));
        Assert.Equal("2"u8.ToArray(), Fs.Must(new ReadLink(Fs.Find(SnapshotList, "before"))).Data!.Value.ToArray());
        Assert.Equal(["f1", "f2"], Fs.List(Fs.Find(SnapshotList, "2")));
        Assert.DoesNotContain(".zzfs", Fs.List(Root));

        ObjectId kept = Fs.Find(SnapshotList, "2");
        Fs.Must(new Unlink(SnapshotList, Name("before"), false));
        Fs.Fails(Errno.ENOENT, new Lookup(SnapshotList, Name("2")));
        Fs.Fails(Errno.ESTALE, new GetAttributes(kept));
        foreach (string name in (string[])["1", "3", "6", "04", "+4", "", "x", "18446744073709551615", "9223372036854775812"])
            Fs.Fails(Errno.ENOENT, new Lookup(SnapshotList, Name(name)));
    }

    [StoreFact]
    public void Names_of_snapshots_survive_a_checkpoint_and_are_lost_with_a_rollback()
    {
        Fs.Checkpoint(1);
        Fs.Must(Keep("a", 1));
        Digest digest = Fs.Checkpoint(2);
        Fs.Must(Keep("b", 2));
        Assert.NotEqual(digest, Fs.Checkpoint(3));
        Fs.Must(new Unlink(SnapshotList, Name("a"), false));
        Fs.Service.Rollback();
        Assert.Equal(["1", "2", "3", "a", "b"], Fs.List(SnapshotList));
        Fs.Must(new Unlink(SnapshotList, Name("b"), false));
        Assert.Equal(digest, Fs.Checkpoint(4));
    }

    [StoreFact]
    public void A_snapshot_cannot_be_changed()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, 0, Ten);
        ObjectId directory = Fs.Directory(Root, "d");
        Fs.Checkpoint(1);
        ObjectId root = Fs.Find(SnapshotList, "1");
        ObjectId old = Fs.Find(root, "f");
        Operation[] changes =
        [
            new Write(old, 0, Ten, false, true), Fs.Chmod(old, 0), Fs.Truncate(old, 0), new Create(root, Name("x"), 0, true),
            new MakeDirectory(root, Name("x"), 0), new MakeSymlink(root, Name("x"), Name("y")), new MakeNode(root, Name("x"), ObjectType.Fifo, 0, 0),
            new Unlink(root, Name("f"), false), new RemoveDirectory(root, Name("d")), new Rename(root, Name("f"), root, Name("g"), RenameMode.Replace, false),
            new Rename(Root, Name("f"), root, Name("g"), RenameMode.Replace, false), new Link(file, root, Name("x")), new SetXattr(old, Name("user.x"), Ten, 0),
            new RemoveXattr(old, Name("user.x")), new Allocate(old, 0, 0, 10, true), new CopyRange(file, 0, old, 0, 10), new CheckAccess(old, 2),
            new MakeDirectory(SnapshotList, Name("x"), 0), new RemoveDirectory(Root, Name(".zzfs")), new Rename(Root, Name(".zzfs"), Root, Name("x"), RenameMode.Replace, false),
            new Rename(Root, Name("f"), Root, Name(".zzfs"), RenameMode.Replace, false), new Link(file, Root, Name(".zzfs")), Fs.Chmod(SnapshotList, 0),
        ];
        foreach (Operation change in changes)
            Fs.Fails(Errno.EROFS, change);
        Fs.Fails(Errno.EEXIST, new Create(Root, Name(".zzfs"), 0, true));
        Fs.Fails(Errno.EEXIST, new MakeDirectory(Root, Name(".zzfs"), 0));

        // Programs that copy then read and write.
        Fs.Fails(Errno.EXDEV, new CopyRange(old, 0, file, 0, 10));
        Fs.Fails(Errno.EXDEV, new Link(old, directory, Name("x")));
        Fs.Fails(Errno.EXDEV, new Rename(root, Name("f"), directory, Name("x"), RenameMode.Replace, false));
        Assert.Equal(Ten.ToArray(), Fs.Read(old, 0, 100));
    }

    [StoreFact]
    public void Who_may_keep_and_see_snapshots()
    {
        ObjectId secret = Fs.Directory(Root, "secret", 0x1c0);
        Fs.File(secret, "f");
        Fs.Directory(Root, "sub");
        Fs.Checkpoint(1);
        Fs.Must(Keep("a", 1));
        Fs.User = Someone(5);
        Fs.Fails(Errno.EPERM, Keep("b", 1));
        Fs.Fails(Errno.EPERM, new Unlink(SnapshotList, Name("a"), false));
        Fs.Fails(Errno.EACCES, new Lookup(Fs.Find(Fs.Find(SnapshotList, "1"), "secret"), Name("f")));
        Fs.User = Credentials.Superuser;
        Fs.Export = ExportEntry.Full with { ReadOnly = true };
        Fs.Fails(Errno.EROFS, Keep("b", 1));
        Assert.Equal(["secret", "sub"], Fs.List(Fs.Find(SnapshotList, "1")));

        // Whoever sees a part of the volume only sees nothing of snapshots, which hold all of it.
        ObjectId hidden = Fs.Find(SnapshotList, "1");
        Fs.Export = ExportEntry.Full with { Subtree = "/sub" };
        Fs.Fails(Errno.ENOENT, new Lookup(Root, Name(".zzfs")));
        Fs.Fails(Errno.ESTALE, new GetAttributes(hidden));
        Fs.Fails(Errno.ESTALE, new ReadDirectory(hidden, default, 10, 1000));
    }

    [StoreFact]
    public void What_the_disk_holds_is_told_and_old_checkpoints_go()
    {
        Assert.Equal((0, 0L), (Fs.Service.RetainedCheckpoints, Fs.Service.DiskBytes));
        ObjectId file = Fs.File(Root, "f");
        for (ulong number = 1; number <= 8; number++)
        {
            Fs.Write(file, 0, new byte[] { (byte)number });
            Fs.Checkpoint(number);
            Fs.Service.CheckpointIsStable(new SequenceNumber(number));
            while (Fs.Service.DropOldCheckpoint())
            {
            }
        }

        Assert.Equal(2, Fs.Service.RetainedCheckpoints);
        Assert.True(Fs.Service.DiskBytes > 0);
    }

    [StoreFact]
    public void Names_of_snapshots_are_checked_and_bounded()
    {
        Fs.Checkpoint(1);
        Fs.Fails(Errno.EINVAL, Keep("7", 1));
        Fs.Fails(Errno.ENAMETOOLONG, Keep(new string('x', 256), 1));
        Fs.Fails(Errno.EEXIST, Keep("..", 1));
        Fs.Fails(Errno.ENOENT, Keep("a", 9));
        Fs.Fails(Errno.ENOENT, new MakeSymlink(SnapshotList, Name("a"), Name("nonsense")));
        Fs.Fails(Errno.ENOENT, new Unlink(SnapshotList, Name("a"), false));
        Fs.Fails(Errno.EISDIR, new Unlink(SnapshotList, Name("1"), false));
        for (int i = 0; i < SnapshotId.MaximumNames; i++)
            Fs.Must(Keep($"name {i}", 1));
        Fs.Fails(Errno.EEXIST, Keep("name 3", 1));
        Fs.Fails(Errno.ENOSPC, Keep("one more", 1));
        Fs.Must(new Unlink(SnapshotList, Name("name 3"), false));
        Fs.Must(Keep("one more", 1));
        Assert.Equal(SnapshotId.MaximumNames, Fs.List(SnapshotList).Count - 1);
    }

    // A name that is given up is there again after a rollback, and what it keeps must be, too: else this replica alone would
    // answer otherwise when the order is replayed.
    [StoreFact]
    public void What_was_kept_at_the_last_checkpoint_is_there_after_a_rollback()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, 0, Ten);
        Fs.Checkpoint(1);
        Fs.Must(Keep("a", 1));
        for (ulong number = 2; number <= 5; number++)
            Fs.Checkpoint(number);
        Fs.Must(new Unlink(SnapshotList, Name("a"), false));
        while (Fs.Service.DropOldCheckpoint())
        {
        }

        Fs.Service.Rollback();
        Assert.Equal(["1", "4", "5", "a"], Fs.List(SnapshotList));
        Assert.Equal(Ten.ToArray(), Fs.Read(Fs.Find(Fs.Find(SnapshotList, "1"), "f"), 0, 100));
    }

    [StoreFact]
    public void A_compound_may_read_several_snapshots_and_shares_one_transfer()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, 0, Ten);
        Fs.Checkpoint(1);
        Fs.Write(file, 0, Name("abcdefghij"));
        Fs.Checkpoint(2);
        ObjectId first = Fs.Find(Fs.Find(SnapshotList, "1"), "f");
        ObjectId second = Fs.Find(Fs.Find(SnapshotList, "2"), "f");
        Operation[] reads = [new Read(first, 0, 4, true), new Read(first, 4, 4, true), new Read(second, 0, 4, true), new Read(file, 4, 4, true)];
        OperationResult result = Fs.Must(new Compound(reads));
        Assert.Equal(["0123", "4567", "abcd", "efgh"], result.Parts!.Select(part => System.Text.Encoding.ASCII.GetString(part.Data!.Value.Span)));

        // Results must fit into a reply, whatever is read.
        Fs.Must(Fs.Truncate(file, Limits.MaximumTransferBytes));
        Fs.Checkpoint(3);
        ObjectId third = Fs.Find(Fs.Find(SnapshotList, "3"), "f");
        var whole = new Read(third, 0, Limits.MaximumTransferBytes, true);
        Fs.Must(whole);
        Fs.Fails(Errno.E2BIG, new Compound([whole, new Read(third, 0, 1, true)]));
        Fs.Fails(Errno.E2BIG, new Compound([whole, new Read(second, 0, 1, true)]));
        Fs.Fails(Errno.E2BIG, new Compound([whole, new Read(file, 0, 1, true)]));
    }
}

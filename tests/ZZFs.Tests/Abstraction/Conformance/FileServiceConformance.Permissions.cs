using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction.Conformance;

public abstract partial class FileServiceConformance
{
    private static Operation Remove(ObjectId directory, string name) => new Unlink(directory, Name(name), false);

    private static Operation Times(ObjectId target, AttributeMask mask) =>
        new SetAttributes(target, mask, 0, 0, 0, 0, new Timestamp(-7), new Timestamp(8), false);

    [StoreFact]
    public void Bits_of_owner_group_and_others_are_told_apart()
    {
        ObjectId file = Fs.File(Root, "f", 0x124 | 0x80);
        Fs.Must(Fs.Chown(file, 10, 20));
        Fs.Must(Fs.Chmod(file, 0x1a0));
        foreach ((Credentials user, Errno read, Errno write) in new[]
        {
            (Someone(10), Errno.None, Errno.None), (Someone(11, 20), Errno.None, Errno.EACCES),
            (new Credentials(11, 20, []), Errno.None, Errno.EACCES), (Someone(12), Errno.EACCES, Errno.EACCES),
            (Credentials.Superuser, Errno.None, Errno.None),
        })
        {
            Fs.User = user;
            Assert.Equal(read, Fs.Run(new Read(file, 0, 1, false)).Error);
            Assert.Equal(write, Fs.Run(new Write(file, 0, Ten, false, false)).Error);
            Assert.Equal(write, Fs.Run(Fs.Truncate(file, 0)).Error);
            Assert.Equal(write, Fs.Run(new Allocate(file, 0, 0, 1, false)).Error);
            Assert.Equal(read, Fs.Run(new CheckAccess(file, 4)).Error);
            Assert.Equal(Errno.EACCES, Fs.Run(new CheckAccess(file, 1)).Error);

            // Through a descriptor that was opened before.
            Fs.Must(new Read(file, 0, 1, true));
            Fs.Must(new Write(file, 0, Ten, false, true));
            Fs.Must(Fs.Truncate(file, 0, authorized: true));
        }
    }

    [StoreFact]
    public void Directories_need_search_write_and_read_permission()
    {
        ObjectId directory = Fs.Directory(Root, "d", 0x1c0);
        ObjectId file = Fs.File(directory, "f");
        Fs.User = Someone(5);
        Operation[] changes =
        [
            new Create(directory, Name("x"), 0, true), new MakeDirectory(directory, Name("x"), 0),
            new MakeSymlink(directory, Name("x"), Name("t")), new MakeNode(directory, Name("x"), ObjectType.Fifo, 0, 0),
            new Link(file, directory, Name("x")), Remove(directory, "f"),
            new Rename(directory, Name("f"), directory, Name("x"), RenameMode.Replace, false),
        ];
        foreach (Operation operation in (Operation[])[new Lookup(directory, Name("f")), new Lookup(directory, Name("no")), .. changes])
            Fs.Fails(Errno.EACCES, operation);
        Fs.Fails(Errno.EACCES, new ReadDirectory(directory, default, 1, 1));

        // Search permission shows what is there, and still changes nothing.
        Fs.User = Credentials.Superuser;
        Fs.Must(Fs.Chmod(directory, 0x1c1));
        Fs.User = Someone(5);
        Fs.Must(new Lookup(directory, Name("f")));
        Fs.Fails(Errno.ENOENT, Remove(directory, "no"));
        Fs.Fails(Errno.EEXIST, new Create(directory, Name("f"), 0, true));
        Fs.Must(new Create(directory, Name("f"), 0, false));
        foreach (Operation operation in changes)
            Fs.Fails(Errno.EACCES, operation);
        Fs.Fails(Errno.EACCES, new ReadDirectory(directory, default, 1, 1));
    }

    [StoreFact]
    public void The_sticky_bit_guards_entries_of_others()
    {
        ObjectId shared = Fs.Directory(Root, "tmp", 0x3ff);
        ObjectId other = Fs.Directory(Root, "other", 0x1ff);
        Fs.User = Someone(1);
        Fs.File(shared, "mine");
        Fs.Directory(shared, "dir", 0x1ff);
        Fs.User = Someone(2);
        Fs.File(other, "theirs");
        Fs.Fails(Errno.EPERM, Remove(shared, "mine"));
        Fs.Fails(Errno.EPERM, new RemoveDirectory(shared, Name("dir")));
        Fs.Fails(Errno.EPERM, new Rename(shared, Name("mine"), other, Name("x"), RenameMode.Replace, false));
        Fs.Fails(Errno.EPERM, new Rename(other, Name("theirs"), shared, Name("mine"), RenameMode.Replace, false));
        Fs.Must(new Rename(other, Name("theirs"), shared, Name("new"), RenameMode.Replace, false));
        Fs.User = Someone(1);
        Fs.Must(Remove(shared, "mine"));
        Fs.Fails(Errno.EPERM, Remove(shared, "new"));
        Fs.User = Credentials.Superuser;
        Fs.Must(Remove(shared, "new"));
    }

    [StoreFact]
    public void Moving_a_directory_elsewhere_needs_permission_to_write_it()
    {
        ObjectId open = Fs.Directory(Root, "open", 0x1ff);
        Fs.Directory(open, "d", 0x1ed);
        ObjectId other = Fs.Directory(Root, "other", 0x1ff);
        Fs.User = Someone(3);
        Fs.Fails(Errno.EACCES, new Rename(open, Name("d"), other, Name("d"), RenameMode.Replace, false));
        Fs.Must(new Rename(open, Name("d"), open, Name("e"), RenameMode.Replace, false));
    }

    [StoreFact]
    public void New_objects_belong_to_their_maker_or_to_the_group_of_the_directory()
    {
        ObjectId plain = Fs.Directory(Root, "plain", 0x1ff);
        ObjectId group = Fs.Directory(Root, "group", 0x1ff);
        Fs.Must(Fs.Chown(group, 0, 77));
        Fs.Must(Fs.Chmod(group, 0x5ff));
        Fs.User = Someone(4);
        Attributes made = Fs.Attributes(Fs.File(plain, "f", 0xfff));
        Assert.Equal((4u, 4u, (ushort)0xfff), (made.Uid, made.Gid, made.Mode));
        made = Fs.Attributes(Fs.File(group, "f", 0xfff));
        Assert.Equal((4u, 77u, (ushort)0xbff), (made.Uid, made.Gid, made.Mode));
        made = Fs.Attributes(Fs.Directory(group, "d", 0xfff));
        Assert.Equal((4u, 77u, (ushort)0x7ff), (made.Uid, made.Gid, made.Mode));
        Assert.Equal((ushort)0x1ff, Fs.Must(new MakeSymlink(group, Name("l"), Name("t"))).Attributes!.Mode);
        Fs.Fails(Errno.EPERM, new MakeNode(plain, Name("n"), ObjectType.CharacterDevice, 0, 5));
        Fs.User = Credentials.Superuser;
        Assert.Equal(5u, Fs.Must(new MakeNode(plain, Name("n"), ObjectType.CharacterDevice, 0, 5)).Attributes!.RawDevice);
    }

    [StoreFact]
    public void Changing_mode_owner_and_times_follows_chmod_chown_and_utimensat()
    {
        ObjectId file = Fs.File(Root, "f", 0x1b6);
        Fs.Must(Fs.Chown(file, 6, 60));
        Fs.User = Someone(7);
        Fs.Fails(Errno.EPERM, Fs.Chmod(file, 0));
        Fs.Fails(Errno.EPERM, Fs.Chown(file, 7, null));
        Fs.Fails(Errno.EPERM, Fs.Chown(file, null, 7));
        Fs.Fails(Errno.EPERM, Times(file, AttributeMask.ModifyTime));
        Fs.Must(Times(file, AttributeMask.ModifyTimeNow));
        Fs.User = Someone(6, 61);
        Fs.Fails(Errno.EPERM, Fs.Chown(file, 7, null));
        Fs.Fails(Errno.EPERM, Fs.Chown(file, null, 62));
        Fs.Must(Fs.Chown(file, 6, 60));

        // Not in group 60: the owner can't make a program that runs as that group.
        Assert.Equal((ushort)0x9ed, Fs.Must(Fs.Chmod(file, 0xded)).Attributes!.Mode);
        Assert.Equal(61u, Fs.Must(Fs.Chown(file, null, 61)).Attributes!.Gid);
        Assert.Equal((ushort)0xded, Fs.Must(Fs.Chmod(file, 0xded)).Attributes!.Mode);
        Assert.Equal((ushort)0x1ed, Fs.Must(Fs.Chown(file, null, 61)).Attributes!.Mode);
        Fs.Must(Times(file, AttributeMask.AccessTime | AttributeMask.ModifyTime));
        Attributes set = Fs.Attributes(file);
        Assert.Equal((new Timestamp(0), new Timestamp(8)), (set.AccessTime, set.ModifyTime));
        Fs.Must(Fs.Chmod(file, 0x124));
        Fs.User = Someone(7);
        Fs.Fails(Errno.EACCES, Times(file, AttributeMask.ModifyTimeNow));
        Fs.User = Credentials.Superuser;
        Fs.Fails(Errno.EINVAL, Fs.Chown(file, uint.MaxValue, null));
        Assert.Equal(Fs.Attributes(file), Fs.Must(Times(file, AttributeMask.None)).Attributes);
    }

    [StoreFact]
    public void Changing_a_program_takes_its_privileges()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Must(Fs.Chown(file, 6, 6));
        foreach (Operation change in new Operation[]
        {
            new Write(file, 0, Ten, false, false), Fs.Truncate(file, 0), new Allocate(file, 0, 0, 1, false), new CopyRange(file, 0, file, 100, 1),
        })
        {
            Fs.User = Credentials.Superuser;
            Fs.Must(Fs.Chmod(file, 0xded));
            Fs.Must(new SetXattr(file, Name("security.capability"), Ten, 0));
            Fs.User = Someone(6);
            Assert.Equal((ushort)0x1ed, Fs.Must(change).Attributes!.Mode);
            Fs.Fails(Errno.ENODATA, new GetXattr(file, Name("security.capability")));
        }

        // Without group execution the bit is no privilege; the superuser's writes keep both.
        Fs.User = Credentials.Superuser;
        Fs.Must(Fs.Chmod(file, 0xde4));
        Assert.Equal((ushort)0xde4, Fs.Write(file, 0, Ten).Mode);
        Fs.User = Someone(6);
        Assert.Equal((ushort)0x5e4, Fs.Write(file, 0, Ten).Mode);
    }

    [StoreFact]
    public void A_read_only_export_changes_nothing()
    {
        ObjectId file = Fs.File(Root, "f", 0x1b6);
        Fs.Directory(Root, "d");
        Fs.Export = ExportEntry.Full with { ReadOnly = true };
        ReadOnlyMemory<byte> x = Name("x");
        foreach (Operation operation in new Operation[]
        {
            Fs.Chmod(file, 0), Fs.Truncate(file, 0), new Write(file, 0, Ten, false, true), new Create(Root, x, 0, true),
            new Create(Root, x, 0, false), new MakeDirectory(Root, x, 0), new MakeSymlink(Root, x, x),
            new MakeNode(Root, x, ObjectType.Fifo, 0, 0), new Link(file, Root, x), Remove(Root, "f"), Remove(Root, "no"),
            new RemoveDirectory(Root, Name("d")), new Rename(Root, Name("f"), Root, x, RenameMode.Replace, false),
            new SetXattr(file, Name("user.a"), x, 0), new RemoveXattr(file, Name("user.a")), new Allocate(file, 0, 0, 1, true),
            new CopyRange(file, 0, file, 100, 1), new CheckAccess(file, 2),
        })
        {
            Fs.Fails(Errno.EROFS, operation);
        }

        Fs.Fails(Errno.EEXIST, new MakeDirectory(Root, Name("d"), 0));
        Fs.Must(new Create(Root, Name("f"), 0, false));
        Fs.Must(new Read(file, 0, 1, true));
        Fs.Must(new SetLock(file, 1, 0, 1, LockKind.Read, 1, false));
    }

    [StoreFact]
    public void Squashing_maps_users_and_bounds_what_descriptors_may_do()
    {
        ObjectId directory = Fs.Directory(Root, "d", 0x1ff);
        ObjectId secret = Fs.File(directory, "secret", 0x180);
        Fs.User = Someone(9);
        ObjectId users = Fs.File(directory, "users", 0x180);
        Fs.User = Credentials.Superuser;
        Fs.Export = new ExportEntry(false, SquashMode.Root, 500, 501, "/");
        Attributes made = Fs.Attributes(Fs.File(directory, "by-root"));
        Assert.Equal((500u, 501u), (made.Uid, made.Gid));
        Fs.Fails(Errno.EACCES, new Read(secret, 0, 1, true));
        Fs.Must(new Read(users, 0, 1, true));
        Fs.Fails(Errno.EACCES, new Read(users, 0, 1, false));
        Fs.Fails(Errno.EPERM, Fs.Chown(users, 0, null));
        Fs.User = new Credentials(9, 0, [0]);
        Assert.Equal((9u, 501u), (Fs.Attributes(Fs.File(directory, "by-9")).Uid, Fs.Attributes(Fs.Find(directory, "by-9")).Gid));

        Fs.Export = new ExportEntry(false, SquashMode.All, 500, 501, "/");
        Assert.Equal(500u, Fs.Attributes(Fs.File(directory, "by-all")).Uid);
        Fs.Fails(Errno.EACCES, new Read(users, 0, 1, true));
        Fs.Fails(Errno.EACCES, new CopyRange(users, 0, Fs.Find(directory, "by-all"), 0, 1));
        Fs.Must(new Read(Fs.Find(directory, "by-all"), 0, 1, true));
    }

    [StoreFact]
    public void A_subtree_is_the_whole_world_of_its_client()
    {
        ObjectId export = Fs.Directory(Fs.Directory(Root, "srv"), "export");
        ObjectId inner = Fs.Directory(export, "inner");
        ObjectId file = Fs.File(inner, "file");
        ObjectId outside = Fs.File(Root, "outside");
        ObjectId both = Fs.File(Root, "both");
        Fs.Must(new Link(both, inner, Name("both")));
        Fs.Export = ExportEntry.Full with { Subtree = "/srv/export" };
        Assert.Equal(["inner"], Fs.List(Root));
        Assert.Equal(export, Fs.Find(Root, ".."));
        Assert.Equal(export, Fs.Find(inner, ".."));
        Fs.Must(new GetAttributes(file));
        Fs.Must(new GetAttributes(both));
        Fs.Fails(Errno.ESTALE, new GetAttributes(outside));
        Fs.Fails(Errno.ESTALE, new Link(outside, inner, Name("stolen")));
        Fs.Must(new Unlink(inner, Name("both"), false));
        Fs.Fails(Errno.ESTALE, new GetAttributes(both));
        Fs.Must(new Unlink(inner, Name("file"), true));
        Fs.Must(new GetAttributes(file));
        Fs.Session = 2;
        Fs.Fails(Errno.ESTALE, new GetAttributes(file));
        Fs.Export = ExportEntry.Full with { Subtree = "/srv/no" };
        Fs.Fails(Errno.ESTALE, new GetAttributes(Root));
    }
}

using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction.Conformance;

public abstract partial class FileServiceConformance
{
    [StoreFact]
    public void Names_are_checked()
    {
        ReadOnlyMemory<byte> tooLong = Name(new string('n', 256));
        ReadOnlyMemory<byte> longest = Name(new string('n', 255));
        Fs.Must(new Create(Root, longest, 0, true));
        Fs.Fails(Errno.EEXIST, new Create(Root, longest, 0, true));
        foreach ((Errno expected, ReadOnlyMemory<byte> name) in new[]
        {
            (Errno.ENAMETOOLONG, tooLong), (Errno.ENOENT, default), (Errno.EINVAL, Name("a/b")), (Errno.EINVAL, Name("a\0")),
        })
        {
            Fs.Fails(expected, new Lookup(Root, name));
            Fs.Fails(expected, new Create(Root, name, 0, false));
            Fs.Fails(expected, new MakeDirectory(Root, name, 0));
            Fs.Fails(expected, new MakeSymlink(Root, name, Name("t")));
            Fs.Fails(expected, new MakeNode(Root, name, ObjectType.Fifo, 0, 0));
            Fs.Fails(expected, new Unlink(Root, name, false));
            Fs.Fails(expected, new RemoveDirectory(Root, name));
            Fs.Fails(expected, new Rename(Root, longest, Root, name, RenameMode.Replace, false));
            Fs.Fails(expected, new Rename(Root, name, Root, longest, RenameMode.Replace, false));
            Fs.Fails(expected, new Link(Fs.Find(Root, new string('n', 255)), Root, name));
        }
    }

    [StoreFact]
    public void Dots_are_the_directory_and_its_parent_and_nothing_else()
    {
        ObjectId outer = Fs.Directory(Root, "outer");
        ObjectId inner = Fs.Directory(outer, "inner");
        Assert.Equal(inner, Fs.Find(inner, "."));
        Assert.Equal(outer, Fs.Find(inner, ".."));
        Assert.Equal(Root, Fs.Find(Root, ".."));
        Fs.Must(new Rename(outer, Name("inner"), Root, Name("inner"), RenameMode.Replace, false));
        Assert.Equal(Root, Fs.Find(inner, ".."));
        Fs.Fails(Errno.EEXIST, new MakeDirectory(Root, Name("."), 0));
        Fs.Fails(Errno.EISDIR, new Unlink(Root, Name(".."), false));
        Fs.Fails(Errno.EINVAL, new RemoveDirectory(inner, Name(".")));
        Fs.Fails(Errno.ENOTEMPTY, new RemoveDirectory(inner, Name("..")));
        Fs.Fails(Errno.EBUSY, new Rename(inner, Name("."), Root, Name("x"), RenameMode.Replace, false));
        Fs.Fails(Errno.EBUSY, new Rename(Root, Name("inner"), Root, Name(".."), RenameMode.Replace, false));
        Fs.Fails(Errno.EEXIST, new Rename(Root, Name("inner"), Root, Name(".."), RenameMode.NoReplace, false));
    }

    [StoreFact]
    public void Operations_say_when_the_kind_of_object_is_wrong()
    {
        ObjectId file = Fs.File(Root, "f");
        ObjectId directory = Fs.Directory(Root, "d");
        ObjectId link = Fs.Must(new MakeSymlink(Root, Name("l"), Name("target"))).Object!.Value;
        ObjectId fifo = Fs.Must(new MakeNode(Root, Name("p"), ObjectType.Fifo, 0x1b6, 9)).Object!.Value;
        Fs.Fails(Errno.ENOTDIR, new Lookup(file, Name("x")));
        Fs.Fails(Errno.ENOTDIR, new Create(link, Name("x"), 0, true));
        Fs.Fails(Errno.ENOTDIR, new ReadDirectory(file, default, 1, 1));
        Fs.Fails(Errno.ENOTDIR, new Rename(file, Name("x"), Root, Name("y"), RenameMode.Replace, false));
        Fs.Fails(Errno.ENOTDIR, new RemoveDirectory(Root, Name("f")));
        Fs.Fails(Errno.EISDIR, new Unlink(Root, Name("d"), false));
        Fs.Fails(Errno.EISDIR, new Read(directory, 0, 1, true));
        Fs.Fails(Errno.EISDIR, new Write(directory, 0, Ten, false, true));
        Fs.Fails(Errno.EISDIR, Fs.Truncate(directory, 0));
        Fs.Fails(Errno.EISDIR, new Allocate(directory, 0, 0, 1, true));
        Fs.Fails(Errno.EISDIR, new CopyRange(directory, 0, file, 0, 1));
        Fs.Fails(Errno.EINVAL, new Read(fifo, 0, 1, true));
        Fs.Fails(Errno.EINVAL, Fs.Truncate(link, 0));
        Fs.Fails(Errno.EINVAL, new Seek(directory, 0, true));
        Fs.Fails(Errno.EINVAL, new ReadLink(file));
        Fs.Fails(Errno.ENODEV, new Allocate(fifo, 0, 0, 1, true));
        Fs.Fails(Errno.EPERM, new Link(directory, Root, Name("x")));
        Fs.Fails(Errno.EPERM, new MakeNode(Root, Name("x"), ObjectType.Directory, 0, 0));
        Fs.Fails(Errno.EINVAL, new MakeNode(Root, Name("x"), ObjectType.Symlink, 0, 0));
        Fs.Fails(Errno.EOPNOTSUPP, Fs.Chmod(link, 0));
        Assert.Equal("target"u8.ToArray(), Fs.Must(new ReadLink(link)).Data!.Value.ToArray());
        Assert.Equal(0u, Fs.Attributes(fifo).RawDevice);
    }

    [StoreFact]
    public void Symlink_targets_are_checked()
    {
        Fs.Fails(Errno.ENOENT, new MakeSymlink(Root, Name("l"), default));
        Fs.Fails(Errno.ENAMETOOLONG, new MakeSymlink(Root, Name("l"), new byte[4096]));
        Fs.Fails(Errno.EINVAL, new MakeSymlink(Root, Name("l"), new byte[1]));
        byte[] longest = [.. Enumerable.Repeat((byte)'t', Specification.MaximumSymlinkBytes)];
        ObjectId link = Fs.Must(new MakeSymlink(Root, Name("l"), longest)).Object!.Value;
        Assert.Equal(longest, Fs.Must(new ReadLink(link)).Data!.Value.ToArray());
        Assert.Equal(4095u, Fs.Attributes(link).SizeBytes);
        Assert.Equal(0u, Fs.Attributes(link).AllocatedBytes);
    }

    [StoreFact]
    public void Creating_says_whether_it_was_there()
    {
        ObjectId file = Fs.File(Root, "f");
        OperationResult again = Fs.Must(new Create(Root, Name("f"), 0, false));
        Assert.Equal((file, 0UL), (again.Object!.Value, again.Number!.Value));
        Fs.Fails(Errno.EEXIST, new Create(Root, Name("f"), 0, true));
        Assert.Equal(1UL, Fs.Must(new Create(Root, Name("g"), 0, false)).Number);
        OperationResult absent = Fs.Run(new Lookup(Root, Name("no")));
        Assert.Equal(Errno.ENOENT, absent.Error);
        Assert.Equal(Fs.Attributes(Root), absent.Directory!.After);
    }

    [StoreFact]
    public void Links_are_counted_and_times_set()
    {
        ObjectId file = Fs.File(Root, "a");
        ulong before = Fs.Attributes(Root).Change;
        OperationResult linked = Fs.Must(new Link(file, Root, Name("b")));
        Assert.Equal(2u, linked.Attributes!.LinkCount);
        Assert.Equal(Fs.LastTime, linked.Attributes.ChangeTime);
        Assert.NotEqual(Fs.LastTime, linked.Attributes.ModifyTime);
        Assert.Equal(before, linked.Directory!.ChangeBefore);
        Assert.Equal((before + 1, Fs.LastTime, Fs.LastTime), (linked.Directory.After.Change, linked.Directory.After.ModifyTime, linked.Directory.After.ChangeTime));
        Assert.Equal(1u, Fs.Must(new Unlink(Root, Name("a"), false)).Attributes!.LinkCount);
        Assert.Equal(0u, Fs.Must(new Unlink(Root, Name("b"), false)).Attributes!.LinkCount);
        Fs.Directory(Root, "d1");
        ObjectId second = Fs.Directory(Root, "d2");
        Assert.Equal(4u, Fs.Attributes(Root).LinkCount);
        Fs.Must(new Rename(Root, Name("d1"), second, Name("d"), RenameMode.Replace, false));
        Assert.Equal((3u, 3u), (Fs.Attributes(Root).LinkCount, Fs.Attributes(second).LinkCount));
        Fs.Must(new RemoveDirectory(second, Name("d")));
        Assert.Equal(2u, Fs.Attributes(second).LinkCount);
    }

    [StoreFact(IsLong = true)]
    public void A_directory_has_at_most_so_many_subdirectories_and_a_file_so_many_names()
    {
        for (uint i = 2; i < Specification.MaximumLinks; i++)
            Fs.Must(new MakeDirectory(Root, Name("d" + i), 0));
        Fs.Fails(Errno.EMLINK, new MakeDirectory(Root, Name("x"), 0));
        ObjectId file = Fs.File(Root, "f");
        for (uint i = 1; i < Specification.MaximumLinks; i++)
            Fs.Must(new Link(file, Root, Name("l" + i)));
        Fs.Fails(Errno.EMLINK, new Link(file, Root, Name("x")));
    }

    [StoreFact]
    public void Rename_replaces_only_what_rename_may_replace()
    {
        ObjectId a = Fs.Directory(Root, "a");
        ObjectId b = Fs.Directory(Root, "b");
        ObjectId file = Fs.File(a, "f");
        Fs.File(b, "g");
        Operation Move(ObjectId from, string name, ObjectId to, string newName, RenameMode mode = RenameMode.Replace) =>
            new Rename(from, Name(name), to, Name(newName), mode, false);
        Fs.Fails(Errno.ENOENT, Move(Root, "no", Root, "a"));
        Fs.Fails(Errno.ENOTEMPTY, Move(Root, "a", Root, "b"));
        Fs.Fails(Errno.EISDIR, Move(a, "f", Root, "b"));
        Fs.Fails(Errno.ENOTDIR, Move(Root, "b", a, "f"));
        Fs.Fails(Errno.EEXIST, Move(a, "f", b, "g", RenameMode.NoReplace));
        Fs.Fails(Errno.ENOENT, Move(a, "f", b, "no", RenameMode.Exchange));
        ObjectId inner = Fs.Directory(a, "inner");
        Fs.Fails(Errno.EINVAL, Move(Root, "a", inner, "x"));
        Fs.Fails(Errno.EINVAL, Move(Root, "a", a, "x"));
        Fs.Fails(Errno.ENOTEMPTY, Move(a, "f", Root, "a"));
        Fs.Fails(Errno.EINVAL, Move(a, "f", Root, "a", RenameMode.Exchange));

        OperationResult replaced = Fs.Must(Move(a, "f", b, "g"));
        Assert.Equal(file, replaced.Object);
        Assert.NotNull(replaced.SecondObject);
        Fs.Fails(Errno.ESTALE, new GetAttributes(replaced.SecondObject!.Value));
        Fs.Must(Move(a, "inner", Root, "empty"));
        Fs.Must(new RemoveDirectory(Root, Name("a")));
        Fs.Must(Move(Root, "b", Root, "empty"));
        Assert.Equal(["empty"], Fs.List(Root));
        Assert.Equal(3u, Fs.Attributes(Root).LinkCount);
    }

    [StoreFact]
    public void Exchange_swaps_and_one_object_under_two_names_stays()
    {
        ObjectId directory = Fs.Directory(Root, "d");
        ObjectId inner = Fs.Directory(directory, "inner");
        ObjectId file = Fs.File(Root, "f");
        OperationResult swapped = Fs.Must(new Rename(Root, Name("f"), directory, Name("inner"), RenameMode.Exchange, false));
        Assert.Equal((file, inner), (swapped.Object!.Value, swapped.SecondObject!.Value));
        Assert.Equal((inner, file), (Fs.Find(Root, "f"), Fs.Find(directory, "inner")));
        Assert.Equal((4u, 2u), (Fs.Attributes(Root).LinkCount, Fs.Attributes(directory).LinkCount));
        Assert.Equal(Root, Fs.Find(inner, ".."));

        Fs.Must(new Link(file, Root, Name("again")));
        ulong change = Fs.Attributes(Root).Change;
        Fs.Must(new Rename(Root, Name("again"), directory, Name("inner"), RenameMode.Replace, false));
        Assert.Equal(["again", "d", "f"], Fs.List(Root));
        Assert.Equal(change, Fs.Attributes(Root).Change);
    }

    [StoreFact]
    public void Orphans_live_until_they_are_released_or_their_session_ends()
    {
        ObjectId file = Fs.File(Root, "a");
        ObjectId other = Fs.File(Root, "b");
        ObjectId third = Fs.File(Root, "c");
        foreach (string name in (string[])["a", "b", "c"])
            Assert.Equal(0u, Fs.Must(new Unlink(Root, Name(name), true)).Attributes!.LinkCount);
        Fs.Write(file, 0, Ten);
        Assert.Equal(Ten.ToArray(), Fs.Read(file, 0, 100));
        Fs.Fails(Errno.ENOENT, new Link(file, Root, Name("back")));
        Fs.Session = 2;
        Fs.Fails(Errno.EINVAL, new ReleaseOrphan(file));
        Fs.Session = 1;
        Fs.Must(new ReleaseOrphan(file));
        Fs.Fails(Errno.ESTALE, new GetAttributes(file));
        Fs.Checkpoint(1);
        Fs.Service.EndSession(new(2));
        Fs.Must(new GetAttributes(other));
        Fs.Service.EndSession(new(1));
        Fs.Fails(Errno.ESTALE, new GetAttributes(other));
        Fs.Fails(Errno.ESTALE, new GetAttributes(third));
        Assert.Equal(1UL, Fs.Must(new GetStatistics()).Statistics!.UsedObjects);

        ObjectId replaced = Fs.File(Root, "old");
        Fs.File(Root, "new");
        Fs.Must(new Rename(Root, Name("new"), Root, Name("old"), RenameMode.Replace, true));
        Fs.Must(new ReleaseOrphan(replaced));
        Fs.Fails(Errno.EINVAL, new ReleaseOrphan(Fs.Find(Root, "old")));
    }

    [StoreFact(IsLong = true)]
    public void A_large_directory_is_listed_in_pages_in_byte_order()
    {
        const int count = 20_000;
        List<string> names = [.. Enumerable.Range(0, count).Select(i => "file-" + i)];
        foreach (string name in names)
            Fs.Must(new Create(Root, Name(name), 0, true));
        names.Sort(StringComparer.Ordinal);
        Assert.Equal(names, Fs.List(Root, 777));
        Assert.Equal(names, Fs.List(Root, uint.MaxValue));
        Assert.Equal((ulong)count * 32, Fs.Attributes(Root).SizeBytes);

        // Small bounds still make progress, and an entry that goes meanwhile disturbs nothing.
        OperationResult one = Fs.Must(new ReadDirectory(Root, default, 0, 0));
        Assert.Equal(names[0], Encoding.UTF8.GetString(Assert.Single(one.Entries!).Name.Span));
        Assert.False(one.EndOfData);
        Fs.Must(new Unlink(Root, one.Entries![0].Name, false));
        one = Fs.Must(new ReadDirectory(Root, one.Entries[0].Name, 1, 4096));
        Assert.Equal(names[1], Encoding.UTF8.GetString(one.Entries![0].Name.Span));
        Assert.Equal(Fs.Attributes(one.Entries[0].Object), one.Entries[0].Attributes);
        Assert.True(Fs.Must(new ReadDirectory(Root, Name(names[^1]), 10, 4096)).EndOfData);
    }
}

using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Tests.Client;

/// <summary>How many operations the common things cost: each is a round trip through the replicated cluster.</summary>
public sealed class RoundTripTests
{
    private const ulong Root = 1;

    private readonly ClientScene scene = new();

    [Fact]
    public void Create_write_close_in_a_known_directory_costs_two()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            Assert.Equal(0UL, scene.Lookup(directory, "f").Value.NodeId);
            scene.MakeFile(directory, "f", "content");
        });
        Assert.Collection(operations, Is<Create>, Is<Write>);
    }

    [Fact]
    public void Times_set_before_close_cost_no_operation_more_than_the_write()
    {
        CreatedFile created = scene.Create(Root, "f");
        SetAttributes times = new(default, AttributeMask.ModifyTime, 0, 0, 0, 0, default, new(5_000_000_000), false);
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            scene.Write(created.File.Handle, 0, ClientScene.Bytes("content"));
            NodeAttributes after = scene.Loop.Await(
                () => scene.Client.SetAttributesAsync(ClientScene.User, created.Entry.NodeId, 0, times, default)).Value;
            Assert.Equal((7UL, 5_000_000_000), (after.Attributes.SizeBytes, after.Attributes.ModifyTime.Nanoseconds));
            Assert.Equal(Errno.None, scene.Close(created.File.Handle));
            scene.Stat(created.Entry.NodeId);
        });
        Assert.Collection(operations, Is<Compound>);
    }

    [Fact]
    public void Reading_an_own_file_again_costs_one()
    {
        ulong node = scene.MakeFile(Root, "f", "content");
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            OpenedFile file = scene.Open(node);
            Assert.True(file.KeepPages);
            Assert.Equal("content", scene.Read(file.Handle));
            scene.Close(file.Handle);
        });
        Assert.Collection(operations, Is<CheckAccess>);
    }

    [Fact]
    public void Reading_a_small_foreign_file_costs_two_with_the_look_up()
    {
        ObjectId id = scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes("f"), 0x1A4, true)).Object!.Value;
        scene.Foreign(new Write(id, 0, ClientScene.Bytes("theirs"), false, true));
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            OpenedFile file = scene.Open(scene.Lookup(Root, "f").Value.NodeId);
            Assert.Equal("theirs", scene.Read(file.Handle));
            Assert.Equal("", scene.Read(file.Handle, 6));
            scene.Close(file.Handle);
        });
        Assert.Collection(operations, Is<Lookup>, Is<Compound>);
    }

    [Fact]
    public void Attributes_are_asked_for_once_in_their_time()
    {
        ulong node = scene.MakeFile(Root, "f", "content");
        Assert.Empty(scene.Operations(() => scene.Stat(node)));
        scene.Loop.Advance(2999);
        Assert.Empty(scene.Operations(() => scene.Stat(node)));
        scene.Loop.Advance(2);
        Assert.Collection(scene.Operations(() => scene.Stat(node)), Is<GetAttributes>);
    }

    [Fact]
    public void A_listed_directory_answers_look_ups_of_what_is_there_and_what_is_not()
    {
        foreach (string name in new[] { "a", "b", "c" })
            scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes(name), 0x1A4, true));
        ulong handle = scene.Client.OpenDirectory(ClientScene.User, Root).Value;
        Outcome<IReadOnlyList<ListedEntry>> listed = scene.Loop.Await(() => scene.Client.ReadDirectoryAsync(handle, 0, default));
        Assert.Equal(5, listed.Value.Count);
        Assert.Empty(scene.Operations(() =>
        {
            Assert.NotEqual(0UL, scene.Lookup(Root, "b").Value.NodeId);
            Assert.Equal(0UL, scene.Lookup(Root, "x").Value.NodeId);
        }));
        scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes("x"), 0x1A4, true));
        scene.Loop.Advance(3001);
        Assert.NotEqual(0UL, scene.Lookup(Root, "x").Value.NodeId);
    }

    [Fact]
    public void Own_changes_keep_a_known_directory_known()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        for (int index = 0; index < 10; index++)
        {
            scene.MakeFile(directory, $"f{index}", "x");
            scene.Loop.Advance(1000);
        }

        Assert.Equal(Errno.None, scene.Loop.Await(() => scene.Client.RenameAsync(
            ClientScene.User, directory, ClientScene.Bytes("f1"), directory, ClientScene.Bytes("g"), RenameMode.Replace, default)));
        Assert.Empty(scene.Operations(() =>
        {
            Assert.Equal(0UL, scene.Lookup(directory, "f1").Value.NodeId);
            Assert.Equal(0UL, scene.Lookup(directory, "never").Value.NodeId);
            Assert.NotEqual(0UL, scene.Lookup(directory, "g").Value.NodeId);
        }));
    }

    [Fact]
    public void One_answer_shows_that_a_whole_directory_that_grew_old_is_unchanged()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        scene.MakeFile(directory, "f", "x");
        scene.Loop.Advance(3001);
        Assert.Collection(scene.Operations(() => Assert.Equal(0UL, scene.Lookup(directory, "a").Value.NodeId)), Is<Lookup>);
        Assert.Empty(scene.Operations(() => Assert.Equal(0UL, scene.Lookup(directory, "b").Value.NodeId)));
    }

    [Fact]
    public void The_second_unknown_name_brings_the_whole_directory()
    {
        for (int index = 0; index < 50; index++)
            scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes($"f{index}"), 0x1A4, true));
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            for (int index = 0; index < 50; index++)
                Assert.NotEqual(0UL, scene.Lookup(Root, $"f{index}").Value.NodeId);
            Assert.Equal(0UL, scene.Lookup(Root, "other").Value.NodeId);
        });
        Assert.True(operations.Count <= 3, $"{operations.Count} operations");
    }

    [Fact]
    public void Small_writes_leave_as_one()
    {
        CreatedFile created = scene.Create(Root, "f");
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            for (ulong index = 0; index < 1000; index++)
                scene.Write(created.File.Handle, index * 10, ClientScene.Bytes("0123456789"));
            Assert.Equal(Errno.None, scene.Close(created.File.Handle));
        });
        Assert.Equal(10_000, Assert.IsType<Write>(Assert.Single(operations)).Data.Length);
    }

    [Fact]
    public void Scattered_writes_leave_in_compounds()
    {
        CreatedFile created = scene.Create(Root, "f");
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            for (ulong index = 0; index < 30; index++)
                scene.Write(created.File.Handle, index * 100, ClientScene.Bytes("x"));
            Assert.Equal(Errno.None, scene.Close(created.File.Handle));
        });
        Assert.Equal(2, operations.Count);
        Assert.Equal(2901UL, scene.Stat(created.Entry.NodeId).SizeBytes);
    }

    [Fact]
    public void A_sync_of_what_is_durable_costs_nothing()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("x"));
        Assert.Collection(scene.Operations(() => scene.Sync(created.File.Handle)), Is<Write>, Is<Sync>);
        Assert.Empty(scene.Operations(() => scene.Sync(created.File.Handle)));
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("y"));
        Assert.Collection(scene.Operations(() => scene.Sync(created.File.Handle)), Is<Write>, Is<Sync>);
    }

    [Fact]
    public void A_temporary_file_that_is_unlinked_before_it_is_closed_is_never_written()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("x"));
        IReadOnlyList<Operation> operations = scene.Operations(() =>
        {
            Assert.Equal(Errno.None, scene.Loop.Await(() => scene.Client.UnlinkAsync(ClientScene.User, Root, ClientScene.Bytes("f"), default)));
            Assert.Equal("x", scene.Read(created.File.Handle));
            scene.Close(created.File.Handle);
        });
        Assert.Collection(operations, Is<Unlink>, Is<ReleaseOrphan>);
        Assert.True(((Unlink)operations[0]).KeepOrphan);
        Assert.Equal(0, scene.Files.OrphanCount);
    }

    [Fact]
    public void Strict_mode_asks_every_time()
    {
        ClientScene strict = new(CacheOptions.NoCaching);
        ulong node = strict.MakeFile(Root, "f", "x");
        Assert.Collection(strict.Operations(() => strict.Stat(node)), Is<GetAttributes>);
        Assert.Collection(strict.Operations(() => strict.Lookup(Root, "f")), Is<Lookup>);
        Assert.Equal(Errno.ENOENT, strict.Lookup(Root, "none").Error);
        OpenedFile file = strict.Open(node, OpenFlags.ReadWrite);
        Assert.True(file.Uncached);
        Assert.Collection(strict.Operations(() => strict.Write(file.Handle, 0, ClientScene.Bytes("y"))), Is<Write>);
        Assert.Collection(strict.Operations(() => Assert.Equal("y", strict.Read(file.Handle))), Is<Read>);
    }

    private static void Is<T>(Operation operation) => Assert.IsType<T>(operation);
}

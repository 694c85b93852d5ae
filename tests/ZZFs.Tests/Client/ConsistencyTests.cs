using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Tests.Client;

/// <summary>What the caches may not get wrong: foreign changes, failures, order, interruptions.</summary>
public sealed class ConsistencyTests
{
    private const ulong Root = 1;

    private readonly ClientScene scene = new();

    [Fact]
    public void An_open_sees_what_another_client_wrote_before_and_drops_what_was_cached()
    {
        ulong node = scene.MakeFile(Root, "f", "mine");
        scene.Foreign(new Write(IdOf("f"), 0, ClientScene.Bytes("theirs"), false, true));
        OpenedFile file = scene.Open(node);
        Assert.False(file.KeepPages);
        Assert.Contains(node, scene.AttributesForgotten);
        Assert.Equal("theirs", scene.Read(file.Handle));
        Assert.Equal(6UL, scene.Stat(node).SizeBytes);
        scene.Close(file.Handle);
        Assert.True(scene.Open(node).KeepPages);
    }

    [Fact]
    public void A_foreign_change_of_an_open_file_drops_pages_once_it_is_noticed()
    {
        ulong node = scene.MakeFile(Root, "f", "mine");
        OpenedFile file = scene.Open(node);
        scene.Foreign(new Write(IdOf("f"), 0, ClientScene.Bytes("THEY"), false, true));
        Assert.Equal("mine", scene.Read(file.Handle));
        scene.Loop.Advance(3001);
        scene.Stat(node);
        Assert.Equal([node], scene.PagesForgotten);
        Assert.Equal("THEY", scene.Read(file.Handle));
    }

    [Fact]
    public void A_reader_is_not_served_from_what_grew_too_old()
    {
        ulong node = scene.MakeFile(Root, "f", "mine");
        OpenedFile file = scene.Open(node);
        scene.Foreign(new Write(IdOf("f"), 0, ClientScene.Bytes("THEY"), false, true));
        scene.Loop.Advance(3001);
        Assert.Equal("THEY", scene.Read(file.Handle));
    }

    [Fact]
    public void Written_data_is_read_back_before_it_has_left()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Hold = static operation => operation is Write;
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("0123456789"));
        scene.Write(created.File.Handle, 4, ClientScene.Bytes("xx"));
        Assert.Equal("0123xx6789", scene.Read(created.File.Handle));
        NodeEntry entry = scene.Lookup(Root, "f").Value;
        Assert.Equal(10UL, entry.Attributes.Attributes.SizeBytes);
        Assert.Equal(0, entry.Attributes.ValidMilliseconds);
    }

    [Fact]
    public void Data_leaves_by_itself_after_a_second()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("x"));
        scene.Loop.Advance(999);
        Assert.DoesNotContain(scene.Submitter.Submitted, static operation => operation is Write);
        scene.Loop.Advance(1);
        Assert.Contains(scene.Submitter.Submitted, static operation => operation is Write);
    }

    [Fact]
    public void Writes_of_overlapping_ranges_are_executed_in_order()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Hold = static operation => operation is Write;
        scene.Write(created.File.Handle, 0, new byte[1 << 20]);
        Assert.Equal(1, scene.Submitter.HeldCount);
        scene.Write(created.File.Handle, 10, ClientScene.Bytes("later"));
        Task<Errno> flush = scene.Loop.Run(() => scene.Client.FlushAsync(ClientScene.User, created.File.Handle, 0, default).AsTask());
        Assert.Equal(1, scene.Submitter.HeldCount);
        Release(scene);
        Assert.Equal(1, scene.Submitter.HeldCount);
        Assert.False(flush.IsCompleted);
        Release(scene);
        Assert.Equal(Errno.None, ManualLoop.Finished(flush));
        OperationResult read = scene.Foreign(new Read(IdOf("f"), 10, 5, true));
        Assert.Equal("later"u8.ToArray(), read.Data!.Value.ToArray());
    }

    [Fact]
    public void Transfers_of_a_large_file_are_in_flight_together_within_the_bound()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Hold = static operation => operation is Write;
        for (ulong index = 0; index < 16; index++)
            Assert.Equal(Errno.None, scene.Write(created.File.Handle, index << 20, new byte[1 << 20]));
        Assert.Equal(8, scene.Submitter.HeldCount);
        Task<Outcome<uint>> beyond = scene.Loop.Run(() => scene.Client.WriteAsync(created.File.Handle, 16 << 20, new byte[1 << 20], default).AsTask());
        Assert.False(beyond.IsCompleted);
        Release(scene);
        Assert.True(beyond.IsCompleted);
        Release(scene);
        Release(scene);
        scene.Submitter.Hold = static _ => false;
        Assert.Equal(Errno.None, scene.Close(created.File.Handle));
        Assert.Equal(17UL << 20, scene.Stat(created.Entry.NodeId).SizeBytes);
    }

    [Fact]
    public void An_interrupted_writer_that_waits_for_room_writes_nothing()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Hold = static operation => operation is Write;
        for (ulong index = 0; index < 16; index++)
            scene.Write(created.File.Handle, index << 20, new byte[1 << 20]);
        using CancellationTokenSource interrupt = new();
        Task<Outcome<uint>> waiting = scene.Loop.Run(() => scene.Client.WriteAsync(created.File.Handle, 99 << 20, new byte[10], interrupt.Token).AsTask());
        scene.Loop.Run(() =>
        {
            interrupt.Cancel();
            return 0;
        });
        Assert.True(waiting.IsCanceled);
        Release(scene);
        Release(scene);
        Assert.Equal(16UL << 20, scene.Stat(created.Entry.NodeId).SizeBytes);
    }

    [Fact]
    public void Results_that_overtake_each_other_are_not_taken_for_foreign_changes()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Hold = static operation => operation is Write;
        for (ulong index = 0; index < 5; index++)
            scene.Write(created.File.Handle, index << 20, new byte[1 << 20]);
        Release(scene, newestFirst: true);
        scene.Submitter.Hold = static _ => false;
        Assert.Equal(Errno.None, scene.Close(created.File.Handle));
        Assert.Empty(scene.PagesForgotten);
        Assert.True(scene.Open(created.Entry.NodeId).KeepPages);
    }

    [Fact]
    public void An_append_that_landed_elsewhere_drops_what_was_cached()
    {
        ulong node = scene.MakeFile(Root, "log", "a\n");
        OpenedFile file = scene.Open(node, OpenFlags.ReadWrite | OpenFlags.Append);
        scene.Foreign(new Write(IdOf("log"), 0, ClientScene.Bytes("b\n"), true, true));
        scene.Write(file.Handle, 2, ClientScene.Bytes("c\n"));
        Assert.Equal(Errno.None, scene.Loop.Await(() => scene.Client.FlushAsync(ClientScene.User, file.Handle, 0, default)));
        Assert.Equal("a\nb\nc\n", scene.Read(file.Handle));
        Assert.Contains(node, scene.PagesForgotten);
    }

    [Fact]
    public void A_failed_write_is_told_at_close_and_at_the_next_sync()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Intercept = static operation => operation is Write ? OperationResult.Failed(Errno.EIO) : null;
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("x"));
        Assert.Equal(Errno.EIO, scene.Loop.Await(() => scene.Client.FlushAsync(ClientScene.User, created.File.Handle, 0, default)));
        scene.Submitter.Intercept = static _ => null;
        Assert.Equal(Errno.EIO, scene.Sync(created.File.Handle));
        Assert.Equal(Errno.None, scene.Sync(created.File.Handle));
        Assert.Equal(Errno.None, scene.Close(created.File.Handle));
    }

    [Fact]
    public void A_writer_into_a_full_volume_stops()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Intercept = static operation => operation is Write ? OperationResult.Failed(Errno.ENOSPC) : null;
        Assert.Equal(Errno.None, scene.Write(created.File.Handle, 0, new byte[1 << 20]));
        Assert.Equal(Errno.ENOSPC, scene.Write(created.File.Handle, 1 << 20, new byte[1 << 20]));
        Assert.Equal(Errno.ENOSPC, scene.Close(created.File.Handle));
    }

    [Fact]
    public void When_the_write_before_a_change_of_times_fails_the_change_is_made_all_the_same()
    {
        CreatedFile created = scene.Create(Root, "f");
        scene.Submitter.Intercept = static operation => operation is Compound
            ? new OperationResult { Error = Errno.ENOSPC, Parts = [OperationResult.Failed(Errno.ENOSPC)] }
            : null;
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("x"));
        SetAttributes mode = new(default, AttributeMask.Mode, 0x180, 0, 0, 0, default, default, false);
        NodeAttributes after = scene.Loop.Await(
            () => scene.Client.SetAttributesAsync(ClientScene.User, created.Entry.NodeId, 0, mode, default)).Value;
        Assert.Equal(0x180, after.Attributes.Mode);
        Assert.Equal(Errno.ENOSPC, scene.Close(created.File.Handle));
    }

    [Fact]
    public void An_interrupted_create_leaves_nothing_known_of_the_directory()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        scene.Submitter.Hold = static operation => operation is Create;
        using CancellationTokenSource interrupt = new();
        Task<Outcome<CreatedFile>> create = scene.Loop.Run(() =>
            scene.Client.CreateAsync(ClientScene.User, directory, ClientScene.Bytes("f"), 0x1A4, OpenFlags.ReadWrite, interrupt.Token).AsTask());
        scene.Loop.Run(() =>
        {
            interrupt.Cancel();
            return 0;
        });
        Assert.Equal(Errno.EINTR, ManualLoop.Finished(create).Error);
        // It is executed all the same.
        scene.Submitter.Hold = static _ => false;
        scene.Submitter.Release();
        Assert.NotEqual(0UL, scene.Lookup(directory, "f").Value.NodeId);
    }

    [Fact]
    public void A_foreign_change_between_own_ones_is_noticed()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        scene.MakeFile(directory, "mine", "x");
        scene.Foreign(new Create(IdOf("d"), ClientScene.Bytes("theirs"), 0x1A4, true));
        Assert.Equal(0UL, scene.Lookup(directory, "theirs").Value.NodeId);
        scene.MakeFile(directory, "another", "x");
        Assert.NotEqual(0UL, scene.Lookup(directory, "theirs").Value.NodeId);
    }

    [Fact]
    public void A_name_that_led_to_a_removed_object_is_asked_for_again()
    {
        ulong node = scene.MakeFile(Root, "f", "old");
        ObjectId id = scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes("g"), 0x1A4, true)).Object!.Value;
        scene.Foreign(new Rename(ObjectId.Root, ClientScene.Bytes("g"), ObjectId.Root, ClientScene.Bytes("f"), RenameMode.Replace, false));
        Assert.Equal(Errno.ESTALE, scene.Loop.Await(() => scene.Client.OpenAsync(ClientScene.User, node, OpenFlags.ReadOnly, default)).Error);
        NodeEntry entry = scene.Lookup(Root, "f").Value;
        Assert.NotEqual(node, entry.NodeId);
        Assert.Equal(id.Index + 1UL, entry.Attributes.Inode);
    }

    [Fact]
    public void An_existing_file_that_create_finds_is_no_own_change()
    {
        ulong node = scene.MakeFile(Root, "f", "mine");
        scene.Foreign(new Write(IdOf("f"), 0, ClientScene.Bytes("THEY"), false, true));
        CreatedFile created = scene.Create(Root, "f");
        Assert.Equal(node, created.Entry.NodeId);
        Assert.False(created.File.KeepPages);
        Assert.Equal("THEY", scene.Read(created.File.Handle));
    }

    [Fact]
    public void Only_what_is_open_is_kept_as_an_orphan()
    {
        ulong directory = scene.MakeDirectory(Root, "d");
        scene.MakeFile(directory, "closed", "x");
        CreatedFile open = scene.Create(directory, "open");
        Assert.False(UnlinkOf(directory, "closed").KeepOrphan);
        Assert.True(UnlinkOf(directory, "open").KeepOrphan);
        Assert.Equal(1, scene.Files.OrphanCount);
        Assert.Equal(Errno.None, scene.Close(open.File.Handle));
        Assert.Equal(0, scene.Files.OrphanCount);
    }

    [Fact]
    public void A_file_renamed_over_while_it_is_open_goes_with_its_last_descriptor()
    {
        ulong node = scene.MakeFile(Root, "old", "old");
        scene.MakeFile(Root, "new", "new");
        OpenedFile first = scene.Open(node);
        OpenedFile second = scene.Open(node);
        Assert.Equal(Errno.None, scene.Loop.Await(() => scene.Client.RenameAsync(
            ClientScene.User, Root, ClientScene.Bytes("new"), Root, ClientScene.Bytes("old"), RenameMode.Replace, default)));
        scene.Loop.Advance(5000);
        Assert.Equal("old", scene.Read(first.Handle));
        scene.Close(first.Handle);
        Assert.Equal(1, scene.Files.OrphanCount);
        scene.Close(second.Handle);
        Assert.Equal(0, scene.Files.OrphanCount);
    }

    [Fact]
    public void A_sequential_reader_has_several_reads_in_flight()
    {
        ObjectId id = scene.Foreign(new Create(ObjectId.Root, ClientScene.Bytes("big"), 0x1A4, true)).Object!.Value;
        byte[] content = new byte[8 << 20];
        new Random(1).NextBytes(content);
        scene.Foreign(new Write(id, 0, content, false, true));
        OpenedFile file = scene.Open(scene.Lookup(Root, "big").Value.NodeId);
        scene.Submitter.Hold = static operation => operation is Read;
        List<Task<Outcome<ReadOnlyMemory<byte>>>> reads = [];
        for (ulong index = 0; index < 8; index++)
            reads.Add(scene.Loop.Run(() => scene.Client.ReadAsync(file.Handle, index << 17, 1 << 17, default).AsTask()));
        int inFlight = scene.Submitter.HeldCount;
        Assert.InRange(inFlight, 4, 8);
        scene.Submitter.Hold = static _ => false;
        Release(scene, newestFirst: true);
        for (ulong index = 8; index < 64; index++)
            reads.Add(scene.Loop.Run(() => scene.Client.ReadAsync(file.Handle, index << 17, 1 << 17, default).AsTask()));
        for (int index = 0; index < 64; index++)
            Assert.True(content.AsSpan(index << 17, 1 << 17).SequenceEqual(ManualLoop.Finished(reads[index]).Value.Span));
        int operations = scene.Submitter.Submitted.Count(static operation => operation is Read);
        Assert.True(operations <= 16, $"{operations} reads");
        scene.Write(scene.Open(scene.Lookup(Root, "big").Value.NodeId, OpenFlags.ReadWrite).Handle, 100, ClientScene.Bytes("new"));
        Assert.Equal("new", scene.Read(file.Handle, 100, 3));
    }

    [Fact]
    public void A_lock_that_was_interrupted_is_given_back()
    {
        ulong node = scene.MakeFile(Root, "f", "x");
        SetLock request = new(default, 7, 0, long.MaxValue, LockKind.Write, 1, false);
        scene.Submitter.Hold = static operation => operation is Compound;
        using CancellationTokenSource interrupt = new();
        Task<Errno> locking = scene.Loop.Run(() => scene.Client.SetLockAsync(ClientScene.User, node, request, true, interrupt.Token).AsTask());
        scene.Submitter.Hold = static _ => false;
        scene.Loop.Run(() =>
        {
            interrupt.Cancel();
            return 0;
        });
        Assert.Equal(Errno.EINTR, ManualLoop.Finished(locking));
        Assert.Contains(scene.Submitter.Submitted, static operation => operation is SetLock { Kind: LockKind.Unlock, Owner: 7 });
    }

    [Fact]
    public void A_waiting_lock_is_asked_for_again_until_it_is_granted()
    {
        ulong node = scene.MakeFile(Root, "f", "x");
        SetLock theirs = new(IdOf("f"), 1, 0, long.MaxValue, LockKind.Write, 1, true);
        scene.Foreign(theirs);
        SetLock mine = theirs with { Owner = 2 };
        Assert.Equal(Errno.EAGAIN, scene.Loop.Await(() => scene.Client.SetLockAsync(ClientScene.User, node, mine, false, default)));
        Task<Errno> waiting = scene.Loop.Run(() => scene.Client.SetLockAsync(ClientScene.User, node, mine, true, default).AsTask());
        scene.Loop.Advance(100);
        Assert.False(waiting.IsCompleted);
        scene.Foreign(theirs with { Kind = LockKind.Unlock });
        for (int step = 0; step < 20 && !waiting.IsCompleted; step++)
            scene.Loop.Advance(100);
        Assert.Equal(Errno.None, ManualLoop.Finished(waiting));
    }

    [Fact]
    public void Closing_gives_back_record_locks_of_the_closing_owner()
    {
        ulong node = scene.MakeFile(Root, "f", "x");
        OpenedFile file = scene.Open(node);
        SetLock request = new(default, 7, 0, 9, LockKind.Write, 1, false);
        Assert.Equal(Errno.None, scene.Loop.Await(() => scene.Client.SetLockAsync(ClientScene.User, node, request, false, default)));
        Assert.Empty(scene.Operations(() => scene.Loop.Await(() => scene.Client.FlushAsync(ClientScene.User, file.Handle, 8, default))));
        Assert.Single(scene.Operations(() => scene.Loop.Await(() => scene.Client.FlushAsync(ClientScene.User, file.Handle, 7, default))));
        Assert.Null(scene.Foreign(new TestLock(IdOf("f"), 1, 0, 9, LockKind.Write)).Conflict);
    }

    [Fact]
    public void Nodes_go_when_the_kernel_forgets_them_and_not_before_their_data_has_left()
    {
        int before = scene.Client.NodeCount;
        ulong node = scene.MakeFile(Root, "f", "x");
        scene.Client.Forget(node, 1);
        Assert.Equal(before, scene.Client.NodeCount);
        CreatedFile created = scene.Create(Root, "g");
        scene.Write(created.File.Handle, 0, ClientScene.Bytes("late"));
        scene.Submitter.Hold = static operation => operation is Write;
        scene.Loop.Await(() => scene.Client.ReleaseAsync(ClientScene.User, created.File.Handle, 0, LockRelease.None, default));
        scene.Client.Forget(created.Entry.NodeId, 1);
        Assert.Equal(before + 1, scene.Client.NodeCount);
        Release(scene);
        Assert.Equal(before, scene.Client.NodeCount);
        Assert.Equal("late"u8.ToArray(), scene.Foreign(new Read(IdOf("g"), 0, 9, true)).Data!.Value.ToArray());
    }

    private static void Release(ClientScene scene, bool newestFirst = false) => scene.Loop.Run(() =>
    {
        scene.Submitter.Release(newestFirst);
        return 0;
    });

    private Unlink UnlinkOf(ulong directory, string name)
    {
        IReadOnlyList<Operation> operations = scene.Operations(() => Assert.Equal(
            Errno.None, scene.Loop.Await(() => scene.Client.UnlinkAsync(ClientScene.User, directory, ClientScene.Bytes(name), default))));
        return Assert.IsType<Unlink>(operations[0]);
    }

    private ObjectId IdOf(string name) => scene.Foreign(new Lookup(ObjectId.Root, ClientScene.Bytes(name))).Object!.Value;
}

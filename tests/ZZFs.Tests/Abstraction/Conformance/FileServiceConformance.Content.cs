using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Tests.Stores;
using static ZZFs.Tests.Abstraction.FileServiceDriver;

namespace ZZFs.Tests.Abstraction.Conformance;

public abstract partial class FileServiceConformance
{
    private const ulong Block = Specification.BlockBytes;

    [StoreFact]
    public void Writing_and_reading_work_at_any_offset()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, Block - 5, Ten);
        Assert.Equal(Block + 5, Fs.Attributes(file).SizeBytes);
        Assert.Equal(2 * Block, Fs.Attributes(file).AllocatedBytes);
        Assert.Equal(new byte[5], Fs.Read(file, 0, 5));
        Assert.Equal("34567"u8.ToArray(), Fs.Read(file, Block - 2, 5));
        OperationResult end = Fs.Must(new Read(file, Block, 100, true));
        Assert.Equal(("56789"u8.Length, true), (end.Data!.Value.Length, end.EndOfData));
        Assert.False(Fs.Must(new Read(file, 0, 5, true)).EndOfData);
        OperationResult past = Fs.Must(new Read(file, ulong.MaxValue, 5, true));
        Assert.Equal((0, true), (past.Data!.Value.Length, past.EndOfData));
        Assert.Equal(Block + 5, Fs.Must(new Write(file, 3, Ten, true, true)).Number);
        Assert.Equal(Block + 15, Fs.Attributes(file).SizeBytes);
        Fs.Fails(Errno.EINVAL, new Read(file, 0, Limits.MaximumTransferBytes + 1, true));
    }

    [StoreFact]
    public void An_empty_write_changes_nothing()
    {
        ObjectId file = Fs.File(Root, "f");
        Attributes before = Fs.Attributes(file);
        Assert.Equal(before, Fs.Write(file, 1000, default));
    }

    [StoreFact]
    public void Files_have_a_largest_length()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Fails(Errno.EFBIG, Fs.Truncate(file, Specification.MaximumFileBytes + 1));
        Fs.Fails(Errno.EFBIG, new Write(file, Specification.MaximumFileBytes - 9, Ten, false, true));
        Fs.Fails(Errno.EFBIG, new Write(file, ulong.MaxValue, Ten, false, true));
        Fs.Fails(Errno.EFBIG, new Allocate(file, 0, ulong.MaxValue, 2, true));
        Fs.Fails(Errno.EFBIG, new Allocate(file, 0, 2, ulong.MaxValue, true));
        Fs.Write(file, Specification.MaximumFileBytes - 10, Ten);
        Assert.Equal((Specification.MaximumFileBytes, Block), (Fs.Attributes(file).SizeBytes, Fs.Attributes(file).AllocatedBytes));
        Assert.Equal(Ten.ToArray(), Fs.Read(file, Specification.MaximumFileBytes - 10, 100));
        ObjectId source = Fs.File(Root, "s");
        Fs.Write(source, 0, Ten);
        Fs.Fails(Errno.EFBIG, new CopyRange(source, 0, file, Specification.MaximumFileBytes, 1));
        Fs.Checkpoint(1);
        Assert.Equal(Specification.MaximumFileBytes - Block, Fs.Must(new Seek(file, 0, false)).Number);
        Fs.Must(Fs.Truncate(file, 5));
        Assert.Equal(0u, Fs.Attributes(file).AllocatedBytes);
        Fs.Checkpoint(2);
    }

    [StoreFact]
    public void Zeros_are_holes_whoever_writes_them()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, 0, new byte[4 * Block]);
        Assert.Equal((4 * Block, 0UL), (Fs.Attributes(file).SizeBytes, Fs.Attributes(file).AllocatedBytes));
        Fs.Write(file, (2 * Block) + 7, Ten);
        Assert.Equal(Block, Fs.Attributes(file).AllocatedBytes);
        Assert.Equal(2 * Block, Fs.Must(new Seek(file, 5, false)).Number);
        Assert.Equal((2 * Block) + 9, Fs.Must(new Seek(file, (2 * Block) + 9, false)).Number);
        Assert.Equal(5UL, Fs.Must(new Seek(file, 5, true)).Number);
        Assert.Equal(3 * Block, Fs.Must(new Seek(file, 2 * Block, true)).Number);
        Fs.Fails(Errno.ENXIO, new Seek(file, 3 * Block, false));
        Fs.Fails(Errno.ENXIO, new Seek(file, 4 * Block, true));
        Fs.Checkpoint(1);
        Fs.Write(file, (2 * Block) + 7, new byte[10]);
        Assert.Equal(0u, Fs.Attributes(file).AllocatedBytes);
        Fs.Fails(Errno.ENXIO, new Seek(file, 0, false));
    }

    [StoreFact]
    public void A_file_with_data_to_its_end_has_a_hole_there()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Write(file, 0, Ten);
        Assert.Equal(10UL, Fs.Must(new Seek(file, 0, true)).Number);
    }

    [StoreFact]
    public void What_was_cut_off_reads_as_zeros_when_the_file_grows_again()
    {
        ObjectId file = Fs.File(Root, "f");
        byte[] ones = [.. Enumerable.Repeat((byte)1, (int)(3 * Block))];
        Fs.Write(file, 0, ones);
        Fs.Checkpoint(1);
        Fs.Must(Fs.Truncate(file, Block + 10));
        Assert.Equal(2 * Block, Fs.Attributes(file).AllocatedBytes);
        Fs.Must(Fs.Truncate(file, 3 * Block));
        byte[] expected = new byte[3 * Block];
        ones.AsSpan(0, (int)Block + 10).CopyTo(expected);
        Assert.Equal(expected, Fs.Read(file, 0, (uint)expected.Length));
        Assert.Equal(2 * Block, Fs.Attributes(file).AllocatedBytes);
    }

    [StoreFact]
    public void Allocate_extends_punches_and_zeroes()
    {
        ObjectId file = Fs.File(Root, "f");
        Fs.Must(new Allocate(file, AllocateMode.KeepSize, 0, 100, true));
        Assert.Equal(0UL, Fs.Attributes(file).SizeBytes);
        Fs.Must(new Allocate(file, AllocateMode.Default, 10, 90, true));
        Assert.Equal(100UL, Fs.Attributes(file).SizeBytes);
        Fs.Write(file, 0, Ten);
        Fs.Must(new Allocate(file, AllocateMode.PunchHole | AllocateMode.KeepSize, 2, 3, true));
        Assert.Equal([(byte)'1', 0, 0, 0, (byte)'5'], Fs.Read(file, 1, 5));
        Fs.Must(new Allocate(file, AllocateMode.ZeroRange, 5, Block, true));
        Assert.Equal(Block + 5, Fs.Attributes(file).SizeBytes);
        Assert.Equal([(byte)'0', (byte)'1', 0, 0, 0, 0, 0], Fs.Read(file, 0, 7));
        Fs.Must(new Allocate(file, AllocateMode.ZeroRange | AllocateMode.KeepSize, 0, ulong.MaxValue >> 21, true));
        Assert.Equal((Block + 5, 0UL), (Fs.Attributes(file).SizeBytes, Fs.Attributes(file).AllocatedBytes));
        Fs.Fails(Errno.EINVAL, new Allocate(file, 0, 0, 0, true));
        Fs.Fails(Errno.EOPNOTSUPP, new Allocate(file, AllocateMode.PunchHole, 0, 1, true));
        Fs.Fails(Errno.EOPNOTSUPP, new Allocate(file, (AllocateMode)8, 0, 1, true));
    }

    [StoreFact]
    public void Copying_a_range_copies_holes_as_holes()
    {
        ObjectId source = Fs.File(Root, "s");
        ObjectId target = Fs.File(Root, "t");
        Fs.Write(source, 5 * Block, Ten);
        Fs.Write(target, 0, Enumerable.Repeat((byte)1, (int)(2 * Block)).ToArray());
        OperationResult copied = Fs.Must(new CopyRange(source, 0, target, 3, 100 * Block));
        Assert.Equal((5 * Block) + 10, copied.Number);
        Assert.Equal((5 * Block) + 13, copied.Attributes!.SizeBytes);
        Assert.Equal(2 * Block, copied.Attributes.AllocatedBytes);
        Assert.Equal(Ten.ToArray(), Fs.Read(target, (5 * Block) + 3, 100));
        Assert.Equal([1, 1, 1, 0], Fs.Read(target, 0, 4));
        Assert.Equal(0UL, Fs.Must(new CopyRange(source, 10 * Block, target, 0, 10)).Number);
        Fs.Fails(Errno.EINVAL, new CopyRange(source, 0, source, 5, 6));
        Assert.Equal(5UL, Fs.Must(new CopyRange(source, 5 * Block, source, 0, 5)).Number);
        Assert.Equal("01234"u8.ToArray(), Fs.Read(source, 0, 5));
    }

    [StoreFact]
    public void Xattrs_follow_their_name_spaces()
    {
        ObjectId file = Fs.File(Root, "f", 0x180);
        ObjectId fifo = Fs.Must(new MakeNode(Root, Name("p"), ObjectType.Fifo, 0x1ff, 0)).Object!.Value;
        Operation Set(ObjectId target, string name, string value, byte flags = 0) => new SetXattr(target, Name(name), Name(value), flags);
        Fs.Must(Set(file, "user.b", "2"));
        Fs.Must(Set(file, "user.a", "1"));
        Fs.Must(Set(file, "trusted.t", "t"));
        Fs.Must(Set(file, "security.s", ""));
        Assert.Equal("security.s\0trusted.t\0user.a\0user.b\0", System.Text.Encoding.UTF8.GetString(Fs.Must(new ListXattrs(file)).Data!.Value.Span));
        Assert.Empty(Fs.Must(new GetXattr(file, Name("security.s"))).Data!.Value.ToArray());
        Fs.Fails(Errno.EEXIST, Set(file, "user.a", "x", 1));
        Fs.Fails(Errno.ENODATA, Set(file, "user.c", "x", 2));
        Fs.Fails(Errno.EINVAL, Set(file, "user.a", "x", 3));
        Fs.Fails(Errno.EOPNOTSUPP, Set(file, "system.posix_acl_access", "x"));
        Fs.Fails(Errno.EOPNOTSUPP, Set(file, "name", "x"));
        Fs.Fails(Errno.EINVAL, Set(file, "user.", "x"));
        Fs.Fails(Errno.ERANGE, Set(file, "user." + new string('n', 251), "x"));
        Fs.Fails(Errno.ERANGE, Set(file, "", "x"));
        Fs.Fails(Errno.EPERM, Set(fifo, "user.a", "x"));
        Fs.Fails(Errno.ENODATA, new GetXattr(fifo, Name("user.a")));
        Fs.Fails(Errno.ENODATA, new GetXattr(file, Name("user.no")));
        Fs.Fails(Errno.ENODATA, new RemoveXattr(file, Name("user.no")));
        Fs.Fails(Errno.E2BIG, new SetXattr(file, Name("user.big"), new byte[Specification.MaximumXattrValueBytes + 1], 0));
        Fs.Must(new SetXattr(file, Name("user.big"), new byte[Specification.MaximumXattrValueBytes], 0));
        Fs.Fails(Errno.ENOSPC, new SetXattr(file, Name("user.big2"), new byte[Specification.MaximumXattrValueBytes], 0));

        Fs.User = Someone(5);
        Fs.Fails(Errno.EACCES, Set(file, "user.a", "x"));
        Fs.Fails(Errno.EACCES, new GetXattr(file, Name("user.a")));
        Fs.Fails(Errno.EPERM, Set(file, "trusted.t", "x"));
        Fs.Fails(Errno.ENODATA, new GetXattr(file, Name("trusted.t")));
        Fs.Fails(Errno.EPERM, new RemoveXattr(file, Name("security.s")));
        Fs.Must(new GetXattr(file, Name("security.s")));
        Assert.Equal("security.s\0user.a\0user.b\0user.big\0", System.Text.Encoding.UTF8.GetString(Fs.Must(new ListXattrs(file)).Data!.Value.Span));
    }

    [StoreFact]
    public void Record_locks_split_and_merge()
    {
        ObjectId file = Fs.File(Root, "f");
        Operation Lock(ulong owner, ulong start, ulong end, LockKind kind) => new SetLock(file, owner, start, end, kind, (uint)owner + 100, false);
        LockConflict? Seen(ulong start, ulong end) => Fs.Must(new TestLock(file, 9, start, end, LockKind.Write)).Conflict;
        Fs.Must(Lock(1, 10, 19, LockKind.Write));
        Fs.Must(Lock(1, 20, 29, LockKind.Write));
        Assert.Equal(new LockConflict(10, 29, LockKind.Write, 101), Seen(0, ulong.MaxValue));
        Fs.Must(Lock(1, 15, 17, LockKind.Unlock));
        Assert.Null(Seen(15, 17));
        Assert.Equal(new LockConflict(18, 29, LockKind.Write, 101), Seen(16, 40));
        Fs.Must(Lock(1, 12, 20, LockKind.Read));
        Assert.Equal(new LockConflict(12, 20, LockKind.Read, 101), Seen(13, 14));
        Assert.Equal(new LockConflict(21, 29, LockKind.Write, 101), Seen(21, 21));

        Fs.Must(Lock(2, 13, 14, LockKind.Read));
        OperationResult refused = Fs.Run(Lock(2, 14, 25, LockKind.Read));
        Assert.Equal((Errno.EAGAIN, new LockConflict(21, 29, LockKind.Write, 101)), (refused.Error, refused.Conflict));
        Fs.Session = 2;
        Fs.Fails(Errno.EAGAIN, Lock(1, 10, 10, LockKind.Write));
        Fs.Session = 1;
        Fs.Must(new SetLock(file, 3, 0, ulong.MaxValue, LockKind.Write, 1, true));
        Fs.Fails(Errno.EAGAIN, new SetLock(file, 4, 0, ulong.MaxValue, LockKind.Read, 1, true));
        Fs.Fails(Errno.EINVAL, Lock(1, 5, 4, LockKind.Read));
        Digest locked = Fs.Checkpoint(1);
        Fs.Service.EndSession(new SessionId(1));
        Assert.Null(Seen(0, ulong.MaxValue));
        Assert.NotEqual(locked, Fs.Checkpoint(2));
        Fs.Must(new SetLock(file, 4, 0, ulong.MaxValue, LockKind.Read, 1, true));
    }

    [StoreFact]
    public void Locks_run_out_and_go_with_their_object()
    {
        FileServiceDriver fs = New(new VolumeLimits(1 << 20, 10, 3));
        ObjectId file = fs.File(Root, "f");
        ObjectId other = fs.File(Root, "g");
        fs.Must(new SetLock(file, 1, 0, 10, LockKind.Write, 1, false));
        fs.Must(new SetLock(file, 1, 20, 30, LockKind.Write, 1, false));
        fs.Must(new SetLock(file, 1, 5, 5, LockKind.Unlock, 1, false));
        fs.Fails(Errno.ENOLCK, new SetLock(file, 1, 25, 25, LockKind.Unlock, 1, false));
        fs.Fails(Errno.ENOLCK, new SetLock(other, 1, 0, 0, LockKind.Read, 1, false));
        fs.Must(new Unlink(Root, Name("f"), false));
        fs.Must(new SetLock(other, 1, 0, 0, LockKind.Read, 1, false));
    }
}

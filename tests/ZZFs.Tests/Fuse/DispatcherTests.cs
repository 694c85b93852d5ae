using System.Buffers.Binary;
using System.Text;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Fuse;
using ZZFs.Tests.Client;

namespace ZZFs.Tests.Fuse;

/// <summary>Requests and replies byte by byte, against the layouts of linux/fuse.h.</summary>
public sealed class DispatcherTests
{
    private const uint ReadWrite = 2;

    private readonly DispatcherScene scene = new();

    [Fact]
    public void The_handshake_takes_what_both_can_do()
    {
        DispatcherScene fresh = new(initialized: false);
        ulong offered = (ulong)(InitFlags.MaxPages | InitFlags.InitExtended | InitFlags.DirectIoAllowMmap) | (1UL << 16);
        (Errno error, byte[] body) = fresh.Request(Opcode.Init, 0, DispatcherScene.InitBody(7, 45, offered));
        Assert.Equal((Errno.None, 64), (error, body.Length));
        Assert.Equal((7u, 41u), (U32(body, 0), U32(body, 4)));
        Assert.Equal((uint)(InitFlags.MaxPages | InitFlags.InitExtended), U32(body, 12));
        Assert.Equal(1u << 20, U32(body, 20));
        Assert.Equal(256, BinaryPrimitives.ReadUInt16LittleEndian(body.AsSpan(28)));
        Assert.Equal(1u << 4, U32(body, 32));
        Assert.True(fresh.Dispatcher.Ready.IsCompletedSuccessfully);
    }

    [Fact]
    public void An_old_kernel_is_refused_with_a_sentence()
    {
        DispatcherScene fresh = new(initialized: false);
        Assert.Equal(Errno.EPROTO, fresh.Request(Opcode.Init, 0, DispatcherScene.InitBody(7, 25, 0)).Error);
        MountException reason = Assert.IsType<MountException>(fresh.Dispatcher.Ready.Exception!.InnerException);
        Assert.Equal("The kernel speaks FUSE 7.25, and ZZFs needs 7.26 (Linux 4.11) or newer.", reason.Message);
    }

    [Fact]
    public void A_kernel_of_a_later_major_version_is_told_ours()
    {
        DispatcherScene fresh = new(initialized: false);
        (Errno error, byte[] body) = fresh.Request(Opcode.Init, 0, DispatcherScene.InitBody(8, 1, 0));
        Assert.Equal((Errno.None, 7u), (error, U32(body, 0)));
        Assert.False(fresh.Dispatcher.Ready.IsCompleted);
        Assert.Equal(Errno.EPROTO, fresh.Request(Opcode.StatFs, 1, []).Error);
    }

    [Fact]
    public void An_entry_has_the_layout_of_fuse_entry_out()
    {
        (Errno error, byte[] body) = scene.Request(Opcode.MakeDirectory, 1, DispatcherScene.Body(0x1ED | 0x4000, 0x12, "d"));
        Assert.Equal((Errno.None, 128), (error, body.Length));
        Assert.Equal((2UL, 1UL), (U64(body, 0), U64(body, 8)));
        Assert.Equal((3UL, 3UL), (U64(body, 16), U64(body, 24)));
        byte[] attributes = body[40..];
        Assert.Equal(2UL, U64(attributes, 0));
        Assert.Equal((0x41EDu, 2u), (U32(attributes, 60), U32(attributes, 64)));
        Assert.Equal((1000u, 1000u), (U32(attributes, 68), U32(attributes, 72)));
        Assert.Equal(32u << 10, U32(attributes, 80));
    }

    [Fact]
    public void A_file_is_created_written_read_and_released()
    {
        (Errno error, byte[] created) = scene.Request(Opcode.Create, 1, DispatcherScene.Body(ReadWrite, 0x81A4u, 0x12u, 0u, "f"));
        Assert.Equal((Errno.None, 144), (error, created.Length));
        ulong node = U64(created, 0);
        ulong handle = U64(created, 128);
        Assert.Equal((uint)OpenReplyFlags.KeepCache, U32(created, 136));
        byte[] write = DispatcherScene.Body(handle, 0UL, 5u, 0u, 0UL, 0u, 0u, "hello"u8.ToArray());
        Assert.Equal(5u, U32(scene.Request(Opcode.Write, node, write).Body, 0));
        byte[] read = DispatcherScene.Body(handle, 1UL, 100u, 0u, 0UL, 0u, 0u);
        Assert.Equal("ello", Encoding.UTF8.GetString(scene.Request(Opcode.Read, node, read).Body));
        (error, byte[] attributes) = scene.Request(Opcode.GetAttributes, node, DispatcherScene.Body(0u, 0u, 0UL));
        Assert.Equal((Errno.None, 104, 5UL), (error, attributes.Length, U64(attributes, 24)));
        Assert.Equal(Errno.None, scene.Request(Opcode.Flush, node, DispatcherScene.Body(handle, 0UL, 0UL)).Error);
        Assert.Equal(Errno.None, scene.Request(Opcode.Release, node, DispatcherScene.Body(handle, 0u, 0u, 0UL)).Error);
        Assert.Equal(Errno.EBADF, scene.Request(Opcode.Read, node, read).Error);
    }

    [Fact]
    public void A_listing_has_aligned_entries_that_fit_and_goes_on_where_it_stopped()
    {
        foreach (string name in new[] { "a", "bb", "a-longer-name" })
            scene.Client.MakeFile(1, name, "x");
        ulong handle = U64(scene.Request(Opcode.OpenDirectory, 1, DispatcherScene.Body(0u, 0u)).Body, 0);
        List<string> names = [];
        ulong offset = 0;
        while (scene.Request(Opcode.ReadDirectory, 1, DispatcherScene.Body(handle, offset, 64u, 0u, 0UL, 0u, 0u)).Body is { Length: > 0 } page)
        {
            Assert.InRange(page.Length, 24, 64);
            for (int position = 0; position < page.Length;)
            {
                int length = (int)U32(page, position + 16);
                names.Add(Encoding.UTF8.GetString(page, position + 24, length));
                offset = U64(page, position + 8);
                position += (24 + length + 7) / 8 * 8;
            }
        }

        Assert.Equal([".", "..", "a", "a-longer-name", "bb"], names);
        byte[] plus = scene.Request(Opcode.ReadDirectoryPlus, 1, DispatcherScene.Body(handle, 2UL, 4096u, 0u, 0UL, 0u, 0u)).Body;
        Assert.NotEqual(0UL, U64(plus, 0));
        Assert.Equal(1u, U32(plus, 128 + 16));
    }

    [Fact]
    public void Times_and_ids_arrive_as_they_were_set()
    {
        ulong node = scene.Client.MakeFile(1, "f", "x");
        const uint fields = (uint)(SetAttributesFields.AccessTime | SetAttributesFields.ModifyTime | SetAttributesFields.ModifyTimeNow | SetAttributesFields.Uid);
        byte[] body = DispatcherScene.Body(fields, 0u, 0UL, 0UL, 0UL, 5UL, 6UL, 7UL, 8u, 9u, 10u, 0x1FFu, 0u, 11u, 12u, 0u);
        IReadOnlyList<Operation> operations = scene.Client.Operations(() => Assert.Equal(Errno.None, scene.Request(Opcode.SetAttributes, node, body).Error));
        SetAttributes set = Assert.IsType<SetAttributes>(Assert.Single(operations));
        Assert.Equal(AttributeMask.AccessTime | AttributeMask.ModifyTimeNow | AttributeMask.Uid, set.Mask);
        Assert.Equal((5_000_000_008L, 11u), (set.AccessTime.Nanoseconds, set.Uid));
    }

    [Fact]
    public void A_signal_that_does_not_kill_leaves_the_request_alone()
    {
        int looks = 0;
        scene.Dispatcher.InterruptedWait = () => looks++;
        scene.Client.Submitter.Hold = static operation => operation is MakeDirectory;
        ulong unique = scene.Begin(Opcode.MakeDirectory, 1, DispatcherScene.Body(0x1EDu, 0u, "d"));
        scene.Begin(Opcode.Interrupt, 0, DispatcherScene.Body(unique));
        Assert.DoesNotContain(scene.Replies, reply => reply.Unique == unique);
        Assert.True(scene.Dispatcher.GiveUpForTheDying());
        Assert.Equal(2, looks);
        scene.CallersDie = true;
        Assert.False(scene.Dispatcher.GiveUpForTheDying());
        scene.Begin(Opcode.Interrupt, 0, DispatcherScene.Body(unique + 1000));
        Assert.Equal(Errno.EINTR, Assert.Single(scene.Replies, reply => reply.Unique == unique).Error);
    }

    [Fact]
    public void An_interrupt_ends_the_request_that_it_names_when_its_caller_is_being_killed()
    {
        scene.CallersDie = true;
        scene.Client.Submitter.Hold = static operation => operation is MakeDirectory;
        ulong unique = scene.Begin(Opcode.MakeDirectory, 1, DispatcherScene.Body(0x1EDu, 0u, "d"));
        Assert.DoesNotContain(scene.Replies, reply => reply.Unique == unique);
        scene.Begin(Opcode.Interrupt, 0, DispatcherScene.Body(unique));
        Assert.Equal(Errno.EINTR, Assert.Single(scene.Replies, reply => reply.Unique == unique).Error);
        Assert.Equal((1UL, 0), (scene.Dispatcher.Interrupts, scene.Dispatcher.InFlight));
    }

    [Fact]
    public void What_the_kernel_does_not_take_is_given_up()
    {
        int before = scene.Client.Client.NodeCount;
        scene.Accepts = false;
        scene.Request(Opcode.Create, 1, DispatcherScene.Body(ReadWrite, 0x81A4u, 0u, 0u, "f"));
        scene.Request(Opcode.MakeDirectory, 1, DispatcherScene.Body(0x1EDu, 0u, "d"));
        scene.Request(Opcode.Lookup, 1, DispatcherScene.Body("d"));
        Assert.Equal(before, scene.Client.Client.NodeCount);
    }

    [Theory]
    [InlineData(Opcode.Ioctl, 25)]
    [InlineData(Opcode.TemporaryFile, 38)]
    [InlineData(Opcode.StatX, 38)]
    [InlineData(Opcode.BlockMap, 38)]
    [InlineData((Opcode)999, 38)]
    [InlineData(Opcode.Destroy, 0)]
    public void What_is_not_supported_is_said_so(Opcode opcode, int error) =>
        Assert.Equal((Errno)error, scene.Request(opcode, 1, []).Error);

    [Theory]
    [InlineData(Opcode.Lookup)]
    [InlineData(Opcode.Create)]
    [InlineData(Opcode.Write)]
    [InlineData(Opcode.SetAttributes)]
    [InlineData(Opcode.Rename2)]
    [InlineData(Opcode.SetLock)]
    public void A_body_that_is_too_short_is_refused_and_counted(Opcode opcode)
    {
        Assert.Equal(Errno.EPROTO, scene.Request(opcode, 1, [1, 2, 3]).Error);
        Assert.Equal(1UL, scene.Dispatcher.MalformedRequests);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    public void Names_that_can_not_be_names_are_refused(string name) =>
        Assert.Equal(Errno.EPROTO, scene.Request(Opcode.MakeDirectory, 1, DispatcherScene.Body(0x1EDu, 0u, name)).Error);

    [Fact]
    public void No_bytes_make_it_throw_or_leave_a_request_without_its_one_reply()
    {
        Random random = new(20_240_229);
        scene.Client.Files.MaximumFileBytes = 100_000;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] body = new byte[random.Next(120)];
            random.NextBytes(body);
            // Small numbers hit handles, nodes and flags that exist; zeros end names.
            for (int index = 0; index < body.Length; index++)
            {
                if (random.Next(3) != 0)
                    body[index] = (byte)random.Next(3);
            }

            Opcode opcode = (Opcode)random.Next(1, 56);
            if (opcode == Opcode.Init)
                continue;
            ulong unique = 1000UL + (ulong)round;
            byte[] request = DispatcherScene.Frame(opcode, unique, (ulong)random.Next(5), body);
            if (random.Next(20) == 0)
                request = request[..random.Next(request.Length)];
            int before = scene.Replies.Count;
            scene.Deliver(request);
            scene.Client.Loop.Advance(1000);
            int replies = scene.Replies.Count - before;
            bool silent = opcode is Opcode.Forget or Opcode.BatchForget or Opcode.Interrupt or Opcode.NotifyReply
                || request.Length < FuseAbi.RequestHeaderBytes + body.Length;
            Assert.True(silent ? replies == 0 : replies == 1 || IsWaitingLock(opcode), $"{opcode} got {replies} replies");
        }

        Assert.Equal("", string.Join("\n", scene.Warnings));
        Assert.Equal(0UL, scene.Dispatcher.Faults);
    }

    private static bool IsWaitingLock(Opcode opcode) => opcode == Opcode.SetLockWait;

    private static uint U32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

    private static ulong U64(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(offset));
}

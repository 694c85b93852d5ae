using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ZZFs.Cli;

namespace TestProgram;

/// <summary>A FUSE mount that refuses every request: enough to be mounted and unmounted, and nobody who looks at it hangs. Takes root.</summary>
internal sealed partial class RefusingMount : IMount
{
    private readonly MountContext context;
    private readonly SafeFileHandle device;
    private readonly TaskCompletionSource ended = new();

    private RefusingMount(MountContext context, SafeFileHandle device)
    {
        this.context = context;
        this.device = device;
        context.Loop.Register(Descriptor, OnReadable);
    }

    public Task Ended => ended.Task;

    private int Descriptor => (int)device.DangerousGetHandle();

    public static Task<IMount> StartAsync(MountContext context)
    {
        if (context.Options.Contains("fail"))
            throw new CommandException(ExitCode.Mount, "the cluster did not answer in time");
        SafeFileHandle device = File.OpenHandle("/dev/fuse", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        string options = string.Create(CultureInfo.InvariantCulture, $"fd={(int)device.DangerousGetHandle()},rootmode=40755,user_id=0,group_id=0");
        if (MountSystemCall(context.Source, context.MountPoint, "fuse.zzfs", 0, options) != 0)
            throw new IOException($"mount failed with errno {Marshal.GetLastPInvokeError()}");
        return Task.FromResult<IMount>(new RefusingMount(context, device));
    }

    public void Unmount() => _ = UnmountSystemCall(context.MountPoint, 0);

    public void Dispose() => device.Dispose();

    /// <summary>Answers each request with ENOSYS; an error of read says that it is unmounted.</summary>
    private unsafe void OnReadable()
    {
        const int ReplyBytes = 16; // struct fuse_out_header: length, error, unique
        const int NotImplemented = -38;
        byte[] request = new byte[1 << 17];
        fixed (byte* buffer = request)
        {
            if (ReadSystemCall(Descriptor, buffer, (nuint)request.Length) >= 0)
            {
                byte[] reply = new byte[ReplyBytes];
                BinaryPrimitives.WriteInt32LittleEndian(reply, ReplyBytes);
                BinaryPrimitives.WriteInt32LittleEndian(reply.AsSpan(4), NotImplemented);
                request.AsSpan(8, 8).CopyTo(reply.AsSpan(8));
                fixed (byte* answer = reply)
                    _ = WriteSystemCall(Descriptor, answer, ReplyBytes);
                return;
            }
        }

        context.Loop.Unregister(Descriptor);
        ended.TrySetResult();
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteSystemCall(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint ReadSystemCall(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountSystemCall(string source, string target, string type, nuint flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountSystemCall(string target, int flags);
}

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Agreement.Messages;
using Agreement.Node;
using Microsoft.Win32.SafeHandles;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <summary>
/// The shell around /dev/fuse: reads requests when the loop says that there are some, writes replies, and tells the
/// kernel what to forget. A reply never blocks, since the kernel only copies it. Forgetting pages may, until reads of
/// them that are under way have been answered, so it is done on a thread of its own.
/// </summary>
public sealed unsafe class FuseDevice : IReplySink, IKernelCache, IDisposable
{
    private const int RequestBytes = Limits.MaximumTransferBytes + 65_536;
    private const int RequestsPerTurn = 64;
    private const int CopiedRequestBytes = 64 << 10;
    private const int PooledBuffers = 8;

    private readonly SafeFileHandle descriptor;
    private readonly IEventLoop loop;
    private readonly Stack<RequestBuffer> buffers = new();
    private readonly MessageWriter notification = new(64);
    private readonly BlockingCollection<(ulong NodeId, TaskCompletionSource Forgotten)> forgetQueue = [];
    private readonly TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Dispatcher? dispatcher;
    private Thread? forgetter;
    private bool disposed;

    /// <summary>Owns a descriptor of /dev/fuse that is mounted, or about to be.</summary>
    public FuseDevice(SafeFileHandle descriptor, IEventLoop loop)
    {
        this.descriptor = descriptor;
        this.loop = loop;
    }

    /// <summary>Ends when the kernel has closed the connection: the file system is unmounted.</summary>
    public Task Closed => closed.Task;

    /// <summary>Replies that the kernel did not accept for another reason than that nobody waits for them any more.</summary>
    public ulong RefusedReplies { get; private set; }

    /// <summary>Starts to read requests.</summary>
    public void Start(Dispatcher target)
    {
        dispatcher = target;
        loop.Register((int)descriptor.DangerousGetHandle(), ReadRequests);
    }

    /// <inheritdoc/>
    public bool Send(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data)
    {
        int error = Write(head, data);
        if (error is not (0 or NativeCalls.ErrorNoEntry or NativeCalls.ErrorNoDevice))
            RefusedReplies++;
        return error == 0;
    }

    /// <inheritdoc/>
    public void ForgetAttributes(ulong nodeId)
    {
        WriteNotification(notification, nodeId, offset: -1);
        // ENOENT says that the kernel has forgotten the whole node already.
        _ = Write(notification.Written, default);
    }

    /// <inheritdoc/>
    public Task ForgetPagesAsync(ulong nodeId)
    {
        if (disposed)
            return Task.CompletedTask;
        if (forgetter is null)
        {
            forgetter = new Thread(ForgetPages) { IsBackground = true, Name = "fuse invalidation" };
            forgetter.Start();
        }

        TaskCompletionSource forgotten = new(TaskCreationOptions.RunContinuationsAsynchronously);
        forgetQueue.Add((nodeId, forgotten));
        return forgotten.Task;
    }

    /// <summary>Stops reading and closes the descriptor, which ends the connection if the kernel has not.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        if (dispatcher is not null)
            loop.Unregister((int)descriptor.DangerousGetHandle());
        forgetQueue.CompleteAdding();
        descriptor.Dispose();
        closed.TrySetResult();
    }

    private static void WriteNotification(MessageWriter writer, ulong nodeId, long offset)
    {
        writer.Clear();
        writer.WriteUInt32(0);
        writer.WriteUInt32((uint)Notification.InvalidateNode);
        writer.WriteUInt64(0);
        writer.WriteInvalidateNode(nodeId, offset, 0);
        writer.PatchUInt32(0, (uint)writer.Length);
    }

    private void ReadRequests()
    {
        // Bounded, so that timers and the network get their turn under a flood of requests.
        for (int count = 0; count < RequestsPerTurn && !disposed; count++)
        {
            RequestBuffer buffer = buffers.TryPop(out RequestBuffer? pooled) ? pooled : new RequestBuffer(this);
            int length = Read(buffer.Bytes);
            if (length <= 0)
            {
                buffer.Dispose();
                if (length < 0)
                    return;
                continue;
            }

            if (length > CopiedRequestBytes)
            {
                dispatcher!.Dispatch(buffer.Bytes.AsMemory(0, length), buffer);
                continue;
            }

            // A small request in memory of its own: it may wait long, and its names may be kept by an operation in flight.
            byte[] copy = buffer.Bytes.AsSpan(0, length).ToArray();
            buffer.Dispose();
            dispatcher!.Dispatch(copy, null);
        }
    }

    /// <summary>Length of a request; 0 to try again; -1 when there is none for now, or never again.</summary>
    private int Read(byte[] buffer)
    {
        nint length;
        fixed (byte* start = buffer)
            length = NativeCalls.Read(descriptor, start, buffer.Length);
        if (length > 0)
            return (int)length;
        int error = length == 0 ? NativeCalls.ErrorNoDevice : Marshal.GetLastPInvokeError();
        switch (error)
        {
            // A request that was interrupted before we read it, or a signal.
            case NativeCalls.ErrorNoEntry or NativeCalls.ErrorInterrupted:
                return 0;
            case NativeCalls.ErrorAgain:
                return -1;
            default:
                loop.Unregister((int)descriptor.DangerousGetHandle());
                closed.TrySetResult();
                return -1;
        }
    }

    private int Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data)
    {
        if (disposed)
            return NativeCalls.ErrorNoDevice;
        fixed (byte* headStart = head)
        fixed (byte* dataStart = data)
        {
            NativeCalls.IoVector* vectors = stackalloc NativeCalls.IoVector[2];
            vectors[0] = new NativeCalls.IoVector { Base = headStart, Length = (nuint)head.Length };
            vectors[1] = new NativeCalls.IoVector { Base = dataStart, Length = (nuint)data.Length };
            while (NativeCalls.WriteVector(descriptor, vectors, data.IsEmpty ? 1 : 2) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error != NativeCalls.ErrorInterrupted)
                    return error;
            }
        }

        return 0;
    }

    private void ForgetPages()
    {
        MessageWriter writer = new(64);
        foreach ((ulong nodeId, TaskCompletionSource forgotten) in forgetQueue.GetConsumingEnumerable())
        {
            WriteNotification(writer, nodeId, offset: 0);
            try
            {
                _ = Write(writer.Written, default);
            }
            catch (ObjectDisposedException)
            {
                // The mount is gone, and its pages with it.
            }

            forgotten.TrySetResult();
        }
    }

    private sealed class RequestBuffer(FuseDevice owner) : IDisposable
    {
        public readonly byte[] Bytes = GC.AllocateUninitializedArray<byte>(RequestBytes);

        public void Dispose()
        {
            if (owner.buffers.Count < PooledBuffers)
                owner.buffers.Push(this);
        }
    }
}

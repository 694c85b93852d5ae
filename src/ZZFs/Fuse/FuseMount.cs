using System.Globalization;
using Agreement.Node;
using ZZFs.Client;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <summary>A mounted file system: the kernel's requests go to the cluster until it is unmounted.</summary>
public sealed class FuseMount
{
    private const long WarningIntervalMilliseconds = 10_000;

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);

    private readonly MountOptions options;
    private readonly IEventLoop loop;
    private readonly FuseDevice device;
    private readonly Dispatcher dispatcher;
    private readonly ClientFileSystem files;
    private long nextWarning = long.MinValue;
    private ulong suppressedWarnings;
    private bool looksAgain;

    private FuseMount(MountOptions options, IOperationSubmitter submitter, IEventLoop loop)
    {
        this.options = options;
        this.loop = loop;
        device = new FuseDevice(Mount.Attach(options), loop);
        files = new ClientFileSystem(submitter, loop, device, options.Caches);
        CallerTable callers = new(() => loop.NowMilliseconds, CallerTable.ReadProcStatus);
        dispatcher = new Dispatcher(files, device, callers, Warn) { InterruptedWait = LookAgainForTheDying };
    }

    /// <summary>
    /// Ends when the kernel and we agree on the protocol, and the mount can be used; fails with a
    /// <see cref="MountException"/> when they don't.
    /// </summary>
    public Task Ready => dispatcher.Ready;

    /// <summary>
    /// Ends after the file system was unmounted, by whomever, and everything that was written is executed; fails when one
    /// of our own assumptions turned out broken.
    /// </summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Counters for the status, by name. Read on the loop's thread.</summary>
    public IReadOnlyDictionary<string, ulong> Counters => new SortedDictionary<string, ulong>(StringComparer.Ordinal)
    {
        ["fuse faults"] = dispatcher.Faults,
        ["fuse interrupts"] = dispatcher.Interrupts,
        ["fuse malformed requests"] = dispatcher.MalformedRequests,
        ["fuse nodes"] = (ulong)files.NodeCount,
        ["fuse refused replies"] = device.RefusedReplies,
        ["fuse requests"] = dispatcher.Requests,
        ["fuse requests in flight"] = (ulong)dispatcher.InFlight,
        ["operations"] = files.OperationsSubmitted,
    };

    /// <summary>
    /// Mounts and begins to serve. Call it on the loop's thread, or before the loop runs; requests are answered once the
    /// loop turns.
    /// </summary>
    /// <exception cref="MountException">Mounting is not possible; the message says why.</exception>
    public static FuseMount Start(MountOptions options, IOperationSubmitter submitter, IEventLoop loop)
    {
        FuseMount mount = new(options, submitter, loop);
        mount.device.Start(mount.dispatcher);
        TaskCompletionSource served = new(TaskCreationOptions.RunContinuationsAsynchronously);
        mount.Completion = served.Task;
        loop.Post(() => _ = mount.ServeAsync(served));
        return mount;
    }

    /// <summary>Unmounts; <see cref="Completion"/> follows. May be called from any thread.</summary>
    /// <param name="lazy">See <see cref="Mount.Detach"/>.</param>
    /// <exception cref="MountException">It is in use, or can't be unmounted for another reason.</exception>
    public Task UnmountAsync(bool lazy = false) => Task.Run(() => Mount.Detach(options.MountPoint, lazy));

    private async Task ServeAsync(TaskCompletionSource served)
    {
        Task ended = await Task.WhenAny(device.Closed, dispatcher.Broken, files.Broken, FailedHandshakeAsync());
        try
        {
            if (ended != device.Closed)
                await DetachBrokenAsync();
            if (ended == dispatcher.Broken || ended == files.Broken)
                throw new InvalidOperationException("the mount stopped", await (Task<Exception>)ended);
            dispatcher.CancelAll();
            await files.FlushAllAsync();
            served.TrySetResult();
        }
        catch (Exception failure)
        {
            served.TrySetException(failure.InnerException ?? failure);
        }
        finally
        {
            device.Dispose();
        }
    }

    /// <summary>Ends only if the handshake fails: a mount that can't be served should not stay.</summary>
    private async Task FailedHandshakeAsync()
    {
        try
        {
            await dispatcher.Ready;
            await device.Closed;
        }
        catch (MountException)
        {
            // The reason is in Ready.
        }
    }

    /// <summary>Takes a mount away that won't be served any more, so that nobody is left waiting in it.</summary>
    private async Task DetachBrokenAsync()
    {
        try
        {
            await UnmountAsync(lazy: true);
        }
        catch (MountException failure)
        {
            Warn(failure.Message);
        }
    }

    private void LookAgainForTheDying()
    {
        if (looksAgain)
            return;
        looksAgain = true;
        loop.Schedule(LookAgain, () =>
        {
            looksAgain = false;
            dispatcher.GiveUpForTheDying();
        });
    }

    private void Warn(string line)
    {
        if (loop.NowMilliseconds < nextWarning)
        {
            suppressedWarnings++;
            return;
        }

        nextWarning = loop.NowMilliseconds + WarningIntervalMilliseconds;
        options.Warn(suppressedWarnings == 0
            ? line
            : string.Create(CultureInfo.InvariantCulture, $"{line} ({suppressedWarnings} more lines not shown)"));
        suppressedWarnings = 0;
    }
}

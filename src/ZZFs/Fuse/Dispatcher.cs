using Agreement.Messages;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <summary>Where replies go.</summary>
public interface IReplySink
{
    /// <summary>
    /// Sends one reply, header included, in one piece: <paramref name="head"/> and then <paramref name="data"/>. False
    /// when the kernel doesn't want it any more, so that what it would have referred to must be given up.
    /// </summary>
    bool Send(ReadOnlySpan<byte> head, ReadOnlySpan<byte> data);
}

/// <summary>Knows the users behind requests.</summary>
public interface ICallerSource
{
    /// <summary>The caller's credentials with supplementary groups, which are empty when they can't be found out.</summary>
    Credentials Find(uint uid, uint gid, uint processId);

    /// <summary>Whether a process is being killed, or gone; so is one that we can't see.</summary>
    bool IsDying(uint processId);
}

/// <summary>
/// Turns requests of the kernel into calls of the <see cref="ClientFileSystem"/> and their outcomes into replies. Many
/// requests are in flight at once; everything runs on the loop's thread. No device here: bytes in, bytes out.
/// </summary>
public sealed partial class Dispatcher
{
    /// <summary>ENOTTY, which only ioctl(2) uses.</summary>
    private const Errno NotATerminal = (Errno)25;

    private const int PooledRequests = 64;

    private readonly ClientFileSystem files;
    private readonly IReplySink replies;
    private readonly ICallerSource callers;
    private readonly Action<string> warn;
    private readonly Dictionary<ulong, PendingRequest> pending = [];
    private readonly Stack<PendingRequest> pool = new();
    private readonly MessageWriter writer = new(FuseAbi.EntryBytes * 2);
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Exception> broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Connects the two sides.</summary>
    /// <param name="files">What answers.</param>
    /// <param name="replies">Where answers go.</param>
    /// <param name="callers">Who asks.</param>
    /// <param name="warn">Takes one line for the log; it limits their rate itself.</param>
    public Dispatcher(ClientFileSystem files, IReplySink replies, ICallerSource callers, Action<string> warn)
    {
        this.files = files;
        this.replies = replies;
        this.callers = callers;
        this.warn = warn;
    }

    /// <summary>Ends when the kernel and we have agreed on a version, or fails with a sentence that says why not.</summary>
    public Task Ready => ready.Task;

    /// <summary>Ends with what went wrong if one of our own assumptions was broken.</summary>
    public Task<Exception> Broken => broken.Task;

    /// <summary>Requests received.</summary>
    public ulong Requests { get; private set; }

    /// <summary>Requests that made no sense.</summary>
    public ulong MalformedRequests { get; private set; }

    /// <summary>Requests that ended with an error of ours instead of an answer.</summary>
    public ulong Faults { get; private set; }

    /// <summary>Requests whose callers were interrupted.</summary>
    public ulong Interrupts { get; private set; }

    /// <summary>Requests that wait for their answer.</summary>
    public int InFlight => pending.Count;

    /// <summary>
    /// Handles one request. Its answer is sent now or later; <paramref name="buffer"/>, which holds the request's bytes,
    /// is disposed of then. Never throws, whatever the bytes are.
    /// </summary>
    public void Dispatch(ReadOnlyMemory<byte> bytes, IDisposable? buffer)
    {
        Requests++;
        if (!RequestHeader.TryRead(bytes.Span, out RequestHeader header))
        {
            MalformedRequests++;
            buffer?.Dispose();
            return;
        }

        PendingRequest request = pool.TryPop(out PendingRequest? pooled) ? pooled : new PendingRequest();
        request.Start(header, bytes[FuseAbi.RequestHeaderBytes..], buffer);
        // A number that is in use already can only come from a broken kernel; it names the newer request then.
        pending[header.Unique] = request;
        _ = RunAsync(request);
    }

    /// <summary>
    /// Ends the interrupted requests whose callers are being killed. The kernel reports every signal, a timer's or job
    /// control's too; but an operation under way will be executed, and a program that is not dying expects it to be, as on
    /// a local file system. To be called from time to time while there are such requests.
    /// </summary>
    /// <returns>Whether interrupted requests of callers that live go on.</returns>
    public bool GiveUpForTheDying()
    {
        bool some = false;
        foreach (PendingRequest request in pending.Values.ToArray())
        {
            if (!request.IsInterrupted)
                continue;
            if (callers.IsDying(request.Header.ProcessId))
                request.Cancel();
            else
                some = true;
        }

        if (some)
            InterruptedWait?.Invoke();
        return some;
    }

    /// <summary>Called when interrupted requests go on: <see cref="GiveUpForTheDying"/> shall be called again later.</summary>
    public Action? InterruptedWait { get; set; }

    /// <summary>Interrupts all that wait: the mount is gone.</summary>
    public void CancelAll()
    {
        foreach (PendingRequest request in pending.Values.ToArray())
            request.Cancel();
    }

    private async Task RunAsync(PendingRequest request)
    {
        try
        {
            await HandleAsync(request);
        }
        catch (OperationCanceledException)
        {
            ReplyError(request, Errno.EINTR);
        }
        catch (Exception fault)
        {
            Faults++;
            ReplyError(request, Errno.EIO);
            if (fault is InvariantBrokenException)
                broken.TrySetResult(fault);
            else
                warn($"A {request.Header.Opcode} request failed: {fault.Message}");
        }

        if (pending.TryGetValue(request.Header.Unique, out PendingRequest? same) && same == request)
            pending.Remove(request.Header.Unique);
        request.Finish();
        if (pool.Count < PooledRequests)
            pool.Push(request);
    }

    private ValueTask HandleAsync(PendingRequest request) => request.Header.Opcode switch
    {
        Opcode.Init => Init(request),
        _ when !ready.Task.IsCompletedSuccessfully => Refuse(request, Errno.EPROTO),
        Opcode.Lookup => LookupAsync(request),
        Opcode.Forget => Forget(request),
        Opcode.BatchForget => BatchForget(request),
        Opcode.GetAttributes => GetAttributesAsync(request),
        Opcode.SetAttributes => SetAttributesAsync(request),
        Opcode.ReadLink => ReadLinkAsync(request),
        Opcode.Access => AccessAsync(request),
        Opcode.StatFs => StatFsAsync(request),
        Opcode.GetXattr => GetXattrAsync(request),
        Opcode.ListXattr => ListXattrAsync(request),
        Opcode.SetXattr => SetXattrAsync(request),
        Opcode.RemoveXattr => RemoveXattrAsync(request),
        Opcode.Create => CreateAsync(request),
        Opcode.MakeDirectory => MakeDirectoryAsync(request),
        Opcode.Symlink => SymlinkAsync(request),
        Opcode.MakeNode => MakeNodeAsync(request),
        Opcode.Link => LinkAsync(request),
        Opcode.Unlink => UnlinkAsync(request),
        Opcode.RemoveDirectory => RemoveDirectoryAsync(request),
        Opcode.Rename => RenameAsync(request, withFlags: false),
        Opcode.Rename2 => RenameAsync(request, withFlags: true),
        Opcode.Open => OpenAsync(request),
        Opcode.Read => ReadAsync(request),
        Opcode.Write => WriteAsync(request),
        Opcode.Flush => FlushAsync(request),
        Opcode.Fsync => FsyncAsync(request),
        Opcode.Release => ReleaseAsync(request),
        Opcode.Allocate => AllocateAsync(request),
        Opcode.Seek => SeekAsync(request),
        Opcode.CopyFileRange => CopyFileRangeAsync(request, wideResult: false),
        Opcode.CopyFileRange64 => CopyFileRangeAsync(request, wideResult: true),
        Opcode.OpenDirectory => OpenDirectory(request),
        Opcode.ReadDirectory => ReadDirectoryAsync(request, withAttributes: false),
        Opcode.ReadDirectoryPlus => ReadDirectoryAsync(request, withAttributes: true),
        Opcode.ReleaseDirectory => ReleaseDirectory(request),
        Opcode.FsyncDirectory => FsyncDirectoryAsync(request),
        Opcode.SyncFs => SyncFsAsync(request),
        Opcode.GetLock => GetLockAsync(request),
        Opcode.SetLock => SetLockAsync(request, wait: false),
        Opcode.SetLockWait => SetLockAsync(request, wait: true),
        Opcode.Interrupt => Interrupt(request),
        Opcode.Destroy => Refuse(request, Errno.None),
        Opcode.Ioctl => Refuse(request, NotATerminal),
        Opcode.NotifyReply => default,
        // The kernel remembers that and does without; for O_TMPFILE it says EOPNOTSUPP.
        _ => Refuse(request, Errno.ENOSYS),
    };

    private ValueTask Interrupt(PendingRequest request)
    {
        RequestReader reader = request.Body();
        ulong unique = reader.ReadUInt64();
        if (!reader.Failed && pending.TryGetValue(unique, out PendingRequest? interrupted))
        {
            Interrupts++;
            interrupted.IsInterrupted = true;

            // Waiting for a lock is what signals are meant to end; so are handlers' signals then.
            if (interrupted.Header.Opcode == Opcode.SetLockWait)
                interrupted.Cancel();
            else
                GiveUpForTheDying();
        }

        return default;
    }

    private ValueTask Refuse(PendingRequest request, Errno error)
    {
        ReplyError(request, error);
        return default;
    }

    private ValueTask Malformed(PendingRequest request)
    {
        MalformedRequests++;
        return Refuse(request, Errno.EPROTO);
    }

    private Credentials Caller(PendingRequest request) =>
        callers.Find(request.Header.Uid, request.Header.Gid, request.Header.ProcessId);

    /// <summary>A caller whose groups don't matter, since it has the file open already.</summary>
    private static Credentials CallerWithoutGroups(PendingRequest request) => new(request.Header.Uid, request.Header.Gid, []);

    /// <summary>Starts a reply; the caller appends the body to the writer and calls <see cref="Send"/>.</summary>
    private MessageWriter Reply(PendingRequest request, Errno error = Errno.None)
    {
        writer.Clear();
        writer.WriteUInt32(0);
        writer.WriteUInt32((uint)-(int)error);
        writer.WriteUInt64(request.Header.Unique);
        return writer;
    }

    private bool Send(PendingRequest request, ReadOnlySpan<byte> data = default)
    {
        Invariant.That(!request.Replied);
        request.Replied = true;
        writer.PatchUInt32(0, (uint)(writer.Length + data.Length));
        return replies.Send(writer.Written, data);
    }

    private void ReplyError(PendingRequest request, Errno error)
    {
        if (request.Replied || request.Header.Opcode is Opcode.Forget or Opcode.BatchForget or Opcode.Interrupt or Opcode.NotifyReply)
            return;
        Reply(request, error);
        Send(request);
    }

    private async ValueTask ReplyErrorAsync(PendingRequest request, ValueTask<Errno> answer) =>
        ReplyError(request, await answer);

    private async ValueTask ReplyDataAsync(PendingRequest request, ValueTask<Outcome<ReadOnlyMemory<byte>>> answer)
    {
        Outcome<ReadOnlyMemory<byte>> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request);
        Send(request, outcome.Value.Span);
    }

    private async ValueTask ReplyEntryAsync(PendingRequest request, ValueTask<Outcome<NodeEntry>> answer)
    {
        Outcome<NodeEntry> outcome = await answer;
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteEntry(outcome.Value);
        if (!Send(request))
            files.Forget(outcome.Value.NodeId, 1);
    }
}

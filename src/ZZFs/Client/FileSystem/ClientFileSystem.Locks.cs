using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <content>Record locks and whole-file locks, which the cluster keeps for this client's session.</content>
public sealed partial class ClientFileSystem
{
    private const ulong WholeRangeEnd = long.MaxValue;
    private const int FirstRetryMilliseconds = 5;
    private const int LongestRetryMilliseconds = 500;

    /// <summary>GETLK: what stands in the way, null when nothing does.</summary>
    public async ValueTask<Outcome<LockConflict?>> TestLockAsync(
        Credentials caller, ulong nodeId, ulong owner, ulong start, ulong end, LockKind kind, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        OperationResult result = await SubmitAsync(caller, new TestLock(node.Id, owner, start, end, kind), cancellation);
        return result.Error == Errno.None ? new Outcome<LockConflict?>(Errno.None, result.Conflict) : result.Error;
    }

    /// <summary>
    /// SETLK and, with <paramref name="wait"/>, SETLKW, which asks again until it is granted or the caller is interrupted.
    /// Taking a lock makes what others wrote before visible; giving it back makes what was written here visible to them.
    /// </summary>
    public async ValueTask<Errno> SetLockAsync(
        Credentials caller, ulong nodeId, SetLock request, bool wait, CancellationToken cancellation)
    {
        if (!nodes.TryGet(nodeId, out Node? node))
            return Errno.ESTALE;
        await FlushAsync(node, cancellation);
        request = request with { Object = node.Id };
        if (request.Kind == LockKind.Unlock)
            return await UnlockAsync(caller, node, request, cancellation);
        for (int delay = FirstRetryMilliseconds; ; delay = Math.Min(delay * 2, LongestRetryMilliseconds))
        {
            Errno error = await TryLockAsync(caller, node, request, cancellation);
            if (error != Errno.EAGAIN || !wait)
                return error;
            await DelayAsync(delay, cancellation);
        }
    }

    private async ValueTask<Errno> TryLockAsync(Credentials caller, Node node, SetLock request, CancellationToken cancellation)
    {
        HashSet<ulong> owners = request.WholeFile ? node.FileLockOwners : node.RecordLockOwners;
        long asOf = Now;
        OperationResult result = await SubmitAsync(caller, new Compound([request, new GetAttributes(node.Id)]), cancellation);
        if (result.Error == Errno.EINTR && !owners.Contains(request.Owner))
        {
            // It may have been granted all the same, and nobody would ever give it back.
            SetLock undo = request with { Kind = LockKind.Unlock };
            InBackground(SubmitAsync(caller, undo, CancellationToken.None).AsTask());
        }

        if (result.Error != Errno.None)
            return result.Error;
        owners.Add(request.Owner);
        if (result.Parts is [_, { Attributes: Attributes attributes }])
            Learn(node.Id, attributes, asOf);
        await node.PagesForgotten.WaitAsync(cancellation);
        return Errno.None;
    }

    private async ValueTask<Errno> UnlockAsync(Credentials caller, Node node, SetLock request, CancellationToken cancellation)
    {
        OperationResult result = await SubmitAsync(caller, request, cancellation);
        bool everything = request.WholeFile || (request.Start == 0 && request.End >= WholeRangeEnd);
        if (result.Error == Errno.None && everything)
            (request.WholeFile ? node.FileLockOwners : node.RecordLockOwners).Remove(request.Owner);
        return result.Error;
    }

    /// <summary>Gives back all locks of an owner whose descriptor is closed.</summary>
    private async ValueTask ReleaseLocksAsync(
        Credentials caller, Node node, ulong owner, bool wholeFile, CancellationToken cancellation)
    {
        SetLock release = new(node.Id, owner, 0, WholeRangeEnd, LockKind.Unlock, 0, wholeFile);
        (wholeFile ? node.FileLockOwners : node.RecordLockOwners).Remove(owner);
        await SubmitAsync(caller, release, cancellation);
    }

    private async Task DelayAsync(int milliseconds, CancellationToken cancellation)
    {
        TaskCompletionSource elapsed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable timer = loop.Schedule(TimeSpan.FromMilliseconds(milliseconds), elapsed.SetResult);
        await elapsed.Task.WaitAsync(cancellation);
    }
}

using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client.FileSystem;

namespace ZZFs.Fuse;

/// <content>
/// Locks. fuse_lk_in: handle 8, owner 8, start 8, end 8 (inclusive), type 4, pid 4, flags 4, padding 4. The types are
/// F_RDLCK 0, F_WRLCK 1, F_UNLCK 2, as <see cref="LockKind"/> numbers them.
/// </content>
public sealed partial class Dispatcher
{
    private const uint LockIsFlock = 1;

    private async ValueTask GetLockAsync(PendingRequest request)
    {
        if (!TryParseLock(request, out SetLock asked))
        {
            await Malformed(request);
            return;
        }

        Outcome<LockConflict?> outcome = await files.TestLockAsync(
            Caller(request), request.Header.Node, asked.Owner, asked.Start, asked.End, asked.Kind, request.Cancellation);
        if (outcome.Error != Errno.None)
        {
            ReplyError(request, outcome.Error);
            return;
        }

        Reply(request).WriteLock(outcome.Value);
        Send(request);
    }

    private ValueTask SetLockAsync(PendingRequest request, bool wait)
    {
        if (!TryParseLock(request, out SetLock asked))
            return Malformed(request);
        return ReplyErrorAsync(
            request, files.SetLockAsync(Caller(request), request.Header.Node, asked, wait, request.Cancellation));
    }

    private static bool TryParseLock(PendingRequest request, out SetLock asked)
    {
        RequestReader reader = request.Body();
        reader.Skip(8);
        ulong owner = reader.ReadUInt64();
        ulong start = reader.ReadUInt64();
        ulong end = reader.ReadUInt64();
        uint kind = reader.ReadUInt32();
        uint processId = reader.ReadUInt32();
        bool wholeFile = (reader.ReadUInt32() & LockIsFlock) != 0;
        asked = new SetLock(default, owner, start, end, (LockKind)kind, processId, wholeFile);
        return !reader.Failed && kind <= (uint)LockKind.Unlock && start <= end;
    }
}

using ZZFs.Abstraction.Operations;

namespace ZZFs.Abstraction;

// Locks. They are advice among clients and change no file, so a read-only export allows them.
public sealed partial class ConformanceWrapper
{
    private OperationResult SetLock(SetLock o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (o.Start > o.End)
            return Failed(Errno.EINVAL);
        var wanted = new HeldLock(o.WholeFile, o.Start, o.End, context.Session.Value, o.Owner, o.Kind, o.ProcessId);
        error = locks.Set(target.Index, wanted, out HeldLock conflict);
        if (error == Errno.EAGAIN)
            return new OperationResult { Error = error, Conflict = Shown(conflict) };
        if (error != Errno.None)
            return Failed(error);
        objects.MarkChanged(target);
        return OperationResult.Success;
    }

    private OperationResult TestLock(TestLock o)
    {
        if (!TryResolve(o.Object, out ObjectRecord? target, out Errno error))
            return Failed(error);
        if (o.Start > o.End || o.Kind == LockKind.Unlock)
            return Failed(Errno.EINVAL);
        var wanted = new HeldLock(false, o.Start, o.End, context.Session.Value, o.Owner, o.Kind, 0);
        return locks.Conflict(target.Index, wanted) is { } other
            ? new OperationResult { Conflict = Shown(other) }
            : OperationResult.Success;
    }

    private static LockConflict Shown(HeldLock held) => new(held.Start, held.End, held.Kind, held.ProcessId);
}

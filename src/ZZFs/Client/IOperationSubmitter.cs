using ZZFs.Abstraction.Operations;

namespace ZZFs.Client;

/// <summary>
/// Where the mount sends operations: the cluster, or, in tests, one local service. Used from one thread (the event
/// loop's); completions run on that thread too, so callers need no locks.
/// </summary>
public interface IOperationSubmitter
{
    /// <summary>
    /// Has one operation executed exactly once and returns its certified result. Failures of the file system are in
    /// <see cref="OperationResult.Error"/>; EIO and ETIMEDOUT also when the cluster could not answer (soft mounts).
    /// </summary>
    /// <param name="caller">On whose behalf.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="cancellation">
    /// The caller lost interest (a signal): the task ends with EINTR, though the operation may still be executed.
    /// </param>
    ValueTask<OperationResult> SubmitAsync(Credentials caller, Operation operation, CancellationToken cancellation);
}

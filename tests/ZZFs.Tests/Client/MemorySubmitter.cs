using Agreement.Node;
using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;
using ZZFs.Client;

namespace ZZFs.Tests.Client;

/// <summary>
/// Executes operations on a volume of this process, keeps a record of them, and can hold them back or let them
/// fail.
/// </summary>
internal sealed class MemorySubmitter(ITestVolume files, IEventLoop? loop = null) : IOperationSubmitter
{
    private readonly List<(TaskCompletionSource<OperationResult> Result, Credentials Caller, Operation Operation)> held = [];

    public List<Operation> Submitted { get; } = [];

    /// <summary>Decides by operation: null executes it.</summary>
    public Func<Operation, OperationResult?> Intercept { get; set; } = static _ => null;

    /// <summary>Operations that wait for <see cref="Release"/>.</summary>
    public Func<Operation, bool> Hold { get; set; } = static _ => false;

    public int HeldCount => held.Count;

    public ValueTask<OperationResult> SubmitAsync(Credentials caller, Operation operation, CancellationToken cancellation)
    {
        Submitted.Add(operation);
        if (Hold(operation))
        {
            TaskCompletionSource<OperationResult> waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
            cancellation.Register(() => waiting.TrySetResult(OperationResult.Failed(Errno.EINTR)));
            held.Add((waiting, caller, operation));
            return new ValueTask<OperationResult>(waiting.Task);
        }

        if (loop is null)
            return ValueTask.FromResult(Run(caller, operation));
        TaskCompletionSource<OperationResult> result = new();
        loop.Post(() => result.TrySetResult(Run(caller, operation)));
        return new ValueTask<OperationResult>(result.Task);
    }

    /// <summary>Executes what is held, in the given order of submission (default: as submitted).</summary>
    public void Release(bool newestFirst = false)
    {
        (TaskCompletionSource<OperationResult> Result, Credentials Caller, Operation Operation)[] waiting = [.. held];
        held.Clear();
        List<(TaskCompletionSource<OperationResult>, OperationResult)> results = [.. waiting.Select(item => (item.Result, Run(item.Caller, item.Operation)))];
        if (newestFirst)
            results.Reverse();
        results.ForEach(static item => item.Item1.TrySetResult(item.Item2));
    }

    private OperationResult Run(Credentials caller, Operation operation)
    {
        // Two mounts of the same files have a loop each.
        lock (files)
            return Intercept(operation) ?? files.Execute(caller, operation);
    }
}

namespace ZZFs.Client.FileSystem;

/// <summary>Bounds the bytes that were written and not yet executed, of all files: writers wait beyond it, first come first served.</summary>
/// <param name="maximumBytes">The bound. A single write may exceed it when nothing else is dirty.</param>
/// <param name="relieve">Called when somebody has to wait: sends what is dirty.</param>
internal sealed class DirtyBudget(long maximumBytes, Action relieve)
{
    private readonly LinkedList<(long Bytes, TaskCompletionSource Granted)> waiting = new();

    /// <summary>Bytes in use.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Takes <paramref name="bytes"/>, waiting until they are free.</summary>
    /// <exception cref="OperationCanceledException">The caller gave up; it has taken nothing.</exception>
    public ValueTask AcquireAsync(long bytes, CancellationToken cancellation)
    {
        if (waiting.Count == 0 && Fits(bytes))
        {
            UsedBytes += bytes;
            return ValueTask.CompletedTask;
        }

        return WaitAsync(bytes, cancellation);
    }

    /// <summary>Gives back what was taken.</summary>
    public void Release(long bytes)
    {
        UsedBytes -= bytes;
        while (waiting.First is { } first && Fits(first.Value.Bytes))
        {
            waiting.RemoveFirst();
            if (first.Value.Granted.TrySetResult())
                UsedBytes += first.Value.Bytes;
        }
    }

    private bool Fits(long bytes) => UsedBytes == 0 || UsedBytes + bytes <= maximumBytes;

    private async ValueTask WaitAsync(long bytes, CancellationToken cancellation)
    {
        TaskCompletionSource granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        LinkedListNode<(long, TaskCompletionSource)> place = waiting.AddLast((bytes, granted));
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(
            static state => ((TaskCompletionSource)state!).TrySetCanceled(), granted);
        relieve();
        try
        {
            await granted.Task;
        }
        finally
        {
            if (place.List is not null)
                waiting.Remove(place);
        }
    }
}

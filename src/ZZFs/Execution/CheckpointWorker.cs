using System.Runtime.ExceptionServices;
using Agreement.Node;
using ZZFs.Abstraction;

namespace ZZFs.Execution;

/// <summary>Does the work on checkpoints on a thread of its own, one after the other, and tells the loop when each is done.</summary>
public sealed class CheckpointWorker : IDisposable
{
    private readonly IEventLoop loop;
    private readonly Action<ICheckpointWork> onDone;
    private Thread? thread;
    private bool isDisposed;

    /// <summary>Has nothing to do yet.</summary>
    /// <param name="loop">Where <paramref name="onDone"/> is called, and where a failure of the work is thrown: the files are then unusable.</param>
    /// <param name="onDone">Told of the end of each work.</param>
    public CheckpointWorker(IEventLoop loop, Action<ICheckpointWork> onDone)
    {
        this.loop = loop;
        this.onDone = onDone;
    }

    /// <summary>Begins; what was begun before must have ended.</summary>
    public void Begin(ICheckpointWork work)
    {
        thread?.Join();
        thread = new Thread(() => Run(work)) { Name = "checkpoint", IsBackground = true };
        thread.Start();
    }

    /// <summary>Waits for the end of what is under way, and tells nobody of it.</summary>
    public void Dispose()
    {
        isDisposed = true;
        thread?.Join();
    }

    private void Run(ICheckpointWork work)
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            work.Run();
        }
#pragma warning disable CA1031 // It is thrown on the loop, as if the work had been done there.
        catch (Exception thrown)
#pragma warning restore CA1031
        {
            failure = ExceptionDispatchInfo.Capture(thrown);
        }

        loop.Post(() =>
        {
            if (isDisposed)
                return;
            failure?.Throw();
            onDone(work);
        });
    }
}

using System.Collections.Concurrent;

namespace Xen;

/// <summary>
/// A thread that lives as long as the process, for starting guests: a guest that asked to die with its parent dies with
/// the thread that started it, and threads of the pool come and go.
/// </summary>
internal static class SpawningThread
{
    private static readonly BlockingCollection<Action> Work = Start();

    /// <summary>Runs <paramref name="function"/> on the thread.</summary>
    public static Task<T> RunAsync<T>(Func<T> function)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Add(() =>
        {
            try
            {
                result.SetResult(function());
            }
            catch (Exception error)
            {
                result.SetException(error);
            }
        });
        return result.Task;
    }

    private static BlockingCollection<Action> Start()
    {
        var work = new BlockingCollection<Action>();
        var thread = new Thread(() =>
        {
            foreach (Action action in work.GetConsumingEnumerable())
                action();
        })
        {
            IsBackground = true,
            Name = "spawning",
        };
        thread.Start();
        return work;
    }
}

using Agreement.Configuration;
using Agreement.Node;
using ZZFs.Cli.Mounting;
using ZZFs.Client;

namespace ZZFs.Cli;

/// <summary>Runs a few operations on the volume as one of its clients, for commands that mount nothing.</summary>
internal static class ClusterSession
{
    private static readonly TimeSpan OpenBound = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CloseBound = TimeSpan.FromSeconds(3);

    /// <summary>Opens a session with the first client's keys that are free, lets <paramref name="use"/> work, and closes it.</summary>
    /// <param name="layout">The cluster directory.</param>
    /// <param name="purpose">What others are told who find the client in use.</param>
    /// <param name="use">Runs on the session's loop; an operation without an answer for half a minute gives EIO.</param>
    /// <exception cref="CommandException">No client is free, the cluster does not answer, or <paramref name="use"/> threw it.</exception>
    public static T Run<T>(ClusterLayout layout, string purpose, Func<IOperationSubmitter, Task<T>> use)
    {
        ClusterFile cluster = layout.Load();
        using ClientLock client = ClientLock.Acquire(layout, cluster, null, purpose);
        using KeyFile key = CommonArguments.LoadKey(cluster, client.Client, layout.KeyFile(client.Client));
        using var loop = new EventLoop();
        using var session = new ClusterClient(cluster, client.Client, key.Identity!, loop, Patience);
        T? result = default;
        Exception? failure = null;

        async Task WorkAsync()
        {
            try
            {
                await session.Opened.WaitAsync(OpenBound);
                result = await use(session);
                await session.CloseAsync(CloseBound);
            }
            catch (TimeoutException late)
            {
                failure = new CommandException(ExitCode.NotUp, $"{layout.Directory} does not answer: start it with zzfs up, or see zzfs status", late);
            }
            catch (ClientRefusedException refused)
            {
                failure = new CommandException(ExitCode.Mount, $"{client.Client}: {refused.Message}", refused);
            }
            catch (Exception error)
            {
                failure = error;
            }
            finally
            {
                loop.Stop();
            }
        }

        loop.Post(() => _ = WorkAsync());
        loop.Run();
        if (failure is not null)
            throw failure is CommandException ? failure : new CommandException(ExitCode.Failed, failure.Message, failure);
        return result!;
    }
}

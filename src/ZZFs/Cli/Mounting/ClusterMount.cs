using Agreement.Control;
using ZZFs.Client;
using ZZFs.Fuse;

namespace ZZFs.Cli.Mounting;

/// <summary>A FUSE mount of the cluster: the client's session below, the kernel above.</summary>
internal sealed class ClusterMount : IMount
{
    /// <summary>How long the end of the session may take at an unmount.</summary>
    private static readonly TimeSpan CloseBound = TimeSpan.FromSeconds(3);

    /// <summary>How long a session may take to open before the command gives up.</summary>
    private static readonly TimeSpan OpenBound = TimeSpan.FromSeconds(15);

    private readonly ClusterClient client;
    private readonly FuseMount mount;
    private readonly NodeLog log;

    private ClusterMount(ClusterClient client, FuseMount mount, NodeLog log)
    {
        this.client = client;
        this.mount = mount;
        this.log = log;
        Ended = EndAsync();
    }

    /// <inheritdoc/>
    public Task Ended { get; }

    /// <summary>Opens a session with the cluster and mounts; see <see cref="MountStarter"/>.</summary>
    public static async Task<IMount> StartAsync(MountContext context)
    {
        MountSettings settings = MountSettings.Parse(context.Options);
        var client = new ClusterClient(context.Cluster, context.Client, context.Identity, context.Loop, settings.Patience);
        try
        {
            await client.Opened.WaitAsync(settings.Patience ?? OpenBound);
            FuseMount mount = FuseMount.Start(
                settings.Fuse with
                {
                    MountPoint = context.MountPoint,
                    Source = context.Source,
                    Warn = context.Log.Write,
                },
                client,
                context.Loop);
            await mount.Ready;
            return new ClusterMount(client, mount, context.Log);
        }
        catch (TimeoutException late)
        {
            client.Dispose();
            throw new CommandException(ExitCode.NotUp, $"{context.Source} does not answer: start it with zzfs up, or see zzfs status", late);
        }
        catch (ClientRefusedException refused)
        {
            client.Dispose();
            throw new CommandException(ExitCode.Mount, $"{context.Client}: {refused.Message}", refused);
        }
        catch (MountException failed)
        {
            client.Dispose();
            throw new CommandException(ExitCode.Mount, failed.Message, failed);
        }
    }

    /// <inheritdoc/>
    public void Unmount() => _ = UnmountAsync();

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private async Task UnmountAsync()
    {
        try
        {
            await mount.UnmountAsync(lazy: true);
        }
        catch (MountException failed)
        {
            log.Write(failed.Message);
        }
    }

    private async Task EndAsync()
    {
        await mount.Completion;
        await client.CloseAsync(CloseBound);
    }
}

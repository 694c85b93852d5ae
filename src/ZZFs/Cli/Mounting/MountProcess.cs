using System.Diagnostics;
using Agreement.Configuration;
using Agreement.Control;
using Agreement.Node;
using ZZFs.Cli.Nodes;

namespace ZZFs.Cli.Mounting;

/// <summary>What <c>zzfs mount</c> was asked for; all paths absolute.</summary>
internal sealed record MountRequest(ClusterLayout Layout, string MountPoint, MountOptionList Options);

/// <summary>The life of a mount's process, and how it gets into the background.</summary>
internal static class MountProcess
{
    /// <summary>What the process in the background says once the mount is usable.</summary>
    private const string Ready = "ready";

    /// <summary>Mounts, and serves until it is unmounted or SIGTERM or SIGINT asks for that.</summary>
    /// <param name="request">What to mount.</param>
    /// <param name="start">Mounts.</param>
    /// <param name="isDetached">Whether a parent waits for <see cref="Ready"/>, after which this process leaves its terminal.</param>
    /// <param name="output">For people, or the parent.</param>
    public static void Serve(MountRequest request, MountStarter start, bool isDetached, TextWriter output)
    {
        ClusterFile cluster = request.Layout.Load();
        using ClientLock client = ClientLock.Acquire(request.Layout, cluster, request.Options.Client, request.MountPoint);
        using KeyFile key = CommonArguments.LoadKey(cluster, client.Client, request.Layout.KeyFile(client.Client));
        using var loop = new EventLoop();
        using TextWriter? ownLog = isDetached ? OpenLog(Path.Combine(request.Layout.Folder(client.Client), "mount.log")) : null;
        var log = new NodeLog(ownLog ?? output, TimeProvider.System);
        var context = new MountContext(
            cluster, request.Layout.Directory, client.Client, key.Identity!, request.MountPoint, request.Options.Options, loop, log);
        IMount? mount = null;
        Exception? failure = null;

        async Task RunAsync()
        {
            try
            {
                mount = await start(context);
                if (isDetached)
                {
                    await output.WriteLineAsync(Ready);
                    await output.FlushAsync();
                    MountCalls.LeaveTerminal();
                }

                log.Write($"{request.MountPoint} is mounted as {client.Client}");
                await mount.Ended;
                log.Write($"{request.MountPoint} is unmounted");
            }
            catch (Exception error)
            {
                failure = error;
                if (isDetached)
                    log.Write(error.Message);
            }
            finally
            {
                loop.Stop();
            }
        }

        loop.Post(() => _ = RunAsync());
        using (new StopSignals(() => loop.Post(() =>
        {
            if (mount is null)
            {
                failure = new CommandException(ExitCode.Mount, "interrupted before it was mounted");
                loop.Stop();
            }
            else
            {
                mount.Unmount();
            }
        })))
        {
            loop.Run();
        }

        mount?.Dispose();
        if (failure is not null)
            throw failure is IOException ? new CommandException(ExitCode.Mount, failure.Message.TrimEnd('.'), failure) : failure;
    }

    /// <summary>A user who may not write into the cluster directory mounts without a log.</summary>
    private static TextWriter OpenLog(string path)
    {
        try
        {
            return new StreamWriter(path, append: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return TextWriter.Null;
        }
    }

    /// <summary>Has another process serve the mount; returns once it is usable, or fails with what that process said.</summary>
    /// <param name="arguments">Of <c>zzfs mount</c>, without its own name.</param>
    /// <param name="error">Where the other process's complaint goes.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> DetachAsync(IEnumerable<string> arguments, TextWriter error)
    {
        string[] command = SelfProgram.Command(["mount", "--detached", .. arguments]);
        var start = new ProcessStartInfo("setsid")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        foreach (string argument in command)
            start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start) ?? throw new IOException("setsid did not start");
            process.StandardInput.Close();
            Task<string> complaint = process.StandardError.ReadToEndAsync();
            string said = "";
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line == Ready)
                    return ExitCode.Success;
                said = line;
            }

            await process.WaitForExitAsync();
            string text = await complaint;
            await error.WriteAsync(text.Length > 0 ? text : $"zzfs: the mount's process ended ({(said.Length > 0 ? said : "without a word")})\n");
            return process.ExitCode == ExitCode.Success ? ExitCode.Mount : process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw new CommandException(ExitCode.Failed, $"setsid can't be started ({failure.Message.TrimEnd('.')})", failure);
        }
    }
}

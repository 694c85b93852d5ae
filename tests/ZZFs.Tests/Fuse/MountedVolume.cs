using System.Diagnostics;
using Agreement.Node;
using ZZFs.Client.FileSystem;
using ZZFs.Fuse;
using ZZFs.Tests.Client;

namespace ZZFs.Tests.Fuse;

/// <summary>
/// A real mount of a volume of this process, served by a loop on a thread of its own. Disposing unmounts, whatever
/// state it is in.
/// </summary>
internal sealed class MountedVolume : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly EventLoop loop = new();
    private readonly Thread thread;
    private readonly TaskCompletionSource stopped = new();

    private MountedVolume(string directory, ITestVolume files)
    {
        Directory = directory;
        Submitter = new MemorySubmitter(files, loop);
        thread = new Thread(() =>
        {
            loop.Run();
            stopped.SetResult();
        })
        { IsBackground = true, Name = "mount loop" };
    }

    public string Directory { get; }

    public MemorySubmitter Submitter { get; }

    public FuseMount Mount { get; private set; } = null!;

    public List<string> Warnings { get; } = [];

    /// <summary>Mounts and waits until it is served. Several mounts of the same files are several clients.</summary>
    public static async Task<MountedVolume> StartAsync(ITestVolume? files = null, CacheOptions? caches = null)
    {
        string directory = System.IO.Directory.CreateTempSubdirectory("zzfs-mount-").FullName;
        MountedVolume volume = new(directory, files ?? new MemoryFileSystem());
        try
        {
            MountOptions options = new() { MountPoint = directory, Caches = caches ?? new CacheOptions(), Warn = volume.Warnings.Add };
            volume.Mount = FuseMount.Start(options, volume.Submitter, volume.loop);
            volume.thread.Start();
            await volume.Mount.Ready.WaitAsync(Patience);
        }
        catch
        {
            await volume.DisposeAsync();
            throw;
        }

        return volume;
    }

    public string PathOf(string name) => Path.Combine(Directory, name);

    /// <summary>Runs a function on the loop's thread.</summary>
    public Task<T> OnLoopAsync<T>(Func<T> function)
    {
        TaskCompletionSource<T> result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() => result.SetResult(function()));
        return result.Task.WaitAsync(Patience);
    }

    /// <summary>Runs a shell command inside the mount and returns what it printed; fails if the command does.</summary>
    public async Task<string> ShellAsync(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", command])
        {
            WorkingDirectory = Directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        Assert.True(process.ExitCode == 0, $"`{command}` ended with {process.ExitCode}: {await errors}");
        return (await output).TrimEnd('\n');
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Mount is not null)
            {
                if (ZZFs.Fuse.Mount.IsMounted(Directory))
                    await Mount.UnmountAsync(lazy: true).WaitAsync(Patience);
                await Mount.Completion.WaitAsync(Patience);
            }
        }
        finally
        {
            loop.Stop();
            if (thread.IsAlive)
                await stopped.Task.WaitAsync(Patience);
            loop.Dispose();
            if (System.IO.Directory.Exists(Directory) && !System.IO.Directory.EnumerateFileSystemEntries(Directory).Any())
                System.IO.Directory.Delete(Directory);
        }
    }
}

using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Mounting;

namespace ZZFs.Cli;

/// <summary><c>zzfs umount</c>: unmounts, and waits until the mount's process is done.</summary>
public static class UmountCommand
{
    private static readonly TimeSpan EndBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "Where a zzfs is mounted." };
        var lazy = new Option<bool>("--lazy") { Description = "Take it away from the tree now, and end it when nobody uses it any more." };
        var command = new ExampleCommand("umount", "Unmount a volume.", "zzfs umount /mnt") { mountPoint, lazy };
        command.SetAction(async (result, _) =>
        {
            string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(result.GetRequiredValue(mountPoint)));
            if (MountTable.Find(path) is not { IsOurs: true } mount)
                throw new CommandException(ExitCode.Mount, $"no zzfs is mounted at {path}");
            await UnmountAsync(path, result.GetValue(lazy));
            if (!result.GetValue(lazy))
                await WaitForProcessAsync(mount);
            return ExitCode.Success;
        });
        return command;
    }

    private static async Task UnmountAsync(string path, bool lazy)
    {
        int errno = MountCalls.Unmount(path, lazy);
        if (errno == MountCalls.NotPermitted)
            await UnmountByHelperAsync(path, lazy);
        else if (errno == MountCalls.Busy)
            throw new CommandException(ExitCode.Mount, $"{path} is in use, so end what uses it or give --lazy");
        else if (errno != 0)
            throw new CommandException(ExitCode.Mount, $"{path} can't be unmounted ({new Win32Exception(errno).Message})");
    }

    /// <summary>Who may not unmount can still do it with his own FUSE mounts, through the helper that runs as root.</summary>
    private static async Task UnmountByHelperAsync(string path, bool lazy)
    {
        var start = new ProcessStartInfo("fusermount3") { UseShellExecute = false, RedirectStandardError = true };
        foreach (string argument in lazy ? (string[])["-u", "-z", "--", path] : ["-u", "--", path])
            start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start) ?? throw new Win32Exception("did not start");
            string complaint = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
                throw new CommandException(ExitCode.Mount, complaint.Trim().TrimEnd('.'));
        }
        catch (Win32Exception error)
        {
            throw new CommandException(ExitCode.Mount, "unmounting takes root, or fusermount3 from the package fuse3", error);
        }
    }

    /// <summary>
    /// The tree is free at once, but the mount's process still says good-bye to the cluster; whoever takes the cluster down
    /// next should not get in its way.
    /// </summary>
    private static async Task WaitForProcessAsync(MountEntry mount)
    {
        var layout = new ClusterLayout(mount.Source);
        if (!File.Exists(layout.ClusterFile))
            return;
        PartyId? holder = null;
        foreach (ClientEntry client in layout.Load().Clients)
        {
            if (ClientLock.HeldBy(layout, client.Id) == mount.MountPoint)
                holder = client.Id;
        }

        long start = Stopwatch.GetTimestamp();
        while (holder is { } id && ClientLock.HeldBy(layout, id) == mount.MountPoint)
        {
            if (Stopwatch.GetElapsedTime(start) > EndBound)
                throw new CommandException(ExitCode.Mount, $"{mount.MountPoint} is unmounted, but the process of {id} does not end");
            await Task.Delay(PollInterval);
        }
    }
}

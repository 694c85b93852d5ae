using System.CommandLine;
using Agreement.Configuration;
using Agreement.Messages;
using ZZFs.Cli.Mounting;

namespace ZZFs.Cli;

/// <summary><c>zzfs mount</c>: mounts the volume of a cluster.</summary>
public static class MountCommand
{
    /// <summary>The command.</summary>
    public static Command Create(ProgramParts parts)
    {
        Argument<string> directory = CommonArguments.Directory();
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "An existing directory." };
        var options = new Option<string[]>("-o") { Description = "Mount options, separated by commas.", HelpName = "OPTIONS" };
        var client = new Option<string>("--as") { Description = "Use the keys of this client, like c1; otherwise the first that is free." };
        var foreground = new Option<bool>("--foreground") { Description = "Stay in the foreground until it is unmounted." };
        var detached = new Option<bool>("--detached") { Hidden = true };
        var fake = new Option<bool>("--fake") { Hidden = true };
        var command = new ExampleCommand(
            "mount",
            "Mount the volume of a cluster; return when it is usable.", "zzfs mount /srv/cluster /mnt", "mount -t fuse.zzfs /srv/cluster /mnt -o ro")
        {
            directory, mountPoint, options, client, foreground, detached, fake,
        };
        command.SetAction(async (result, _) =>
        {
            MountStarter start = parts.Mount ?? throw new CommandException(ExitCode.Failed, "this program was built without mounts");
            MountOptionList list = MountOptionList.Parse(result.GetValue(options) ?? []);
            if (result.GetValue(client) is { } name)
                list = list with { Client = CommonArguments.Party(name, PartyRole.Client, "--as") };
            var request = new MountRequest(
                new ClusterLayout(MountHelperArguments.Directory(result.GetRequiredValue(directory))),
                Path.TrimEndingDirectorySeparator(Path.GetFullPath(result.GetRequiredValue(mountPoint))),
                list);
            Check(request);
            if (result.GetValue(fake))
                return ExitCode.Success;
            if (result.GetValue(foreground) || result.GetValue(detached))
            {
                MountProcess.Serve(request, start, result.GetValue(detached), result.InvocationConfiguration.Output);
                return ExitCode.Success;
            }

            return await MountProcess.DetachAsync(Arguments(request), result.InvocationConfiguration.Error);
        });
        return command;
    }

    /// <summary>What can be found wrong before a process is started for it.</summary>
    private static void Check(MountRequest request)
    {
        request.Layout.Load();
        // First, because a mount whose process hangs would hang whoever touches it.
        if (MountTable.Find(request.MountPoint) is { IsOurs: true })
            throw new CommandException(ExitCode.Mount, $"{request.MountPoint} has a zzfs mounted already; zzfs umount {request.MountPoint} ends it");
        if (File.Exists(request.MountPoint))
            throw new CommandException(ExitCode.Mount, $"mount point {request.MountPoint} is not a directory");
        if (!Directory.Exists(request.MountPoint))
            throw new CommandException(ExitCode.Mount, $"mount point {request.MountPoint} does not exist");
    }

    private static List<string> Arguments(MountRequest request)
    {
        var arguments = new List<string> { request.Layout.Directory, request.MountPoint };
        if (request.Options.Options.Count > 0)
            arguments.AddRange(["-o", string.Join(',', request.Options.Options)]);
        if (request.Options.Client is { } client)
            arguments.AddRange(["--as", client.ToString()]);
        return arguments;
    }
}

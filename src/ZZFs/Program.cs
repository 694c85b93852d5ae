using System.CommandLine;
using ZZFs.Cli;
using ZZFs.Cli.Mounting;
using ZZFs.Cli.Scrubbing;
using ZZFs.Cli.Snapshots;

namespace ZZFs;

/// <summary>The <c>zzfs</c> program.</summary>
public static class Program
{
    /// <summary>Runs one command and returns its exit code.</summary>
    /// <param name="arguments">The command line, without the program's name.</param>
    public static int Main(string[] arguments)
    {
        // mount(8) starts its helpers without one, and we start other programs.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("PATH")))
            Environment.SetEnvironmentVariable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        return Run(arguments, StandardParts.Create(), Console.Out, Console.Error);
    }

    /// <summary>The same with other parts and streams.</summary>
    public static int Run(IReadOnlyList<string> arguments, ProgramParts parts, TextWriter output, TextWriter error)
    {
        RootCommand root = CreateRoot(parts);
        ExampleCommand.ShowIn(root);
        string invokedAs = Path.GetFileName(Environment.GetCommandLineArgs()[0]);
        return CommandLine.Run(root, MountHelperArguments.Rewrite(invokedAs, arguments, [.. root.Subcommands.Select(command => command.Name)]), output, error);
    }

    private static RootCommand CreateRoot(ProgramParts parts) => new("ZZFs, a Byzantine-fault-tolerant replicated file system.")
    {
        InitCommand.Create(),
        UpCommand.Create(),
        DownCommand.Create(),
        StatusCommand.Create(),
        MountCommand.Create(parts),
        UmountCommand.Create(),
        SnapshotCommand.Create(),
        ScrubCommand.Create(),
        NodeCommand.Create(parts),
        BenchCommand.Create(),
        DemoCommand.Create(),
        VersionCommand.Create(),
    };
}

using System.CommandLine;
using ZZFs.Bench;

namespace ZZFs.Cli;

/// <summary><c>zzfs demo</c>: a cluster, a mount, two benchmarks with every byte checked, and everything gone again.</summary>
public static class DemoCommand
{
    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        var at = new Option<string>("--at")
        {
            Description = "Directory in which the temporary cluster is made.",
            DefaultValueFactory = _ => Path.GetTempPath(),
        };
        var transactions = new Option<int>("--transactions")
        {
            Description = "PostMark transactions.",
            DefaultValueFactory = _ => new PostMarkOptions().Transactions,
        };
        var command = new ExampleCommand("demo", "Make a cluster, mount it, run Andrew and PostMark on it, report, and take it down.", "sudo zzfs demo")
        {
            at, transactions,
        };
        command.SetAction(parsed => Run(parsed, parsed.GetRequiredValue(at), new PostMarkOptions { Transactions = parsed.GetValue(transactions) }));
        return command;
    }

    private static int Run(ParseResult parsed, string parent, PostMarkOptions postMark)
    {
        var (output, errors) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
        if ((postMark.Problem ?? (Directory.Exists(parent) ? null : $"{parent} is not a directory; name an existing one with --at.")) is { } problem)
        {
            throw new CommandException(ExitCode.Usage, problem);
        }

        using var interruption = new Interruption();
        return new Demo(new ProgramCluster(parent, arguments => SelfProgram.Command(arguments)), DemoPrerequisites.OfThisMachine(), postMark, output, errors).Run(interruption.Token) switch
        {
            DemoOutcome.Verified => ExitCode.Success,
            DemoOutcome.WrongBytes => ExitCode.WrongBytes,
            DemoOutcome.Interrupted => ExitCode.Interrupted,
            _ => ExitCode.Failed,
        };
    }
}

using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Agreement.Configuration;
using Agreement.Control;
using Xen;
using ZZFs.Stores;

namespace ZZFs.Cli;

/// <summary>Runs a command line: from arguments to an exit code, with every error as one sentence on the error stream.</summary>
public static class CommandLine
{
    /// <summary>Environment variable that shows the stack of a bug of ours; unset for everybody else.</summary>
    public const string TraceVariable = "ZZFS_TRACE";

    /// <summary>Parses and runs.</summary>
    /// <param name="root">All commands.</param>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="output">For results.</param>
    /// <param name="error">For errors and progress.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(RootCommand root, IReadOnlyList<string> arguments, TextWriter output, TextWriter error)
    {
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Action is ParseErrorAction)
        {
            string what = parsed.UnmatchedTokens is [var unknown, ..] ? $"unknown command or argument {unknown}" : OneLine(parsed.Errors[0].Message);
            error.WriteLine($"zzfs: {what} (see {PathOf(parsed.CommandResult)} --help)");
            return ExitCode.Usage;
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                // Commands that must clean up take the signals themselves.
                ProcessTerminationTimeout = null,
            };
            return parsed.Invoke(configuration);
        }
        catch (Exception failure) when (Explain(failure) is { } explained)
        {
            error.WriteLine($"zzfs: {explained.Sentence}");
            return explained.ExitCode;
        }
        catch (Exception bug)
        {
            error.WriteLine($"zzfs: internal error: {OneLine(bug.Message)} (set {TraceVariable}=1 to see where)");
            if (Environment.GetEnvironmentVariable(TraceVariable) is { Length: > 0 })
                error.WriteLine(bug);
            return ExitCode.Internal;
        }
    }

    /// <summary>An expected failure as exit code and sentence; null for a bug.</summary>
    internal static (int ExitCode, string Sentence)? Explain(Exception failure) => failure switch
    {
        CommandException own => (own.ExitCode, OneLine(own.Message)),
        ConfigurationException => (ExitCode.Configuration, OneLine(failure.Message)),
        HypervisorException or ControlException or StoreException or IOException or UnauthorizedAccessException => (ExitCode.Failed, OneLine(failure.Message)),
        AggregateException { InnerExceptions: [var only] } => Explain(only),
        _ => null,
    };

    private static string PathOf(CommandResult command) =>
        command.Command is RootCommand || command.Parent is not CommandResult parent ? "zzfs" : $"{PathOf(parent)} {command.Command.Name}";

    private static string OneLine(string message) => message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}

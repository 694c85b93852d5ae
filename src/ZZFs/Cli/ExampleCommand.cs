using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace ZZFs.Cli;

/// <summary>A command whose help ends with an example.</summary>
internal sealed class ExampleCommand : Command
{
    /// <summary>Makes one.</summary>
    public ExampleCommand(string name, string description, params IReadOnlyList<string> examples)
        : base(name, description) => Examples = examples;

    /// <summary>Command lines that work as they are.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>Makes the help of all commands below <paramref name="root"/> show their examples.</summary>
    public static void ShowIn(RootCommand root)
    {
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    private sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
    {
        public override bool Terminating => true;

        public override int Invoke(ParseResult parseResult)
        {
            int exitCode = inner.Invoke(parseResult);
            if (parseResult.CommandResult.Command is ExampleCommand { Examples: { Count: > 0 } examples })
            {
                TextWriter output = parseResult.InvocationConfiguration.Output;
                output.WriteLine(examples.Count == 1 ? "Example:" : "Examples:");
                foreach (string example in examples)
                    output.WriteLine("  " + example);
            }

            return exitCode;
        }
    }
}

using ZZFs.Cli;

namespace TestProgram;

/// <summary>
/// The command line with parts that only pretend: replicas that do nothing but tell their status, and a mount that
/// refuses everything. It lets tests start, freeze, kill and stop real processes quickly.
/// </summary>
public static class Program
{
    public static int Main(string[] arguments)
    {
        var parts = new ProgramParts { Agreement = StatusOnlyNode.Start, Execution = StatusOnlyNode.Start, Mount = RefusingMount.StartAsync };
        return ZZFs.Program.Run(arguments, parts, Console.Out, Console.Error);
    }
}

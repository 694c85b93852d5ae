using ZZFs.Cli;

namespace TestProgram;

/// <summary>
/// The command line with parts that only pretend: replicas that do nothing but tell their status, and a mount that
/// refuses everything. It lets tests start, freeze, kill and stop real processes quickly. Or, if the environment says so,
/// with the real parts, but for replicas that lie.
/// </summary>
public static class Program
{
    /// <summary>Environment variable that is set to have the real parts.</summary>
    public const string RealVariable = "ZZFS_TEST_REAL";

    public static int Main(string[] arguments)
    {
        ProgramParts parts = Environment.GetEnvironmentVariable(RealVariable) is { Length: > 0 }
            ? WithLiars(StandardParts.Create())
            : new ProgramParts { Agreement = StatusOnlyNode.Start, Execution = StatusOnlyNode.Start, Mount = RefusingMount.StartAsync };
        return ZZFs.Program.Run(arguments, parts, Console.Out, Console.Error);
    }

    private static ProgramParts WithLiars(ProgramParts real) => new()
    {
        Agreement = context => ForgetfulNode.Is(context) ? ForgetfulNode.Start(context) : real.Agreement!(context),
        Execution = real.Execution,
        Mount = real.Mount,
    };
}

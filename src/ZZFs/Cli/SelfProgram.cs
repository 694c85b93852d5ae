namespace ZZFs.Cli;

/// <summary>How to start this program once more.</summary>
internal static class SelfProgram
{
    /// <summary>The command with <paramref name="arguments"/>.</summary>
    public static string[] Command(params ReadOnlySpan<string> arguments)
    {
        string program = Environment.ProcessPath ?? throw new IOException("/proc/self/exe can't be read");
        // Run as "dotnet zzfs.dll", the process is the host's and the program its first argument.
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? [program, Path.GetFullPath(Environment.GetCommandLineArgs()[0]), .. arguments]
            : [program, .. arguments];
    }
}

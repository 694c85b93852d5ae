namespace ZZFs;

/// <summary>The <c>zzfs</c> program.</summary>
public static class Program
{
    /// <summary>Runs one command and returns its exit code.</summary>
    /// <param name="arguments">The command line, without the program's name.</param>
    public static int Main(string[] arguments) => arguments.Length;
}

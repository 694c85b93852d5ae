using System.Diagnostics;

namespace Xen;

/// <summary>Starts programs that outlive the terminal: own session, no input, output appended to a log file.</summary>
public static class BackgroundProcess
{
    // $0 is the log, $1 the file to join or empty, the rest the command. All of it is one process: each step replaces the
    // last, so the process id is the program's.
    private const string Script = """
        if [ -n "$1" ]; then echo $$ > "$1" || exit 127; fi
        if [ "$ZZFS_START_STOPPED" = yes ]; then kill -STOP $$; fi
        unset ZZFS_START_STOPPED
        shift
        exec "$@"
        """;

    /// <summary>Starts <paramref name="command"/>; the caller owns the result.</summary>
    /// <exception cref="IOException">The log can't be written, or setsid or sh is missing.</exception>
    public static Process Start(IReadOnlyList<string> command, string logFile) => Start(command, logFile, joinFile: null, stopped: false, []);

    /// <summary>Starts a guest: it joins a control group, or stops itself, before the program begins.</summary>
    internal static Process Start(
        IReadOnlyList<string> command, string logFile, string? joinFile, bool stopped, IEnumerable<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo("setsid") { UseShellExecute = false };
        string[] arguments = ["sh", "-c", $"exec >> \"$0\" 2>&1 < /dev/null\n{Script}", logFile, joinFile ?? "", .. command];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        if (stopped)
            start.Environment["ZZFS_START_STOPPED"] = "yes";
        try
        {
            // Found out here rather than by a shell whose complaint nobody reads.
            using (new FileStream(logFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
            {
            }

            return Process.Start(start) ?? throw new IOException("setsid did not start");
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or UnauthorizedAccessException)
        {
            throw new IOException($"{command[0]} can't be started ({error.Message.TrimEnd('.')})", error);
        }
    }
}

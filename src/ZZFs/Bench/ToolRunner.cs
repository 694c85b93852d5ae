using System.Diagnostics;

namespace ZZFs.Bench;

/// <summary>How a program that a benchmark started ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">What it wrote to its standard output.</param>
/// <param name="Errors">What it wrote to its standard error.</param>
public sealed record ToolOutcome(int ExitCode, string Output, string Errors)
{
    /// <summary>The last line with something on it, of the errors or else of the output.</summary>
    public string LastLine => LastLineOf(Errors) ?? LastLineOf(Output) ?? $"exit code {ExitCode}";

    private static string? LastLineOf(string text) =>
        text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault();
}

/// <summary>Finds and runs the system's tools: compiler, make, and what they built.</summary>
public static class ToolRunner
{
    /// <summary>The path of a tool, looked for along PATH; null if it isn't there.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>Runs a program to its end, without input.</summary>
    /// <param name="program">Path of the program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="directory">Its working directory.</param>
    /// <param name="cancellation">Kills it with all that it started.</param>
    /// <exception cref="BenchException">It could not be started.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ToolOutcome Run(string program, IEnumerable<string> arguments, string directory, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // An outer make's flags must not change what the measured one does.
        start.Environment.Remove("MAKEFLAGS");
        start.Environment.Remove("MFLAGS");
        using var process = StartProcess(start);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            process.WaitForExitAsync(cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw;
        }

        return new ToolOutcome(process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }

    private static Process StartProcess(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new BenchException($"Cannot start {start.FileName}.");
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw new BenchException($"Cannot start {start.FileName}: {failure.Message}.", failure);
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Specification;

/// <summary>The outcome of a search of all states of a model.</summary>
/// <param name="Violation">The assertion that does not hold; null if none was found.</param>
/// <param name="Trace">The steps that lead there, last ones only.</param>
/// <param name="States">How many states were visited.</param>
internal sealed partial record Search(string? Violation, string Trace, long States)
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Searches a model. Anything but a complete search or a violated assertion (no memory, too deep, a syntax error, a
    /// deadlock) fails the test.
    /// </summary>
    /// <param name="model">The file's name without .pml.</param>
    /// <param name="macros">What is defined in it, planted faults for the most part.</param>
    public static Search Of(string model, params string[] macros)
    {
        if (SpinTheoryAttribute.MissingTool is { } missing)
            Assert.Fail(missing);
        string folder = Directory.CreateTempSubdirectory("zzfs-specification-").FullName;
        try
        {
            string file = $"{model}.pml";
            foreach (string source in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.pml"))
                File.Copy(source, Path.Combine(folder, Path.GetFileName(source)));
            string[] defines = [.. macros.Select(macro => $"-D{macro}")];
            Succeed(folder, "spin", [.. defines, "-a", file]);
            // Steps are atomic, so partial order reduction would find nothing to leave out. More optimization than -O1 takes
            // longer than it saves.
            Succeed(folder, "gcc", ["-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-DMEMLIM=3000", "-o", "pan", "pan.c"]);
            string output = Succeed(folder, Path.Combine(folder, "pan"), ["-m5000"]);
            Match states = StatesLine().Match(output);
            string? violation = ViolationLine().Match(output) is { Success: true } match ? match.Groups[1].Value : null;
            bool complete = output.Contains("errors: 0", StringComparison.Ordinal)
                && !output.Contains("max search depth too small", StringComparison.Ordinal)
                && !output.Contains("Search not completed", StringComparison.Ordinal);
            Assert.True(states.Success && (violation is not null || complete), $"The search of {file} did not end well.\n{output}");
            string trace = violation is null ? "" : Succeed(folder, "spin", [.. defines, "-t", "-p", file]);
            return new Search(violation, Tail(trace), (long)double.Parse(states.Groups[1].Value, CultureInfo.InvariantCulture));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Succeed(string folder, string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Bound))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            Assert.Fail($"{program} did not end within {Bound}.");
        }

        Assert.True(process.ExitCode == 0, $"{program} ended with exit code {process.ExitCode}.\n{errors.Result}\n{output.Result}");
        return output.Result;
    }

    private static string Tail(string trace)
    {
        string[] lines = trace.Split('\n');
        return string.Join('\n', lines.Skip(Math.Max(0, lines.Length - 60)));
    }

    [GeneratedRegex(@"assertion violated (.*) \(at depth")]
    private static partial Regex ViolationLine();

    [GeneratedRegex(@"(\S+) states, stored")]
    private static partial Regex StatesLine();
}

namespace ZZFs.Bench;

/// <summary>The Make phase: builds a copied tree with the system's compiler.</summary>
public sealed class AndrewMaker
{
    private readonly string _compiler;
    private readonly string? _make;

    private AndrewMaker(string compiler, string? make)
    {
        _compiler = compiler;
        _make = make;
    }

    /// <summary>Looks for the compiler and for make; null without a compiler.</summary>
    public static AndrewMaker? Find() =>
        ToolRunner.Find("cc") is { } compiler ? new AndrewMaker(compiler, ToolRunner.Find("make")) : null;

    /// <summary>Runs <c>make</c> if the tree has a Makefile and the system a make, else compiles each C file by itself.</summary>
    /// <param name="target">The copied tree.</param>
    /// <param name="source">What is in it.</param>
    /// <param name="isOneProgram">Whether all C files together are one program, as those of the generated tree are.</param>
    /// <param name="verification">Told when building fails.</param>
    /// <param name="cancellation">Ends the build early.</param>
    public void Build(string target, SourceTree source, bool isOneProgram, Verification verification, CancellationToken cancellation)
    {
        var hasMakefile = source.Entries.Any(entry => entry.Path is "Makefile" or "makefile" or "GNUmakefile");
        if (hasMakefile && _make is not null)
        {
            Step(_make, ["-s"], target, verification, cancellation);
            return;
        }

        var units = source.Entries.Where(entry => entry.Type == BenchFileType.File && entry.Path.EndsWith(".c", StringComparison.Ordinal))
            .Select(entry => entry.Path)
            .ToList();
        foreach (var unit in units)
        {
            Step(_compiler, ["-O1", "-I.", "-c", "-o", Path.ChangeExtension(unit, ".o"), unit], target, verification, cancellation);
        }

        if (isOneProgram)
        {
            Step(_compiler, ["-o", GeneratedProject.ProgramName, .. units.Select(unit => Path.ChangeExtension(unit, ".o"))], target, verification, cancellation);
        }
    }

    /// <summary>Runs the built program and compares what it prints.</summary>
    /// <param name="target">Where it was built.</param>
    /// <param name="expectedOutput">What it must print.</param>
    /// <param name="verification">Told when it prints something else or doesn't run.</param>
    /// <param name="cancellation">Kills it.</param>
    public static void CheckProgram(string target, string expectedOutput, Verification verification, CancellationToken cancellation)
    {
        var program = $"{target}/{GeneratedProject.ProgramName}";
        if (!File.Exists(program))
        {
            verification.Wrong($"{program} was not built");
            return;
        }

        try
        {
            var outcome = ToolRunner.Run(program, [], target, cancellation);
            if (outcome.ExitCode != 0 || outcome.Output != expectedOutput)
            {
                verification.Wrong($"{program} did not print what it must");
            }
        }
        catch (BenchException failure)
        {
            // A damaged program is no runnable one; that is a finding, not a failure of the benchmark.
            verification.Wrong(failure.Message.TrimEnd('.'));
        }
    }

    private static void Step(string tool, string[] arguments, string target, Verification verification, CancellationToken cancellation)
    {
        var outcome = ToolRunner.Run(tool, arguments, target, cancellation);
        if (outcome.ExitCode != 0)
        {
            verification.Wrong($"{Path.GetFileName(tool)} failed in {target}: {outcome.LastLine}");
        }
    }
}

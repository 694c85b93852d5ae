using System.Diagnostics;
using System.Text;

namespace Mounted;

/// <summary>How a program ended.</summary>
internal sealed record Outcome(string Command, int ExitCode, string Output, string Errors)
{
    /// <summary>Fails the test unless the exit code is 0; gives the output.</summary>
    public string Succeeded()
    {
        Assert.True(ExitCode == 0, $"{Command} ended with exit code {ExitCode}.\n{Errors}\n{Output}");
        return Output;
    }

    /// <summary>Fails the test unless the program failed with one sentence, free of stack traces, that mentions something.</summary>
    public void FailedWithSentence(string mention)
    {
        var lines = Errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Assert.True(ExitCode != 0, $"{Command} was expected to fail, but ended with exit code 0.\n{Output}");
        Assert.True(lines.Length == 1, $"{Command} was expected to fail with one line, but said:\n{Errors}");
        Assert.DoesNotContain("Exception", Errors, StringComparison.Ordinal);
        Assert.Contains(mention, lines[0], StringComparison.OrdinalIgnoreCase);
    }
}

/// <summary>
/// A program that a test started. Its output goes to files: a daemon that a program leaves behind may keep a pipe open,
/// and waiting for its end would wait for the daemon.
/// </summary>
internal sealed class Tool : IDisposable
{
    private static readonly TimeSpan DefaultBound = TimeSpan.FromMinutes(3);

    private readonly string _folder = Directory.CreateTempSubdirectory("zzfs-tool-").FullName;
    private readonly Process _process;
    private readonly string _command;

    private Tool(string program, string[] arguments, string? directory, string? input)
    {
        if (!program.Contains('/') && Machine.MissingTool([program]) is { } missing)
        {
            Assert.Fail(missing);
        }

        _command = string.Join(' ', [program, .. arguments]);
        File.WriteAllText(Path.Combine(_folder, "in"), input ?? "");
        var start = new ProcessStartInfo("/bin/sh")
        {
            WorkingDirectory = directory ?? "/",
            ArgumentList = { "-c", "exec \"$@\" <\"$TOOL_FOLDER/in\" >\"$TOOL_FOLDER/out\" 2>\"$TOOL_FOLDER/err\"", "sh", program },
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["TOOL_FOLDER"] = _folder;
        start.Environment["LC_ALL"] = "C.UTF-8";
        // Nobody's own git configuration changes what is tested.
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        _process = Process.Start(start)!;
    }

    /// <summary>Its process.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it has printed until now.</summary>
    public string OutputSoFar => ReadFile("out");

    /// <summary>Starts a program found along PATH.</summary>
    public static Tool Start(string program, string[] arguments, string? directory = null, string? input = null) =>
        new(program, arguments, directory, input);

    /// <summary>Runs a program and waits for its end, within a bound.</summary>
    public static Outcome Run(string program, string[] arguments, string? directory = null, string? input = null, TimeSpan? bound = null)
    {
        using var tool = Start(program, arguments, directory, input);
        return tool.Wait(bound);
    }

    /// <summary>Runs a program for cleaning up: neither its failure nor its hanging keeps the rest from being cleaned up.</summary>
    public static void TryRun(string program, string[] arguments, TimeSpan bound)
    {
        using var tool = Start(program, arguments);
        tool._process.WaitForExit(bound);
    }

    /// <summary>Runs a shell script that stops at its first failure; <paramref name="arguments"/> are its $1, $2 and so on.</summary>
    public static Outcome Shell(string script, string? directory = null, string[]? arguments = null, TimeSpan? bound = null)
    {
        if (Machine.MissingToolOf(script) is { } missing)
        {
            Assert.Fail(missing);
        }

        return Run("sh", ["-euc", script, "sh", .. arguments ?? []], directory, null, bound);
    }

    /// <summary>Waits for its end; a program that doesn't end within the bound is killed, and the test fails.</summary>
    public Outcome Wait(TimeSpan? bound = null)
    {
        if (!_process.WaitForExit(bound ?? DefaultBound))
        {
            Kill();
            Assert.Fail($"{_command} did not end within {bound ?? DefaultBound}.\n{ReadFile("err")}\n{ReadFile("out")}");
        }

        return new Outcome(_command, _process.ExitCode, ReadFile("out"), ReadFile("err"));
    }

    /// <summary>Kills it with all that it started, unless it has ended.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string ReadFile(string name)
    {
        var path = Path.Combine(_folder, name);
        return File.Exists(path) ? File.ReadAllText(path, Encoding.UTF8) : "";
    }
}

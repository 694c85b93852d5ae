using System.ComponentModel;
using System.Diagnostics;

namespace ZZFs.Stores;

/// <summary>Runs the <c>zfs</c> command.</summary>
internal sealed class ZfsCommand
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);
    private const int Attempts = 50;

    private readonly string program;

    private readonly StoreLock? shared;

    private ZfsCommand(string program, StoreLock? shared)
    {
        this.program = program;
        this.shared = shared;
    }

    /// <summary>Finds the command along PATH and where administrators' commands are.</summary>
    /// <param name="shared">A lock that is held as long as a command runs, whatever becomes of this process.</param>
    /// <exception cref="StoreException">There is none.</exception>
    public static ZfsCommand Find(StoreLock? shared = null) => Find(shared, Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin:/usr/local/sbin");

    /// <summary>Finds the command in folders that colons separate.</summary>
    /// <exception cref="StoreException">There is none.</exception>
    internal static ZfsCommand Find(StoreLock? shared, string folders)
    {
        foreach (string folder in folders.Split(':'))
        {
            string program = Path.Combine(folder, "zfs");
            if (folder.Length > 0 && File.Exists(program))
                return new ZfsCommand(program, shared);
        }

        throw new StoreException("there is no zfs command; install OpenZFS (package zfsutils-linux) or zfs-fuse");
    }

    /// <summary>What the command prints.</summary>
    /// <exception cref="StoreException">It fails.</exception>
    public string Run(params string[] arguments) =>
        TryRun(out string output, out string problem, arguments) ? output : throw Failure(arguments[0], problem);

    /// <summary>As <see cref="Run"/>, but tries again for a few seconds while the dataset is busy, as it is after a look into it.</summary>
    /// <exception cref="StoreException">It fails.</exception>
    public void RunWhenIdle(params string[] arguments)
    {
        for (int attempt = 1; ; attempt++)
        {
            if (TryRun(out _, out string problem, arguments))
                return;
            if (attempt == Attempts || !problem.Contains("busy", StringComparison.Ordinal))
                throw Failure(arguments[0], problem);
            Thread.Sleep(RetryPause);
        }
    }

    /// <summary>Runs the command.</summary>
    /// <param name="output">What it prints.</param>
    /// <param name="problem">The first line of its complaint, when it fails.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>Whether it succeeds.</returns>
    public bool TryRun(out string output, out string problem, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Its complaints are compared.
        start.Environment["LC_ALL"] = "C";
        try
        {
            using Process process = shared?.StartSharing(start) ?? Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            Task<string> text = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(Bound))
            {
                process.Kill();
                throw new StoreException($"zfs {arguments[0]} does not end");
            }

            output = text.Result;
            problem = errors.Result.Contains("zfs-fuse daemon", StringComparison.Ordinal)
                ? "the zfs-fuse daemon does not run"
                : errors.Result.Split('\n')[0].TrimEnd('.');
            return process.ExitCode == 0;
        }
        catch (Win32Exception error)
        {
            throw new StoreException($"{program} can't be run: {error.Message.TrimEnd('.')}");
        }
    }

    /// <summary>The exception for a command that failed.</summary>
    public StoreException Failure(string command, string problem) => new($"zfs {command} failed: {problem}");
}

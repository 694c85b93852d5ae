using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Xen.Machines;

/// <summary>Runs a program of this machine, without a shell in between.</summary>
public sealed class ToolRunner : IToolRunner
{
    private readonly string program;
    private readonly TimeSpan bound;

    /// <summary>For the program of that name on the path.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="bound">How long a command may take: saving a machine writes all its memory.</param>
    public ToolRunner(string program, TimeSpan bound)
    {
        this.program = program;
        this.bound = bound;
    }

    /// <inheritdoc/>
    public async Task<ToolResult> RunAsync(params IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        start.Environment["LANGUAGE"] = "";
        try
        {
            using Process process = Process.Start(start) ?? throw new HypervisorException($"{program} did not start");
            process.StandardInput.Close();
            using var timer = new CancellationTokenSource(bound);
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(timer.Token);
                Task<string> errors = process.StandardError.ReadToEndAsync(timer.Token);
                await process.WaitForExitAsync(timer.Token);
                return new ToolResult(process.ExitCode, await output, await errors);
            }
            catch (OperationCanceledException error)
            {
                process.Kill(entireProcessTree: true);
                throw new HypervisorException(
                    string.Create(CultureInfo.InvariantCulture, $"{program} {string.Join(' ', arguments)} did not end within {bound.TotalSeconds} s"), error);
            }
        }
        catch (Win32Exception error)
        {
            throw new HypervisorException($"{program} can't be run, so install it ({error.Message.TrimEnd('.')})", error);
        }
    }
}

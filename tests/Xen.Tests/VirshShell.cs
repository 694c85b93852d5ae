using System.Diagnostics;
using System.Text;
using Xen.Machines;

namespace Xen.Tests;

/// <summary>
/// Real virsh, kept open: libvirt's test driver lives in the process that asks it, so one command line each would meet a new
/// machine each time. Arguments are passed on as they came, behind the options that choose the connection.
/// </summary>
internal sealed class VirshShell : IToolRunner, IAsyncDisposable
{
    private const string Connection = "test:///default";
    private readonly Process process;

    private VirshShell(Process process) => this.process = process;

    /// <summary>Commands so far, without the look-ups.</summary>
    public List<string> Commands { get; } = [];

    /// <summary>Starts it.</summary>
    public static async Task<VirshShell> StartAsync()
    {
        var start = new ProcessStartInfo("sh", ["-c", $"exec virsh -q -c {Connection} 2>&1"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["LC_ALL"] = "C";
        var shell = new VirshShell(Process.Start(start)!);
        await shell.AnswerAsync();
        return shell;
    }

    public async Task<ToolResult> RunAsync(params IReadOnlyList<string> arguments)
    {
        Assert.Equal(["-q", "-c", Connection], arguments.Take(3));
        string command = string.Join(' ', arguments.Skip(3).Select(word => $"'{word}'"));
        if (arguments[3] is not ("domstate" or "dominfo"))
            Commands.Add(string.Join(' ', arguments.Skip(3)));
        await process.StandardInput.WriteLineAsync(command);
        await process.StandardInput.FlushAsync();
        string answer = await AnswerAsync();
        // What it was told may come back first.
        if (answer.StartsWith(command, StringComparison.Ordinal))
            answer = answer[(command.Length + 1)..];
        // In a shell of its own it has no exit codes; what fails begins so.
        return answer.StartsWith("error:", StringComparison.Ordinal) ? new ToolResult(1, "", answer) : new ToolResult(0, answer, "");
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Everything up to the next prompt.</summary>
    private async Task<string> AnswerAsync()
    {
        const string Prompt = "virsh # ";
        var text = new StringBuilder();
        var buffer = new char[4096];
        while (!text.ToString().EndsWith(Prompt, StringComparison.Ordinal))
        {
            int count = await process.StandardOutput.ReadAsync(buffer).AsTask().WaitAsync(Guests.Bound);
            Assert.True(count > 0, $"virsh ended: {text}");
            text.Append(buffer, 0, count);
        }

        return text.ToString()[..^Prompt.Length];
    }
}

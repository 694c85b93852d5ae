namespace Xen.Machines;

/// <summary>What a command of a toolstack left behind.</summary>
/// <param name="ExitCode">0 when it did what it was asked.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Errors">What it complained about.</param>
public sealed record ToolResult(int ExitCode, string Output, string Errors);

/// <summary>Runs commands of a toolstack: a seam, so that command lines and parsing are tested without its machines.</summary>
public interface IToolRunner
{
    /// <summary>Runs the tool with these arguments, in English, to its end.</summary>
    /// <exception cref="HypervisorException">It is not there, or did not end in time and was killed.</exception>
    Task<ToolResult> RunAsync(params IReadOnlyList<string> arguments);
}

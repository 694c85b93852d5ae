namespace ZZFs.Cli;

/// <summary>A command can't go on. The message is one sentence without a full stop; nothing else is shown.</summary>
public sealed class CommandException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="exitCode">One of <see cref="ExitCode"/>.</param>
    /// <param name="message">The sentence.</param>
    public CommandException(int exitCode, string message)
        : base(message) => ExitCode = exitCode;

    /// <summary>Makes one with what caused it.</summary>
    public CommandException(int exitCode, string message, Exception cause)
        : base(message, cause) => ExitCode = exitCode;

    /// <summary>What the program returns.</summary>
    public int ExitCode { get; }
}

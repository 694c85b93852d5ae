namespace ZZFs.Bench;

/// <summary>A benchmark that could not run or go on; the message is one sentence for the operator. Wrong bytes are not an exception but a result.</summary>
public sealed class BenchException : Exception
{
    /// <summary>Says what went wrong.</summary>
    /// <param name="message">One sentence, with the remedy where there is one.</param>
    public BenchException(string message)
        : base(message)
    {
    }

    /// <summary>Says what went wrong and why.</summary>
    /// <param name="message">One sentence, with the remedy where there is one.</param>
    /// <param name="cause">What the system said.</param>
    public BenchException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

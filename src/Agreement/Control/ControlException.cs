namespace Agreement.Control;

/// <summary>A control plane call failed; the message is the end of a sentence that begins with the peer's name.</summary>
public sealed class ControlException : Exception
{
    /// <summary>Makes one from its words.</summary>
    public ControlException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one from its words and what caused it.</summary>
    public ControlException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

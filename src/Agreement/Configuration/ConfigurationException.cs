namespace Agreement.Configuration;

/// <summary>
/// A file or setting of the operator's is wrong. The message is one sentence without a full stop that names the file and
/// the field; the command line prints it as it is.
/// </summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Makes one from its sentence.</summary>
    public ConfigurationException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one from its sentence and what caused it.</summary>
    public ConfigurationException(string message, Exception cause)
        : base(message, cause)
    {
    }
}

namespace Agreement.Node;

/// <summary>The agreement log on disk is damaged other than by a torn end. The message is one sentence for the operator.</summary>
public sealed class LogDamagedException(string message) : IOException(message);

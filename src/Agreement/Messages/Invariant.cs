using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Agreement.Messages;

/// <summary>Checks of our own logic, on in every build: a broken one stops the process before it can do harm.</summary>
public static class Invariant
{
    /// <summary>Stops the process when <paramref name="condition"/> is false.</summary>
    public static void That([DoesNotReturnIf(false)] bool condition, [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        if (!condition)
            throw new InvariantBrokenException(expression);
    }
}

/// <summary>One of our own assumptions does not hold. Nothing catches it but the outermost shell, which exits.</summary>
public sealed class InvariantBrokenException(string expression) : Exception("invariant broken: " + expression);

using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>Names as system calls take them.</summary>
internal static class TreeName
{
    /// <summary>Room for the longest name and its zero byte.</summary>
    public const int Capacity = Specification.MaximumNameBytes + 1;

    /// <summary>The name with a zero byte at its end. It is one component, and neither <c>.</c> nor <c>..</c>: it can't lead out.</summary>
    /// <param name="name">Without the zero byte.</param>
    /// <param name="buffer">At least <see cref="Capacity"/> bytes.</param>
    public static ReadOnlySpan<byte> Terminate(ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        Invariant.That(name.Length is > 0 and <= Specification.MaximumNameBytes && !name.ContainsAny((byte)0, (byte)'/'));
        Invariant.That(name is not ([(byte)'.'] or [(byte)'.', (byte)'.']));
        name.CopyTo(buffer);
        buffer[name.Length] = 0;
        return buffer[..(name.Length + 1)];
    }
}

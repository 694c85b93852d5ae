using Agreement.Messages;

namespace Agreement.Protocol;

/// <summary>
/// When a checkpoint is due: after k numbers, or after so many bytes of bodies that logs would get large. A function of the
/// order alone, so that all replicas take it at the same number.
/// </summary>
/// <param name="last">The last checkpoint.</param>
public struct CheckpointSchedule(SequenceNumber last)
{
    /// <summary>Bytes of encoded requests after which a checkpoint is due (agreed).</summary>
    public const long MaximumBytes = 8L << 20;

    private long bytes;

    /// <summary>The last number at which one was due.</summary>
    public SequenceNumber Last { get; private set; } = last;

    /// <summary>Counts a number; the last one counted must have been the one before.</summary>
    /// <param name="number">The number.</param>
    /// <param name="bodyBytes">Bytes of the encoded requests in its batch.</param>
    /// <param name="interval">k.</param>
    /// <returns>Whether a checkpoint is due at this number.</returns>
    public bool Advance(SequenceNumber number, long bodyBytes, int interval)
    {
        bytes += bodyBytes;
        if (number.Value - Last.Value < (ulong)interval && bytes < MaximumBytes)
            return false;
        bytes = 0;
        Last = number;
        return true;
    }
}

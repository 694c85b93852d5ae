using Agreement.Messages;

namespace Agreement.Node;

/// <summary>
/// Bytes of one direction of one link, in one piece of memory: what was received and not yet handled, or what was
/// encrypted and not yet sent. It starts small, grows with need, and shrinks when the need is over, since a replica has
/// many links and few of them carry large frames at a time.
/// </summary>
internal sealed class LinkBuffer
{
    /// <summary>Capacity of an idle buffer, in bytes.</summary>
    public const int SmallestBytes = 16 << 10;

    private byte[] bytes = new byte[SmallestBytes];
    private int start;
    private int end;
    private int mostHeld;

    /// <summary>Bytes held.</summary>
    public int Count => end - start;

    /// <summary>Bytes that fit without growing.</summary>
    public int Capacity => bytes.Length;

    /// <summary>What is held, oldest first; valid until the next call that adds.</summary>
    public Span<byte> Held => bytes.AsSpan(start, Count);

    /// <summary>Room behind what is held; filled by the caller and then counted with <see cref="Added"/>.</summary>
    public Span<byte> Free => bytes.AsSpan(end);

    /// <summary>A slice of what is held; valid until the next call that adds.</summary>
    public ReadOnlyMemory<byte> Slice(int offset, int count) => bytes.AsMemory(start + offset, count);

    /// <summary>
    /// Makes room for a frame of <paramref name="frameBytes"/>, held in part already, or for anything at all when that
    /// is 0. Memory follows what arrived, not what a header promises: capacity doubles, up to the frame, only when full.
    /// </summary>
    public void PrepareToReceive(int frameBytes)
    {
        if (Count == 0)
            start = end = 0;
        if (start + Math.Max(frameBytes, Count + 1) <= bytes.Length)
            return;
        if (Count == bytes.Length)
            Reallocate(Math.Max(Math.Min(frameBytes, bytes.Length * 2), bytes.Length + SmallestBytes));
        else if (start > 0)
            MoveToFront();
    }

    /// <summary>Appends <paramref name="count"/> bytes for the caller to fill at once.</summary>
    public Span<byte> Append(int count)
    {
        if (Count == 0)
            start = end = 0;
        if (bytes.Length - end < count)
        {
            // Moving only when at least half is free keeps the cost per byte constant while a slow peer drains the queue.
            if (Count + count <= bytes.Length / 2)
                MoveToFront();
            else
                Reallocate((int)Math.Min(Math.Max(bytes.Length * 2L, Count + count), Array.MaxLength));
        }

        Span<byte> span = bytes.AsSpan(end, count);
        Added(count);
        return span;
    }

    /// <summary>Counts bytes that were written to <see cref="Free"/>.</summary>
    public void Added(int count)
    {
        end += count;
        Invariant.That(end <= bytes.Length);
        mostHeld = Math.Max(mostHeld, Count);
    }

    /// <summary>Forgets the oldest bytes; the memory stays as it is until the next call that adds.</summary>
    public void Consume(int count)
    {
        start += count;
        Invariant.That(start <= end);
    }

    /// <summary>Gives memory back if the last period needed little of it. Called once in a while.</summary>
    public void Trim()
    {
        int needed = Math.Max(mostHeld, Count);
        mostHeld = Count;
        if (bytes.Length <= SmallestBytes || needed > bytes.Length / 4)
            return;
        Reallocate(Math.Max(SmallestBytes, needed));
    }

    private void Reallocate(int capacityBytes)
    {
        byte[] other = new byte[capacityBytes];
        Held.CopyTo(other);
        end = Count;
        start = 0;
        bytes = other;
    }

    private void MoveToFront()
    {
        Held.CopyTo(bytes);
        end = Count;
        start = 0;
    }
}

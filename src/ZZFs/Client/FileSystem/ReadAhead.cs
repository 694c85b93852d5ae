using Agreement.Messages;

namespace ZZFs.Client.FileSystem;

/// <summary>A range of a file that is fetched, or was.</summary>
/// <param name="Offset">Where it starts.</param>
/// <param name="Length">Bytes asked for.</param>
/// <param name="Bytes">The bytes, short at the end of the file.</param>
internal sealed record FetchedRange(ulong Offset, int Length, Task<Outcome<ReadOnlyMemory<byte>>> Bytes)
{
    /// <summary>The first offset after it.</summary>
    public ulong End => Offset + (ulong)Length;
}

/// <summary>
/// Recognizes a sequential reader and says what to fetch before it asks: the window doubles while it goes on reading,
/// so that several large reads are in flight.
/// </summary>
/// <param name="maximumInFlight">Most fetched ranges kept, finished ones included.</param>
internal sealed class ReadAhead(int maximumInFlight)
{
    private const int FirstWindowBytes = 256 << 10;
    private const ulong ToleranceBytes = 512 << 10;

    private readonly List<FetchedRange> ranges = [];
    private ulong expectedOffset;
    private ulong fetchedUpTo;
    private long windowBytes;

    private long LargestWindowBytes => (long)maximumInFlight * Limits.MaximumTransferBytes;

    /// <summary>Takes note of a read, and forgets what the reader has left behind.</summary>
    public void OnRead(ulong offset, uint count)
    {
        // The kernel's own read-ahead has several requests under way, which may arrive in another order.
        bool sequential = offset + ToleranceBytes >= expectedOffset && offset <= expectedOffset + ToleranceBytes;
        if (!sequential)
        {
            Reset();
            expectedOffset = offset + count;
            return;
        }

        windowBytes = Math.Clamp(windowBytes * 2, FirstWindowBytes, LargestWindowBytes);
        expectedOffset = Math.Max(expectedOffset, offset + count);
        fetchedUpTo = Math.Max(fetchedUpTo, expectedOffset);
        ranges.RemoveAll(range => range.End + ToleranceBytes <= offset);
    }

    /// <summary>What should be fetched next; null when enough is. The caller adds it.</summary>
    /// <param name="fileBytes">The file's length, as far as known.</param>
    public (ulong Offset, int Length)? Next(ulong fileBytes)
    {
        ulong target = Math.Min(expectedOffset + (ulong)windowBytes, fileBytes);
        if (windowBytes == 0 || fetchedUpTo >= target || ranges.Count >= maximumInFlight)
            return null;
        long room = (long)Math.Min(fileBytes - fetchedUpTo, Limits.MaximumTransferBytes);
        return (fetchedUpTo, (int)Math.Min(room, Math.Max(windowBytes / 2, FirstWindowBytes)));
    }

    /// <summary>A fetch was begun.</summary>
    public void Add(FetchedRange range)
    {
        ranges.Add(range);
        fetchedUpTo = Math.Max(fetchedUpTo, range.End);
    }

    /// <summary>The range that holds a byte, fetched or on its way.</summary>
    public FetchedRange? Find(ulong offset) => ranges.Find(range => range.Offset <= offset && offset < range.End);

    /// <summary>Forgets a range whose fetch failed.</summary>
    public void Remove(FetchedRange range) => ranges.Remove(range);

    /// <summary>Forgets everything: the reader jumped, or the file changed.</summary>
    public void Reset()
    {
        ranges.Clear();
        windowBytes = 0;
        fetchedUpTo = 0;
    }
}

using System.Buffers;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Client.FileSystem;

/// <summary>A run of written bytes.</summary>
public sealed class WriteExtent
{
    private byte[] bytes;

    internal WriteExtent(ulong offset, int capacityBytes)
    {
        Offset = offset;
        bytes = ArrayPool<byte>.Shared.Rent(capacityBytes);
    }

    /// <summary>Where it starts in the file.</summary>
    public ulong Offset { get; }

    /// <summary>How many bytes.</summary>
    public int Length { get; private set; }

    /// <summary>The first offset after it.</summary>
    public ulong End => Offset + (ulong)Length;

    /// <summary>The bytes; valid until <see cref="Recycle"/>.</summary>
    public ReadOnlyMemory<byte> Data => bytes.AsMemory(0, Length);

    /// <summary>Gives the memory back. Only when nobody can read it any more.</summary>
    public void Recycle()
    {
        ArrayPool<byte>.Shared.Return(bytes);
        bytes = [];
        Length = 0;
    }

    internal void Overwrite(ulong offset, ReadOnlySpan<byte> data) => data.CopyTo(bytes.AsSpan((int)(offset - Offset)));

    internal void Append(ReadOnlySpan<byte> data)
    {
        if (Length + data.Length > bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Min(Math.Max(bytes.Length * 4, Length + data.Length), Limits.MaximumTransferBytes));
            Data.Span.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = larger;
        }

        data.CopyTo(bytes.AsSpan(Length));
        Length += data.Length;
    }
}

/// <summary>
/// Gathers the writes to one file until they are worth sending: adjacent ones become one, later ones replace what they
/// cover. Extents don't overlap and are at most one transfer long.
/// </summary>
public sealed class WriteBuffer
{
    private const int SmallestCapacityBytes = 4096;

    private readonly List<WriteExtent> extents = [];

    /// <summary>Bytes held.</summary>
    public long DirtyBytes { get; private set; }

    /// <summary>The end of the last extent; 0 when empty.</summary>
    public ulong End => extents.Count == 0 ? 0 : extents[^1].End;

    /// <summary>Whether an extent is as long as a write operation can be.</summary>
    public bool HasFullExtent { get; private set; }

    /// <summary>Adds a write. The data is copied.</summary>
    public void Add(ulong offset, ReadOnlySpan<byte> data)
    {
        int index = FirstEndingAfter(offset);
        while (!data.IsEmpty)
        {
            if (index < extents.Count && extents[index].Offset <= offset)
            {
                int covered = (int)Math.Min((ulong)data.Length, extents[index].End - offset);
                extents[index].Overwrite(offset, data[..covered]);
                Advance(ref offset, ref data, covered);
                index++;
                continue;
            }

            int gap = index < extents.Count ? (int)Math.Min((ulong)data.Length, extents[index].Offset - offset) : data.Length;
            index = FillGap(index, offset, data[..gap]);
            Advance(ref offset, ref data, gap);
        }
    }

    /// <summary>Reads a range that lies inside one extent.</summary>
    public bool TryRead(ulong offset, uint count, out ReadOnlyMemory<byte> data)
    {
        data = default;
        int index = FirstEndingAfter(offset);
        if (index >= extents.Count || extents[index].Offset > offset || extents[index].End < offset + count)
            return false;
        data = extents[index].Data.Slice((int)(offset - extents[index].Offset), (int)count);
        return true;
    }

    /// <summary>
    /// Takes extents for one operation: at most a compound of them, at most a transfer of bytes. With
    /// <paramref name="onlyFull"/> just one full extent. Empty when there are none.
    /// </summary>
    public List<WriteExtent> Take(bool onlyFull)
    {
        List<WriteExtent> taken = [];
        if (onlyFull)
        {
            int full = extents.FindIndex(static extent => extent.Length == Limits.MaximumTransferBytes);
            if (full >= 0)
                Move(full, 1, taken);
        }
        else
        {
            int count = 0;
            long bytes = 0;
            while (count < extents.Count && count < Specification.MaximumCompound - 1
                && bytes + extents[count].Length <= Limits.MaximumTransferBytes)
                bytes += extents[count++].Length;
            Move(0, count, taken);
        }

        HasFullExtent = extents.Exists(static extent => extent.Length == Limits.MaximumTransferBytes);
        return taken;
    }

    /// <summary>Forgets everything written.</summary>
    public void Clear()
    {
        foreach (WriteExtent extent in extents)
            extent.Recycle();
        extents.Clear();
        DirtyBytes = 0;
        HasFullExtent = false;
    }

    private static void Advance(ref ulong offset, ref ReadOnlySpan<byte> data, int count)
    {
        offset += (ulong)count;
        data = data[count..];
    }

    /// <summary>Stores bytes that no extent covers before the one at <paramref name="index"/>; returns where that one is then.</summary>
    private int FillGap(int index, ulong offset, ReadOnlySpan<byte> data)
    {
        DirtyBytes += data.Length;
        if (index > 0 && extents[index - 1].End == offset)
        {
            WriteExtent before = extents[index - 1];
            int room = Math.Min(Limits.MaximumTransferBytes - before.Length, data.Length);
            before.Append(data[..room]);
            HasFullExtent |= before.Length == Limits.MaximumTransferBytes;
            Advance(ref offset, ref data, room);
        }

        while (!data.IsEmpty)
        {
            int length = Math.Min(data.Length, Limits.MaximumTransferBytes);
            WriteExtent extent = new(offset, Math.Max(length, SmallestCapacityBytes));
            extent.Append(data[..length]);
            HasFullExtent |= length == Limits.MaximumTransferBytes;
            extents.Insert(index++, extent);
            Advance(ref offset, ref data, length);
        }

        return index;
    }

    private void Move(int index, int count, List<WriteExtent> target)
    {
        for (int moved = index; moved < index + count; moved++)
        {
            target.Add(extents[moved]);
            DirtyBytes -= extents[moved].Length;
        }

        extents.RemoveRange(index, count);
    }

    private int FirstEndingAfter(ulong offset)
    {
        int low = 0;
        int high = extents.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (extents[middle].End > offset)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }
}

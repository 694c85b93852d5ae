using System.Buffers.Binary;
using System.IO.Hashing;
using Agreement.Messages;
using Microsoft.Win32.SafeHandles;

namespace Agreement.Node;

/// <summary>
/// One file of the agreement log. Each record is its length (4), the XxHash3 of its bytes seeded with segment and offset
/// (8), and the bytes: a record that was copied, moved or torn does not verify.
/// </summary>
internal sealed class LogSegment : IDisposable
{
    public const int HeaderBytes = 12;
    public const int MaximumRecordBytes = Limits.MaximumFrameBytes;

    private const int SalvagedBytes = 16 << 10;

    private readonly string path;

    private LogSegment(string path, ulong index, SafeFileHandle handle, long length)
    {
        this.path = path;
        Index = index;
        Handle = handle;
        Length = length;
    }

    public ulong Index { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes of whole records.</summary>
    public long Length { get; private set; }

    /// <summary>Highest number that a record in it belongs to.</summary>
    public SequenceNumber Highest { get; set; }

    public static string NameOf(ulong index) => index.ToString("x16", System.Globalization.CultureInfo.InvariantCulture) + ".log";

    public static LogSegment Create(string folder, ulong index)
    {
        string path = Path.Combine(folder, NameOf(index));
        SafeFileHandle handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        return new LogSegment(path, index, handle, 0);
    }

    /// <summary>Opens a file of a former life and hands out its records; a bad end is cut off when it is the last file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="index">Its place in the log.</param>
    /// <param name="isLast">Whether no file follows it.</param>
    /// <param name="restore">Takes each record.</param>
    /// <param name="lost">
    /// Null when nothing but an unfinished write was cut, as the death of a process leaves it. Else whole records were
    /// damaged: those that still verify behind the damage, which must not be restored, but tell what was lost.
    /// </param>
    /// <exception cref="LogDamagedException">A record in an earlier file does not verify.</exception>
    public static LogSegment Open(
        string path, ulong index, bool isLast, Func<ReadOnlyMemory<byte>, bool> restore, out List<ReadOnlyMemory<byte>>? lost)
    {
        byte[] content = File.ReadAllBytes(path);
        int offset = 0;
        while (TryRead(content, offset, index, out ReadOnlyMemory<byte> record))
        {
            if (!restore(record))
                throw new LogDamagedException($"{path}: the record at {offset} contradicts those before it");
            offset += HeaderBytes + record.Length;
        }

        lost = null;
        if (offset < content.Length && !isLast)
            throw new LogDamagedException($"{path}: the record at {offset} is damaged, and there are files after it");
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        if (offset < content.Length)
        {
            List<ReadOnlyMemory<byte>> behind = Salvage(content, offset + 1, index);
            if (behind.Count > 0 || !IsUnfinished(content, offset))
                lost = behind;
            RandomAccess.SetLength(handle, offset);
        }

        return new LogSegment(path, index, handle, offset);
    }

    /// <summary>Appends one framed record to <paramref name="frames"/>, for the place at which it will be written.</summary>
    public static void Frame(MessageWriter frames, ulong index, long offset, ReadOnlySpan<byte> record)
    {
        frames.WriteUInt32((uint)record.Length);
        frames.WriteUInt64(Checksum(record, index, offset));
        frames.WriteRaw(record);
    }

    public void Append(ReadOnlySpan<byte> frames)
    {
        RandomAccess.Write(Handle, frames, Length);
        Length += frames.Length;
    }

    /// <summary>Puts it on disk before it returns.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Sync() => new LogSync([Handle], folder: null).Sync();

    public void Delete()
    {
        Dispose();
        File.Delete(path);
    }

    public void Dispose() => Handle.Dispose();

    private static bool IsUnfinished(byte[] content, int offset) =>
        content.Length - offset < HeaderBytes
        || BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(offset)) is var length
            && length <= MaximumRecordBytes
            && length > content.Length - offset - HeaderBytes;

    // Looks for whole records at every place behind a damaged one. Only short ones are looked for, or chance would have
    // most of the file hashed at many places; from one that is found the next is known.
    private static List<ReadOnlyMemory<byte>> Salvage(byte[] content, int offset, ulong index)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        while (offset + HeaderBytes <= content.Length)
        {
            bool isShort = BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(offset)) <= SalvagedBytes;
            if (isShort && TryRead(content, offset, index, out ReadOnlyMemory<byte> record))
            {
                do
                {
                    found.Add(record);
                    offset += HeaderBytes + record.Length;
                }
                while (TryRead(content, offset, index, out record));
            }
            else
            {
                offset++;
            }
        }

        return found;
    }

    private static bool TryRead(byte[] content, int offset, ulong index, out ReadOnlyMemory<byte> record)
    {
        record = default;
        if (content.Length - offset < HeaderBytes)
            return false;
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(offset));
        ulong checksum = BinaryPrimitives.ReadUInt64LittleEndian(content.AsSpan(offset + 4));
        if (length > MaximumRecordBytes || length > content.Length - offset - HeaderBytes)
            return false;
        record = content.AsMemory(offset + HeaderBytes, (int)length);
        return Checksum(record.Span, index, offset) == checksum;
    }

    private static ulong Checksum(ReadOnlySpan<byte> record, ulong index, long offset) =>
        XxHash3.HashToUInt64(record, unchecked((long)(index * 0x9E3779B97F4A7C15) ^ offset));
}

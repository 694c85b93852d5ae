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

    /// <summary>Opens a file of a former life and hands out its records; a torn end is cut off when it is the last file.</summary>
    /// <exception cref="LogDamagedException">A record in an earlier file does not verify.</exception>
    public static LogSegment Open(string path, ulong index, bool isLast, Func<ReadOnlyMemory<byte>, bool> restore)
    {
        byte[] content = File.ReadAllBytes(path);
        int offset = 0;
        while (TryRead(content, offset, index, out ReadOnlyMemory<byte> record))
        {
            if (!restore(record))
                throw new LogDamagedException($"{path}: the record at {offset} contradicts those before it");
            offset += HeaderBytes + record.Length;
        }

        if (offset < content.Length && !isLast)
            throw new LogDamagedException($"{path}: the record at {offset} is damaged, and there are files after it");
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        if (offset < content.Length)
            RandomAccess.SetLength(handle, offset);
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

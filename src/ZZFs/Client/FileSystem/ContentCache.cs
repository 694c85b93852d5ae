using ZZFs.Abstraction;

namespace ZZFs.Client.FileSystem;

/// <summary>
/// Whole contents of small files, kept current through this client's own writes. Whoever learns of a foreign change
/// removes the entry. Bounded: the least recently used are forgotten.
/// </summary>
/// <param name="maximumFileBytes">Larger files are not kept.</param>
/// <param name="maximumBytes">Most bytes of all files.</param>
public sealed class ContentCache(int maximumFileBytes, long maximumBytes)
{
    // An empty file costs something too, or there would be no bound on their number.
    private const long EntryCostBytes = 128;

    private readonly LruMap<ObjectId, Content> contents = new(maximumBytes);

    /// <summary>Whether a file's content is known.</summary>
    public bool Contains(ObjectId id) => contents.TryGet(id, out _);

    /// <summary>Remembers a whole content, which is copied.</summary>
    public void Set(ObjectId id, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > maximumFileBytes)
            contents.Remove(id);
        else
            contents.Set(id, new Content { Bytes = bytes.ToArray(), Length = bytes.Length }, bytes.Length + EntryCostBytes);
    }

    /// <summary>Reads from a known content; short at its end. The memory is valid until the next change.</summary>
    public bool TryRead(ObjectId id, ulong offset, uint count, out ReadOnlyMemory<byte> data)
    {
        data = default;
        if (!contents.TryGet(id, out Content? content))
            return false;
        if (offset < (ulong)content.Length)
            data = content.Bytes.AsMemory((int)offset, (int)Math.Min(count, (ulong)content.Length - offset));
        return true;
    }

    /// <summary>Applies an own write to a content that is known.</summary>
    public void Write(ObjectId id, ulong offset, ReadOnlySpan<byte> data)
    {
        if (!contents.TryGet(id, out Content? content))
            return;
        if (offset > (ulong)maximumFileBytes || (int)offset + data.Length > maximumFileBytes)
        {
            contents.Remove(id);
            return;
        }

        Resize(id, content, Math.Max(content.Length, (int)offset + data.Length));
        data.CopyTo(content.Bytes.AsSpan((int)offset));
    }

    /// <summary>Applies an own truncation or extension to a content that is known.</summary>
    public void SetLength(ObjectId id, ulong length)
    {
        if (length == 0)
            Set(id, []);
        else if (contents.TryGet(id, out Content? content) && length <= (ulong)maximumFileBytes)
            Resize(id, content, (int)length);
        else
            contents.Remove(id);
    }

    /// <summary>Forgets a content.</summary>
    public void Remove(ObjectId id) => contents.Remove(id);

    private void Resize(ObjectId id, Content content, int length)
    {
        if (length > content.Bytes.Length)
            Array.Resize(ref content.Bytes, Math.Max(length, Math.Min(content.Bytes.Length * 2, maximumFileBytes)));
        // What lies past the end reads as zeros once the file grows over it.
        if (length < content.Length)
            content.Bytes.AsSpan(length, content.Length - length).Clear();
        if (length == content.Length)
            return;
        content.Length = length;
        contents.Set(id, content, content.Bytes.Length + EntryCostBytes);
    }

    private sealed class Content
    {
        public required byte[] Bytes;
        public required int Length;
    }
}

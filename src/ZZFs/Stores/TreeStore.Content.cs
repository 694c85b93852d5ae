using ZZFs.Abstraction;

namespace ZZFs.Stores;

// File content: plain files with holes. Which blocks are holes is in the map of blocks.
public sealed partial class TreeStore
{
    private const int BlockBytes = Specification.BlockBytes;

    // A snapshot waits for all that is dirty, so that it is better on its way before.
    private const long WriteOutBytes = 4 << 20;

    private readonly byte[] blockBuffer = new byte[BlockBytes];
    private bool hasHoles = true;

    // What was written since the kernel was last told to begin with it.
    private readonly HashSet<uint> dirty = [];
    private long dirtyBytes;
    private Task writeOut = Task.CompletedTask;

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination) => live.ReadBlock(index, block, destination);

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block) => live.HasBlock(index, block);

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last) => live.NextBlock(index, first, last);

    /// <inheritdoc/>
    public ulong CountBlocks(uint index, ulong first, ulong last) =>
        live.Blocks.Count(index, first, last) + (first == 0 && live.Links.Read(index) is not null ? 1UL : 0);

    /// <inheritdoc/>
    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        live.Places.Trim();
        if (IsSymlink(index))
        {
            live.Links.Write(index, content);
            return;
        }

        MakeHidden(index);
        if (live.Blocks.Add(index, block) && content.Length < BlockBytes)
        {
            // The old content may be longer. What this adds past the end of the file is cut off at the commit.
            content.CopyTo(blockBuffer);
            blockBuffer.AsSpan(content.Length).Clear();
            content = blockBuffer;
        }

        Descriptor file = live.Places.File(index);
        file.Write(block * BlockBytes, content);
        touched.Add(index);
        dirty.Add(index);
        dirtyBytes += content.Length;
        if (dirtyBytes >= WriteOutBytes && writeOut.IsCompleted)
            StartWriteOut();
    }

    /// <inheritdoc/>
    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        live.Places.Trim();
        if (live.Blocks.Next(index, first, last) is not { } start)
        {
            if (first > 0 || live.Links.Read(index) is null)
                return 0;
            live.Links.Remove(index);
            return 1;
        }

        Clear(index, start, last);
        touched.Add(index);
        return live.Blocks.Remove(index, first, last);
    }

    private void StartWriteOut()
    {
        // Those that were closed since then are few, and left to the kernel's own time.
        Descriptor[] files = [.. dirty.Where(live.Places.IsOpen).Select(live.Places.File)];
        dirty.Clear();
        dirtyBytes = 0;
        writeOut = Task.Run(() =>
        {
            foreach (Descriptor file in files)
                file.StartWriteOut();
        });
    }

    private void Clear(uint index, ulong first, ulong last)
    {
        Descriptor file = live.Places.File(index);
        ulong offset = first * BlockBytes;
        ulong end = (last + 1) * BlockBytes;
        if (end >= file.Status().SizeBytes)
        {
            file.SetLength(offset);
            return;
        }

        hasHoles = hasHoles && file.TryPunchHole(offset, end - offset);
        if (hasHoles)
            return;

        // Such a file system has its own ways with zeros.
        blockBuffer.AsSpan().Clear();
        for (ulong? block = first; block is { } stored; block = stored < last ? live.Blocks.Next(index, stored + 1, last) : null)
            file.Write(stored * BlockBytes, blockBuffer);
    }

    private bool IsSymlink(uint index)
    {
        if (live.Places.IsOpen(index))
            return false;
        ObjectType type = announced.TryGetValue(index, out Announced made) ? made.Type : live.Objects.Read(index)?.Type ?? ObjectType.Null;
        return type switch
        {
            ObjectType.File => false,
            ObjectType.Symlink => true,
            _ => throw Damaged($"object {index} has content and is no file"),
        };
    }
}

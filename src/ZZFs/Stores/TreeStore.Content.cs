using ZZFs.Abstraction;

namespace ZZFs.Stores;

// File content: plain files with holes. Which blocks are holes is in the map of blocks.
public sealed partial class TreeStore
{
    private const int BlockBytes = Specification.BlockBytes;

    private readonly byte[] blockBuffer = new byte[BlockBytes];
    private bool hasHoles = true;

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        places.Trim();
        if (blocks.Has(index, block))
        {
            places.File(index).Read(block * BlockBytes, destination);
            return destination.ContainsAnyExcept((byte)0) ? true : throw Damaged($"block {block} of object {index} is lost");
        }

        destination.Clear();
        if (block > 0 || links.Read(index) is not { } target)
            return false;
        target.CopyTo(destination);
        return true;
    }

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block) => blocks.Has(index, block) || (block == 0 && links.Read(index) is not null);

    /// <inheritdoc/>
    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        places.Trim();
        if (IsSymlink(index))
        {
            links.Write(index, content);
            return;
        }

        MakeHidden(index);
        if (blocks.Add(index, block) && content.Length < BlockBytes)
        {
            // The old content may be longer. What this adds past the end of the file is cut off at the commit.
            content.CopyTo(blockBuffer);
            blockBuffer.AsSpan(content.Length).Clear();
            content = blockBuffer;
        }

        places.File(index).Write(block * BlockBytes, content);
        touched.Add(index);
    }

    /// <inheritdoc/>
    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        places.Trim();
        if (blocks.Next(index, first, last) is not { } start)
        {
            if (first > 0 || links.Read(index) is null)
                return 0;
            links.Remove(index);
            return 1;
        }

        Clear(index, start, last);
        touched.Add(index);
        return blocks.Remove(index, first, last);
    }

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last) =>
        blocks.Next(index, first, last) ?? (first == 0 && links.Read(index) is not null ? 0UL : null);

    private void Clear(uint index, ulong first, ulong last)
    {
        Descriptor file = places.File(index);
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
        for (ulong? block = first; block is { } stored; block = stored < last ? blocks.Next(index, stored + 1, last) : null)
            file.Write(stored * BlockBytes, blockBuffer);
    }

    private bool IsSymlink(uint index)
    {
        if (places.IsOpen(index))
            return false;
        ObjectType type = announced.TryGetValue(index, out Announced made) ? made.Type : objects.Read(index)?.Type ?? ObjectType.Null;
        return type switch
        {
            ObjectType.File => false,
            ObjectType.Symlink => true,
            _ => throw Damaged($"object {index} has content and is no file"),
        };
    }
}

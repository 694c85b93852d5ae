using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>Reads the embedded store, live or in a version, out of its versioned tables.</summary>
/// <remarks>
/// Keys, in big-endian so that bytes sort as numbers do: <c>object</c>(u32 index), <c>block</c>(u64 index · 2³⁰ + block),
/// <c>entry</c>(u32 directory, name), and <c>metadata</c>(the wrapper's key). Values: the encoded record; the number of a row of
/// <c>content</c> (i64, little-endian); u32 index and u64 generation, little-endian; the wrapper's value.
/// </remarks>
internal sealed class EmbeddedView : IStoreView
{
    public const int Objects = 0;
    public const int Blocks = 1;
    public const int Entries = 2;
    public const int Metadata = 3;

    public const int ObjectKeyBytes = sizeof(uint);
    public const int BlockKeyBytes = sizeof(ulong);
    public const int TargetBytes = sizeof(uint) + sizeof(ulong);

    // The largest file has 2²⁹ blocks, and the object's index 32 bits.
    private const int BlockBits = 30;

    // Beyond every name of a directory.
    private const int EndBytes = sizeof(uint) + Specification.MaximumNameBytes + 1;

    private readonly SqliteDatabase database;
    private readonly RowReader objects;
    private readonly RowReader blocks;
    private readonly RowReader entries;
    private readonly RowReader metadata;
    private readonly ContentRows content;
    private readonly IDisposable? owner;

    /// <summary>Reads through a connection.</summary>
    /// <param name="database">The connection.</param>
    /// <param name="content">The content rows, read through it.</param>
    /// <param name="rows">Finds the tables.</param>
    /// <param name="owner">Disposed with this.</param>
    public EmbeddedView(SqliteDatabase database, ContentRows content, Func<int, RowReader> rows, IDisposable? owner)
    {
        this.database = database;
        this.content = content;
        this.owner = owner;
        objects = rows(Objects);
        blocks = rows(Blocks);
        entries = rows(Entries);
        metadata = rows(Metadata);
    }

    /// <summary>The key of an object.</summary>
    public static ReadOnlySpan<byte> ObjectKey(uint index, Span<byte> buffer)
    {
        BinaryPrimitives.WriteUInt32BigEndian(buffer, index);
        return buffer[..ObjectKeyBytes];
    }

    /// <summary>The key of a block.</summary>
    public static ReadOnlySpan<byte> BlockKey(uint index, ulong block, Span<byte> buffer)
    {
        Invariant.That(block < 1UL << BlockBits);
        BinaryPrimitives.WriteUInt64BigEndian(buffer, (ulong)index << BlockBits | block);
        return buffer[..BlockKeyBytes];
    }

    /// <summary>The key of an entry.</summary>
    public static ReadOnlySpan<byte> EntryKey(uint directory, ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        BinaryPrimitives.WriteUInt32BigEndian(buffer, directory);
        name.CopyTo(buffer[sizeof(uint)..]);
        return buffer[..(sizeof(uint) + name.Length)];
    }

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index)
    {
        using RowReader.Row row = objects.Find(ObjectKey(index, stackalloc byte[ObjectKeyBytes]));
        if (!row.Found)
            return null;
        return ObjectRecord.TryDecode(index, row.Value.ToArray(), out ObjectRecord? record)
            ? record
            : throw database.Damaged($"the record of object {index} can't be read");
    }

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination)
    {
        using RowReader.Row row = blocks.Find(BlockKey(index, block, stackalloc byte[BlockKeyBytes]));
        if (!row.Found)
        {
            destination.Clear();
            return false;
        }

        return content.TryRead(row.Value, destination)
            ? true
            : throw database.Damaged($"block {block} of object {index} is lost, or not in its canonical form");
    }

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block)
    {
        using RowReader.Row row = blocks.Find(BlockKey(index, block, stackalloc byte[BlockKeyBytes]));
        return row.Found;
    }

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last)
    {
        byte[]? key = blocks.FirstKey(BlockKey(index, first, stackalloc byte[BlockKeyBytes]), BlockKey(index, last, stackalloc byte[BlockKeyBytes]));
        if (key is null)
            return null;
        return key.Length == BlockKeyBytes
            ? BinaryPrimitives.ReadUInt64BigEndian(key) & ((1UL << BlockBits) - 1)
            : throw database.Damaged($"a block of object {index} has no number");
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name)
    {
        using RowReader.Row row = entries.Find(EntryKey(directory, name, stackalloc byte[EndBytes]));
        return row.Found ? Target(row.Value) : null;
    }

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor)
    {
        Span<byte> first = stackalloc byte[EndBytes];
        int length = EntryKey(directory, from, first).Length;
        if (!inclusive)
            first[length++] = 0;
        Span<byte> end = stackalloc byte[EndBytes];
        end.Fill(byte.MaxValue);
        EntryKey(directory, [], end);
        entries.List(first[..length], end, (key, value) =>
        {
            ReadOnlySpan<byte> name = key[Math.Min(sizeof(uint), key.Length)..];
            return name.IsEmpty || name.Length > Specification.MaximumNameBytes
                ? throw database.Damaged($"directory {directory} has an entry of {name.Length} bytes")
                : visitor(name, Target(value));
        });
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => metadata.Read(key);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => metadata.LastKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => metadata.List(from, to, visitor);

    /// <inheritdoc/>
    public void Dispose() => owner?.Dispose();

    private ObjectId Target(ReadOnlySpan<byte> value) => value.Length == TargetBytes
        ? new ObjectId(BinaryPrimitives.ReadUInt32LittleEndian(value), BinaryPrimitives.ReadUInt64LittleEndian(value[sizeof(uint)..]))
        : throw database.Damaged("the target of a directory entry can't be one");
}

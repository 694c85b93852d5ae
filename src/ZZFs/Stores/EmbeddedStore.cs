using System.Buffers.Binary;
using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Stores;

/// <summary>
/// The default store: everything in one database file (SQLite), no privileges needed. Versions are kept in it as
/// <see cref="VersionedDatabase"/> does, so that a process that dies is back at its newest one when the file is opened again.
/// </summary>
/// <remarks>
/// Pages of 8 KiB: with 4 KiB a content block needs a chain of nine pages, with 16 KiB replacing a small row costs twice as
/// much. The page cache is bounded.
/// </remarks>
public sealed class EmbeddedStore : IBackingStore
{
    /// <summary>The default bound of the page cache, in bytes.</summary>
    public const int DefaultCacheBytes = 16 << 20;

    private const int SchemaVersion = 2;

    private readonly VersionedDatabase database;
    private readonly VersionedRows objects;
    private readonly VersionedRows blocks;
    private readonly VersionedRows entries;
    private readonly VersionedRows metadata;
    private readonly ContentRows content;
    private readonly EmbeddedView live;
    private readonly MessageWriter writer = new();

    private EmbeddedStore(string path, int cacheBytes)
    {
        SqliteDatabase? connection = null;
        ContentRows? contentOfConnection = null;
        database = VersionedDatabase.Open(
            path,
            SchemaVersion,
            cacheBytes,
            ContentRows.Schema,
            new VersionedTable("object"),
            new VersionedTable("block", opened =>
            {
                connection = opened;
                contentOfConnection = new ContentRows(opened);
                return contentOfConnection.Remove;
            }),
            new VersionedTable("entry"),
            new VersionedTable("metadata"));
        content = contentOfConnection!;
        objects = database.Rows(EmbeddedView.Objects);
        blocks = database.Rows(EmbeddedView.Blocks);
        entries = database.Rows(EmbeddedView.Entries);
        metadata = database.Rows(EmbeddedView.Metadata);
        live = new EmbeddedView(connection!, content, table => database.Rows(table).Live, null);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ulong> Versions => database.Versions;

    /// <inheritdoc/>
    public long DiskBytes => database.DiskBytes;

    /// <summary>Opens the store in <paramref name="path"/>, or makes a new, empty one. No second process can open it meanwhile.</summary>
    /// <param name="path">The database file; a lock, and while the process runs a log, lie beside it.</param>
    /// <param name="cacheBytes">Bound of the page cache.</param>
    /// <exception cref="StoreException">The file can't be opened, is in use, or is of another version.</exception>
    /// <exception cref="StoreDamagedException">The file is no database.</exception>
    public static EmbeddedStore Open(string path, int cacheBytes = DefaultCacheBytes) => new(path, cacheBytes);

    /// <inheritdoc/>
    public ObjectRecord? ReadObject(uint index) => live.ReadObject(index);

    /// <summary>Does nothing: an object is its record.</summary>
    public void MakeObject(ObjectRecord record)
    {
    }

    /// <summary>Does nothing: an object is its record.</summary>
    public void DropObject(uint index)
    {
    }

    /// <inheritdoc/>
    public void WriteObject(ObjectRecord record)
    {
        writer.Clear();
        record.Encode(writer);
        objects.Write(EmbeddedView.ObjectKey(record.Index, stackalloc byte[EmbeddedView.ObjectKeyBytes]), writer.Written);
    }

    /// <inheritdoc/>
    public bool ReadBlock(uint index, ulong block, Span<byte> destination) => live.ReadBlock(index, block, destination);

    /// <inheritdoc/>
    public bool HasBlock(uint index, ulong block) => live.HasBlock(index, block);

    /// <inheritdoc/>
    public ulong? NextBlock(uint index, ulong first, ulong last) => live.NextBlock(index, first, last);

    /// <inheritdoc/>
    public void WriteBlock(uint index, ulong block, ReadOnlySpan<byte> content)
    {
        ReadOnlySpan<byte> key = EmbeddedView.BlockKey(index, block, stackalloc byte[EmbeddedView.BlockKeyBytes]);
        database.BeginChange(content.Length);
        if (blocks.ReadOwn(key) is { } own)
        {
            this.content.Replace(own, content);
            database.EndChange();
            return;
        }

        // One change with the row that names it: a crash in between would leave content that nobody finds.
        Span<byte> id = stackalloc byte[sizeof(long)];
        this.content.Add(content, id);
        blocks.Write(key, id);
    }

    /// <inheritdoc/>
    public ulong RemoveBlocks(uint index, ulong first, ulong last)
    {
        ReadOnlySpan<byte> from = EmbeddedView.BlockKey(index, first, stackalloc byte[EmbeddedView.BlockKeyBytes]);
        Span<byte> to = stackalloc byte[EmbeddedView.BlockKeyBytes + 1];
        to[^1] = 0;
        EmbeddedView.BlockKey(index, last, to);
        return (ulong)blocks.Remove(from, to);
    }

    /// <inheritdoc/>
    public ObjectId? FindEntry(uint directory, ReadOnlySpan<byte> name) => live.FindEntry(directory, name);

    /// <inheritdoc/>
    public void ListEntries(uint directory, ReadOnlySpan<byte> from, bool inclusive, EntryVisitor visitor) =>
        live.ListEntries(directory, from, inclusive, visitor);

    /// <inheritdoc/>
    public void AddEntry(uint directory, ReadOnlySpan<byte> name, ObjectId target)
    {
        Span<byte> value = stackalloc byte[EmbeddedView.TargetBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(value, target.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(value[sizeof(uint)..], target.Generation);
        entries.Write(Key(directory, name, stackalloc byte[EntryKeyBytes(name)]), value);
    }

    /// <inheritdoc/>
    public void RemoveEntry(uint directory, ReadOnlySpan<byte> name) => entries.Remove(Key(directory, name, stackalloc byte[EntryKeyBytes(name)]));

    /// <inheritdoc/>
    public void MoveEntry(uint sourceDirectory, ReadOnlySpan<byte> sourceName, uint targetDirectory, ReadOnlySpan<byte> targetName)
    {
        ObjectId target = Existing(sourceDirectory, sourceName);
        RemoveEntry(sourceDirectory, sourceName);
        AddEntry(targetDirectory, targetName, target);
    }

    /// <inheritdoc/>
    public void ExchangeEntries(uint firstDirectory, ReadOnlySpan<byte> firstName, uint secondDirectory, ReadOnlySpan<byte> secondName)
    {
        ObjectId first = Existing(firstDirectory, firstName);
        ObjectId second = Existing(secondDirectory, secondName);
        AddEntry(firstDirectory, firstName, second);
        AddEntry(secondDirectory, secondName, first);
    }

    /// <inheritdoc/>
    public byte[]? ReadMetadata(ReadOnlySpan<byte> key) => live.ReadMetadata(key);

    /// <inheritdoc/>
    public void WriteMetadata(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => metadata.Write(key, value);

    /// <inheritdoc/>
    public void RemoveMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => metadata.Remove(from, to);

    /// <inheritdoc/>
    public byte[]? LastMetadataKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => live.LastMetadataKey(low, high);

    /// <inheritdoc/>
    public void ListMetadata(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => live.ListMetadata(from, to, visitor);

    /// <inheritdoc/>
    public void Commit(ulong number) => database.Commit(number);

    /// <inheritdoc/>
    public void Harden(ulong number) => database.Harden();

    /// <inheritdoc/>
    public IStoreView OpenVersion(ulong number)
    {
        VersionedDatabaseView version = database.OpenVersion(number);
        try
        {
            return new EmbeddedView(version.Database, new ContentRows(version.Database), version.Rows, version);
        }
        catch
        {
            version.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool TryDrop(ulong number) => database.TryDrop(number);

    /// <inheritdoc/>
    public void Rollback(ulong number) => database.Rollback(number);

    /// <summary>Closes the file; what is in no version is abandoned.</summary>
    public void Dispose() => database.Dispose();

    private static int EntryKeyBytes(ReadOnlySpan<byte> name) => sizeof(uint) + name.Length;

    private static ReadOnlySpan<byte> Key(uint directory, ReadOnlySpan<byte> name, Span<byte> buffer) =>
        EmbeddedView.EntryKey(directory, name, buffer);

    private ObjectId Existing(uint directory, ReadOnlySpan<byte> name) =>
        FindEntry(directory, name) ?? throw new StoreDamagedException($"the store is damaged: an entry of directory {directory} vanished");
}

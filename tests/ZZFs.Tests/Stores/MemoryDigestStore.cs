using ZZFs.Digests;
using ZZFs.Stores;

namespace ZZFs.Tests.Stores;

/// <summary>Digests in the sorted maps of a <see cref="MemoryStore"/>. Nothing survives its disposal.</summary>
internal sealed class MemoryDigestStore : IDigestStore
{
    private MemoryStore maps = new();

    public IReadOnlyList<ulong> Versions => maps.Versions;

    public byte[]? Read(ReadOnlySpan<byte> key) => maps.ReadMetadata(key);

    public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => maps.LastMetadataKey(low, high);

    public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => maps.ListMetadata(from, to, visitor);

    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => maps.WriteMetadata(key, value);

    public void Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => maps.RemoveMetadata(from, to);

    public ulong LastCommitted { get; private set; }

    public void Commit(ulong number)
    {
        maps.Commit(number);
        LastCommitted = number;
    }

    public IDigestView OpenVersion(ulong number) => new View(maps.OpenVersion(number));

    public bool TryDrop(ulong number) => maps.TryDrop(number);

    public void Rollback(ulong number)
    {
        maps.Rollback(number);
        LastCommitted = number;
    }

    public void Clear() => maps = new MemoryStore();

    public void Dispose()
    {
    }

    private sealed class View(IStoreView maps) : IDigestView
    {
        public byte[]? Read(ReadOnlySpan<byte> key) => maps.ReadMetadata(key);

        public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => maps.LastMetadataKey(low, high);

        public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor) => maps.ListMetadata(from, to, visitor);

        public void Dispose() => maps.Dispose();
    }
}

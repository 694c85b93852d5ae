using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Keeps nothing: digests are only computed.</summary>
internal sealed class NoDigests : IDigestStore
{
    public IReadOnlyList<ulong> Versions => [];

    public ulong LastCommitted => 0;

    public byte[]? Read(ReadOnlySpan<byte> key) => null;

    public byte[]? LastKey(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high) => null;

    public void List(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, MetadataVisitor visitor)
    {
    }

    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
    }

    public void Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
    }

    public void Commit(ulong number) => throw new NotSupportedException();

    public IDigestView OpenVersion(ulong number) => throw new NotSupportedException();

    public bool TryDrop(ulong number) => throw new NotSupportedException();

    public void Rollback(ulong number) => throw new NotSupportedException();

    public void Clear()
    {
    }

    public void Dispose()
    {
    }
}

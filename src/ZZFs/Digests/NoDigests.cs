using ZZFs.Stores;

namespace ZZFs.Digests;

/// <summary>Keeps nothing: digests are only computed.</summary>
internal sealed class NoDigests : IDigestMap
{
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

    public void Dispose()
    {
    }
}

namespace ZZFs.Digests;

/// <summary>Remembers no damage.</summary>
internal sealed class NoDamage : IDamageRecord
{
    public int Count => 0;

    public bool IsKnown(uint index, ulong block) => false;

    public void Note(uint index, ulong block)
    {
    }

    public void Clear()
    {
    }
}

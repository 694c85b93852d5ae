namespace ZZFs.Digests;

/// <summary>
/// Remembers which blocks were found damaged, also when the process ends because of it. One that goes back to a checkpoint
/// is healed where only the living state was damaged; a block that is damaged there too is found again.
/// </summary>
public interface IDamageRecord
{
    /// <summary>How many blocks are known to be damaged.</summary>
    int Count { get; }

    /// <summary>Whether a block was found damaged before.</summary>
    bool IsKnown(uint index, ulong block);

    /// <summary>A block was found damaged.</summary>
    void Note(uint index, ulong block);

    /// <summary>All was read again, and nothing is damaged.</summary>
    void Clear();
}

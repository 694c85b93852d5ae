namespace ZZFs.Abstraction;

/// <summary>Size of one volume, the same on all replicas: they answer ENOSPC and ENOLCK by these numbers, not by their disks.</summary>
/// <param name="TotalBytes">Bound of the bytes used: content blocks that aren't holes, link targets, entries (32 each), extended attributes.</param>
/// <param name="TotalObjects">Places of the object array.</param>
/// <param name="TotalLocks">Bound of record and whole-file locks. They are kept in memory.</param>
public sealed record VolumeLimits(ulong TotalBytes, uint TotalObjects, uint TotalLocks)
{
    /// <summary>1 TiB, 16 million objects, 65,536 locks.</summary>
    public static VolumeLimits Default { get; } = new(1UL << 40, 1U << 24, 1U << 16);
}

namespace ZZFs.Abstraction;

/// <summary>Limits that belong to the abstract specification, so that all replicas fail alike whatever store they use.</summary>
public static class Specification
{
    /// <summary>Longest name, in bytes.</summary>
    public const int MaximumNameBytes = 255;

    /// <summary>Longest target of a symlink, in bytes.</summary>
    public const int MaximumSymlinkBytes = 4095;

    /// <summary>Most names of one object.</summary>
    public const uint MaximumLinks = 65_000;

    /// <summary>Largest file, in bytes.</summary>
    public const ulong MaximumFileBytes = 1UL << 44;

    /// <summary>Longest name of an extended attribute, in bytes.</summary>
    public const int MaximumXattrNameBytes = 255;

    /// <summary>Largest value of an extended attribute, in bytes.</summary>
    public const int MaximumXattrValueBytes = 64 << 10;

    /// <summary>Most bytes of all extended attributes of one object, names and values.</summary>
    public const int MaximumXattrTotalBytes = 128 << 10;

    /// <summary>Most supplementary groups in one request.</summary>
    public const int MaximumGroups = 64;

    /// <summary>Most operations in one compound.</summary>
    public const int MaximumCompound = 16;

    /// <summary>Content blocks have this size; a volume parameter in later versions.</summary>
    public const int BlockBytes = 32 << 10;
}

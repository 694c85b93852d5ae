using System.Globalization;

namespace ZZFs.Abstraction;

/// <summary>Names an abstract object: a place in the object array and how often that place was given out (BASE §3.1).</summary>
/// <param name="Index">Place in the array; the lowest free one is given out first. The root directory is 0.</param>
/// <param name="Generation">Counts up each time the place is given out, so that an old name never means a new object.</param>
public readonly record struct ObjectId(uint Index, ulong Generation) : IComparable<ObjectId>
{
    /// <summary>Length on the wire, in bytes: index (4), generation (8).</summary>
    public const int SizeBytes = 12;

    /// <summary>The root directory.</summary>
    public static ObjectId Root => new(0, 1);

    /// <summary>
    /// Inside a compound: the object that the previous operation of the compound returned
    /// (as the current file handle of NFSv4).
    /// </summary>
    public static ObjectId Current => new(uint.MaxValue, ulong.MaxValue);

    /// <inheritdoc/>
    public int CompareTo(ObjectId other)
    {
        int order = Index.CompareTo(other.Index);
        return order != 0 ? order : Generation.CompareTo(other.Generation);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index}.{Generation}");
}

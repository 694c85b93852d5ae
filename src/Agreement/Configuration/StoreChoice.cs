using System.Diagnostics.CodeAnalysis;

namespace Agreement.Configuration;

/// <summary>What an execution replica keeps its files in.</summary>
public enum StoreKind
{
    /// <summary>A database file in the replica's folder.</summary>
    Embedded,

    /// <summary>A subvolume of a btrfs file system.</summary>
    Btrfs,

    /// <summary>A ZFS dataset.</summary>
    Zfs,
}

/// <summary>A backing store, written <c>embedded</c>, <c>btrfs:PATH</c> or <c>zfs:POOL[/DATASET]</c>.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Place">Directory or dataset in which the replica gets one of its own; empty for an embedded store.</param>
public sealed record StoreChoice(StoreKind Kind, string Place)
{
    /// <summary>How a choice is written, for messages.</summary>
    public const string Forms = "embedded, btrfs:/PATH or zfs:POOL[/DATASET]";

    private const int MaximumPlaceLength = 200;

    /// <summary>The default.</summary>
    public static StoreChoice Embedded { get; } = new(StoreKind.Embedded, "");

    /// <summary>Reads the written form; false when it is none. Whether there is such a place is not looked at.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out StoreChoice? choice)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string place = text[(colon + 1)..];
        choice = text == "embedded" ? Embedded
            : text.StartsWith("btrfs:", StringComparison.Ordinal) && IsPath(place) ? new StoreChoice(StoreKind.Btrfs, place)
            : text.StartsWith("zfs:", StringComparison.Ordinal) && IsDataset(place) ? new StoreChoice(StoreKind.Zfs, place)
            : null;
        return choice is not null;
    }

    /// <summary>The written form.</summary>
    public override string ToString() => Kind switch
    {
        StoreKind.Btrfs => "btrfs:" + Place,
        StoreKind.Zfs => "zfs:" + Place,
        _ => "embedded",
    };

    private static bool IsPath(string place) =>
        place.StartsWith('/') && place.Length <= MaximumPlaceLength && !place.Any(char.IsControl) && Path.GetFullPath(place) == place;

    // zfs(8): names of letters, digits and _ - : . that begin with a letter or digit. A snapshot, with @, is none.
    private static bool IsDataset(string place) =>
        place.Length <= MaximumPlaceLength
        && place.Split('/').All(part => part.Length > 0 && char.IsAsciiLetterOrDigit(part[0]) && part.All(c => char.IsAsciiLetterOrDigit(c) || "_-:.".Contains(c, StringComparison.Ordinal)));
}

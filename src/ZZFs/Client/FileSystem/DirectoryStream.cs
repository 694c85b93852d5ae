using ZZFs.Abstraction;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>
/// Where an open directory's reader is. Entries are numbered from 0 in byte order of their names; a page is what one
/// operation returned, and only the start of each page is remembered, so that going back costs asking again.
/// </summary>
/// <param name="node">The directory.</param>
/// <param name="opener">On whose behalf it is read.</param>
internal sealed class DirectoryStream(Node node, Credentials opener)
{
    private readonly List<DirectoryPage> starts = [];

    /// <summary>The directory.</summary>
    public Node Node => node;

    /// <summary>On whose behalf it is read.</summary>
    public Credentials Opener => opener;

    /// <summary>The page read last.</summary>
    public DirectoryPage? Current { get; private set; }

    /// <summary>Names seen from the start without a change of the directory; null when there was one, or there are too many.</summary>
    public List<(byte[] Name, ObjectId Id)>? Collected { get; set; }

    /// <summary>The directory's counter while they were collected.</summary>
    public ulong CollectedChange { get; set; }

    /// <summary>The next page, on its way.</summary>
    public Task<Outcome<DirectoryPage>>? Ahead { get; set; }

    /// <summary>Starts over, as rewinddir(3) does: later changes show.</summary>
    public void Rewind()
    {
        starts.Clear();
        Current = null;
        Collected = null;
        Ahead = null;
    }

    /// <summary>The last page that starts at or before an entry; null when none was read yet.</summary>
    public DirectoryPage? PageFor(ulong index)
    {
        int found = starts.FindLastIndex(page => page.FirstIndex <= index);
        return found < 0 ? null : Current is not null && Current.FirstIndex == starts[found].FirstIndex ? Current : starts[found];
    }

    /// <summary>A page was read.</summary>
    public void Add(DirectoryPage page)
    {
        Current = page;
        if (!starts.Exists(known => known.FirstIndex == page.FirstIndex))
            starts.Add(page with { Entries = [] });
    }
}

/// <summary>Some entries of a directory, from one moment.</summary>
/// <param name="FirstIndex">Number of the first entry.</param>
/// <param name="After">The name after which they start; empty for the first page.</param>
/// <param name="Entries">The entries.</param>
/// <param name="EndOfData">Whether there are no more.</param>
/// <param name="AsOf">When they were asked for, in the loop's milliseconds.</param>
internal sealed record DirectoryPage(
    ulong FirstIndex,
    ReadOnlyMemory<byte> After,
    IReadOnlyList<ListedEntry> Entries,
    bool EndOfData,
    long AsOf)
{
    /// <summary>The number of the entry after the last.</summary>
    public ulong EndIndex => FirstIndex + (ulong)Entries.Count;
}

/// <summary>One entry of a directory listing.</summary>
/// <param name="Name">The name.</param>
/// <param name="Object">Where it leads.</param>
/// <param name="Type">What that is.</param>
/// <param name="Attributes">Attributes of that; null when they are not known.</param>
/// <param name="Inode">st_ino of that.</param>
/// <param name="Offset">Where the listing goes on after this entry.</param>
public readonly record struct ListedEntry(
    ReadOnlyMemory<byte> Name, ObjectId Object, ObjectType Type, Attributes? Attributes, ulong Inode, ulong Offset);

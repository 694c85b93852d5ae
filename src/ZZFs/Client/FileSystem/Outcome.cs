using ZZFs.Abstraction;

namespace ZZFs.Client.FileSystem;

/// <summary>A value, or the errno that the caller gets instead.</summary>
/// <param name="Error"><see cref="Errno.None"/> when <paramref name="Value"/> counts.</param>
/// <param name="Value">The value.</param>
public readonly record struct Outcome<T>(Errno Error, T Value)
{
    /// <summary>A failure.</summary>
    public static implicit operator Outcome<T>(Errno error) => new(error, default!);

    /// <summary>A success.</summary>
    public static implicit operator Outcome<T>(T value) => new(Errno.None, value);
}

/// <summary>What stat(2) shows, and for how long the kernel may show it without asking.</summary>
/// <param name="Inode">The inode number.</param>
/// <param name="Attributes">The attributes.</param>
/// <param name="ValidMilliseconds">What is left of their bounded age; 0: ask again each time.</param>
public readonly record struct NodeAttributes(ulong Inode, Attributes Attributes, long ValidMilliseconds);

/// <summary>What a name leads to. The kernel holds one reference on the node for each entry that it was given.</summary>
/// <param name="NodeId">The node; 0 when the name leads nowhere, which the kernel may remember too.</param>
/// <param name="Generation">Tells apart the objects that had the same inode number.</param>
/// <param name="Attributes">The node's attributes; meaningless without a node.</param>
/// <param name="NameValidMilliseconds">For how long the kernel may follow the name without asking.</param>
public readonly record struct NodeEntry(ulong NodeId, ulong Generation, NodeAttributes Attributes, long NameValidMilliseconds);

/// <summary>An open file.</summary>
/// <param name="Handle">Names it in reads, writes and the release.</param>
/// <param name="Uncached">The kernel must not cache its pages.</param>
/// <param name="KeepPages">Pages that the kernel has are still right.</param>
public readonly record struct OpenedFile(ulong Handle, bool Uncached, bool KeepPages);

/// <summary>A file that was created and opened.</summary>
public readonly record struct CreatedFile(NodeEntry Entry, OpenedFile File);

/// <summary>What happens to a descriptor's locks when it is closed.</summary>
public enum LockRelease
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The whole-file lock goes.</summary>
    WholeFile,
}

/// <summary>What the kernel caches above us, and how to take it back.</summary>
public interface IKernelCache
{
    /// <summary>Makes the kernel forget a node's attributes, size included. Does not wait.</summary>
    void ForgetAttributes(ulong nodeId);

    /// <summary>
    /// Makes the kernel forget a node's attributes and pages. The task ends when that is done, which may be after reads
    /// that are under way; it never fails.
    /// </summary>
    Task ForgetPagesAsync(ulong nodeId);
}

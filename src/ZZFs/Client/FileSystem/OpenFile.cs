using System.Runtime.InteropServices;
using ZZFs.Abstraction.Operations;

namespace ZZFs.Client.FileSystem;

/// <summary>The flags of open(2) that we look at, with Linux's numbers.</summary>
[Flags]
public enum OpenFlags : uint
{
#pragma warning disable CS1591 // The names are those of open(2), O_ in front.
    ReadOnly = 0,
    WriteOnly = 1,
    ReadWrite = 2,
    AccessMask = 3,
    Execute = 0x20,
    Exclusive = 0x80,
    Truncate = 0x200,
    Append = 0x400,
    DataSync = 0x1000,
#pragma warning restore CS1591
}

/// <summary>An open descriptor.</summary>
internal sealed class OpenFile(Node node, Credentials opener, OpenFlags flags, bool uncached, int readAheadOperations)
{
    private static readonly OpenFlags Direct =
        (OpenFlags)(RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000u : 0x4000u);

    /// <summary>The file.</summary>
    public Node Node => node;

    /// <summary>Who opened it: on whose behalf it is read and written.</summary>
    public Credentials Opener => opener;

    /// <summary>Whether it may be read.</summary>
    public bool Readable => (flags & OpenFlags.AccessMask) != OpenFlags.WriteOnly;

    /// <summary>Whether it may be written.</summary>
    public bool Writable => (flags & OpenFlags.AccessMask) != OpenFlags.ReadOnly;

    /// <summary>Whether writes go to the end.</summary>
    public bool Append => (flags & OpenFlags.Append) != 0;

    /// <summary>Whether reads and writes bypass all caches.</summary>
    public bool Uncached => uncached || (flags & Direct) != 0;

    /// <summary>Whether each write must be durable before it returns.</summary>
    public bool Synchronous => (flags & OpenFlags.DataSync) != 0;

    /// <summary>What is fetched for a sequential reader.</summary>
    public ReadAhead ReadAhead { get; } = new(readAheadOperations);

    /// <summary>The node's content version for which <see cref="ReadAhead"/> counts.</summary>
    public ulong ReadAheadVersion { get; set; }

    /// <summary>Failed writes that close(2) has reported through this descriptor.</summary>
    public uint FailuresToldAtFlush { get; set; }

    /// <summary>Failed writes that fsync(2) has reported through this descriptor.</summary>
    public uint FailuresToldAtSync { get; set; }
}

using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Fuse;

/// <content>Agreement with the kernel on a version and on what both can do.</content>
public sealed partial class Dispatcher
{
    // Not among them, and why: AUTO_INVAL_DATA would drop pages after our own writes, whose times the kernel doesn't know;
    // foreign changes are found by change counters instead. WRITEBACK_CACHE would make the kernel the master of size and
    // times, and turn small writes into reads and writes of pages.
    private const InitFlags Wanted = InitFlags.AsyncRead | InitFlags.PosixLocks | InitFlags.AtomicTruncate
        | InitFlags.BigWrites | InitFlags.FlockLocks | InitFlags.ReaddirPlus | InitFlags.ReaddirPlusAuto
        | InitFlags.AsyncDirectIo | InitFlags.ParallelDirectoryOperations | InitFlags.MaxPages | InitFlags.CacheSymlinks
        | InitFlags.HandleKillPrivilegesV2 | InitFlags.InitExtended | InitFlags.DirectIoAllowMmap;

    private const uint PageBytes = 4096;
    private const ushort MaximumBackground = 64;
    private const ushort CongestionThreshold = 48;

    /// <summary>What a kernel without MAX_PAGES moves in one request, in bytes: 32 pages.</summary>
    private const uint MaximumWriteBytesBefore = 128 << 10;

    /// <summary>fuse_init_in: major 4, minor 4, max_readahead 4, flags 4, and with INIT_EXT flags2 4 and reserved bytes.</summary>
    private ValueTask Init(PendingRequest request)
    {
        RequestReader reader = request.Body();
        uint major = reader.ReadUInt32();
        uint minor = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        if (major > FuseAbi.MajorVersion)
        {
            // The kernel comes again with our major version, as the protocol says.
            Reply(request).WriteInit(default);
            Send(request);
            return default;
        }

        if (major < FuseAbi.MajorVersion || minor < FuseAbi.OldestMinorVersion)
        {
            ready.TrySetException(new MountException(
                $"The kernel speaks FUSE {major}.{minor}, and ZZFs needs 7.{FuseAbi.OldestMinorVersion} (Linux 4.11) or newer."));
            return Refuse(request, Errno.EPROTO);
        }

        uint readAhead = reader.ReadUInt32();
        ulong offered = reader.ReadUInt32();
        if (reader.Failed)
            return Malformed(request);
        if ((offered & (ulong)InitFlags.InitExtended) != 0)
            offered |= (ulong)reader.ReadUInt32() << 32;
        InitFlags flags = Wanted & (InitFlags)offered;
        bool largeRequests = (flags & InitFlags.MaxPages) != 0;
        Reply(request).WriteInit(new InitReply(
            Math.Min(minor, FuseAbi.NewestMinorVersion),
            readAhead,
            flags,
            MaximumBackground,
            CongestionThreshold,
            largeRequests ? Limits.MaximumTransferBytes : MaximumWriteBytesBefore,
            (ushort)(Limits.MaximumTransferBytes / PageBytes)));
        Send(request);
        ready.TrySetResult();
        return default;
    }
}

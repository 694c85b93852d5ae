using Agreement.Messages;

namespace ZZFs.Abstraction;

/// <summary>How an export maps users.</summary>
public enum SquashMode
{
    /// <summary>As the client says.</summary>
    None,

    /// <summary>The client's root becomes the anonymous user.</summary>
    Root,

    /// <summary>Everybody becomes the anonymous user.</summary>
    All,
}

/// <summary>What one client may do: its entry in the volume's export list, the same on all replicas.</summary>
/// <param name="ReadOnly">Changes give EROFS.</param>
/// <param name="Squash">Mapping of users.</param>
/// <param name="AnonymousUid">The anonymous user.</param>
/// <param name="AnonymousGid">The anonymous group.</param>
/// <param name="Subtree">Absolute path; only objects below it are reachable by this client. "/" for all.</param>
public sealed record ExportEntry(bool ReadOnly, SquashMode Squash, uint AnonymousUid, uint AnonymousGid, string Subtree)
{
    /// <summary>Everything is allowed.</summary>
    public static ExportEntry Full { get; } = new(false, SquashMode.None, 65534, 65534, "/");
}

/// <summary>What the order gives an operation besides its bytes.</summary>
/// <param name="Now">The batch's agreed time: the only clock that execution knows.</param>
/// <param name="Session">Whose locks and orphans are meant.</param>
/// <param name="Incarnation">Goes into generations, so that nothing old names something new.</param>
/// <param name="Export">What the client may do.</param>
public readonly record struct OperationContext(Timestamp Now, SessionId Session, Incarnation Incarnation, ExportEntry Export);

/// <summary>
/// The replicated file system as execution sees it: a deterministic function from (state, operation, context) to
/// (state, result), over some backing store. Everything is called from one thread.
/// </summary>
/// <remarks>
/// Nothing here is durable until <see cref="TakeCheckpoint"/> returns; after a crash the service is back at the last
/// checkpoint, and the ordered log is replayed from there.
/// </remarks>
public interface IFileService : IDisposable
{
    /// <summary>The number of the last checkpoint taken or restored; <see cref="SequenceNumber.Zero"/> for a new volume.</summary>
    SequenceNumber LastCheckpoint { get; }

    /// <summary>The bytes that were handed to <see cref="TakeCheckpoint"/> with <see cref="LastCheckpoint"/>; empty for a new volume.</summary>
    ReadOnlyMemory<byte> LastCheckpointAnnex { get; }

    /// <summary>What <see cref="TakeCheckpoint"/> returned for <see cref="LastCheckpoint"/>; zero for a new volume.</summary>
    Digest LastCheckpointDigest { get; }

    /// <summary>Executes one encoded operation (see OperationCodec) and appends the encoded result.</summary>
    /// <remarks>Never throws for bad input: what can't be decoded gives EPROTO.</remarks>
    void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result);

    /// <summary>Frees the locks and orphans of a session that ended.</summary>
    void EndSession(SessionId session);

    /// <summary>
    /// Makes the present state the checkpoint <paramref name="number"/>, on disk with <paramref name="annex"/> (the
    /// caller's own state, atomically with the files), and returns the digest of the abstract state (without the annex).
    /// </summary>
    Digest TakeCheckpoint(SequenceNumber number, ReadOnlySpan<byte> annex);

    /// <summary>Abandons everything since the last checkpoint.</summary>
    void Rollback();
}

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

/// <summary>What is left to do for a checkpoint that was begun: the digests of its state, and waiting for the disk.</summary>
public interface ICheckpointWork
{
    /// <summary>Which checkpoint.</summary>
    SequenceNumber Number { get; }

    /// <summary>
    /// Does it all. May be called from another thread, while the service goes on; when the service rolls back or is disposed
    /// meanwhile, it returns early.
    /// </summary>
    void Run();
}

/// <summary>
/// The replicated file system as execution sees it: a deterministic function from (state, operation, context) to
/// (state, result), over some backing store. Everything is called from one thread, but <see cref="ICheckpointWork.Run"/>.
/// </summary>
/// <remarks>
/// A checkpoint is begun, prepared and finished. When the process dies, and at a <see cref="Rollback"/>, the service is back
/// at the last one for which <see cref="ICheckpointWork.Run"/> was done, and the ordered log is replayed from there. So a
/// checkpoint that the order may yet take back must not be prepared.
/// </remarks>
public interface IFileService : IDisposable
{
    /// <summary>The last checkpoint that was finished or gone back to; <see cref="SequenceNumber.Zero"/> for a new volume.</summary>
    SequenceNumber LastCheckpoint { get; }

    /// <summary>The bytes that were handed to <see cref="BeginCheckpoint"/> with <see cref="LastCheckpoint"/>; empty for a new volume.</summary>
    ReadOnlyMemory<byte> LastCheckpointAnnex { get; }

    /// <summary>The digest of the abstract state at <see cref="LastCheckpoint"/>, without the annex; zero for a new volume.</summary>
    Digest LastCheckpointDigest { get; }

    /// <summary>Executes one encoded operation (see OperationCodec) and appends the encoded result.</summary>
    /// <remarks>Never throws for bad input: what can't be decoded gives EPROTO.</remarks>
    void Execute(in OperationContext context, ReadOnlyMemory<byte> operation, MessageWriter result);

    /// <summary>Frees the locks and orphans of a session that ended.</summary>
    void EndSession(SessionId session);

    /// <summary>
    /// Keeps the present state, together with <paramref name="annex"/> (the caller's own state), as checkpoint
    /// <paramref name="number"/>, which is above all others, taken at <paramref name="time"/> (agreed). Quick, whatever the size of the state; operations may go on.
    /// </summary>
    void BeginCheckpoint(SequenceNumber number, Timestamp time, ReadOnlySpan<byte> annex);

    /// <summary>The work on the earliest checkpoint that was begun and not finished; one at a time.</summary>
    ICheckpointWork PrepareCheckpoint();

    /// <summary>Makes a checkpoint whose work is done the last one.</summary>
    /// <returns>The digest of the abstract state at that checkpoint.</returns>
    Digest FinishCheckpoint(ICheckpointWork work);

    /// <summary>The cluster agreed on the checkpoint with this number: what is older than the last two such may go.</summary>
    void CheckpointIsStable(SequenceNumber number);

    /// <summary>Gives up one checkpoint that is kept no longer; a little work, for quiet moments.</summary>
    /// <returns>Whether there was one that could go.</returns>
    bool DropOldCheckpoint();

    /// <summary>Bytes on disk that the files and all retained checkpoints took when the last one was finished; 0 while unknown.</summary>
    long DiskBytes => 0;

    /// <summary>How many checkpoints are retained.</summary>
    int RetainedCheckpoints => 0;

    /// <summary>Opens the last checkpoint to be read again and compared with its digests; null when there is none, or it can't now.</summary>
    IScrub? BeginScrub() => null;

    /// <summary>Abandons everything since the last checkpoint whose work is done, which is then <see cref="LastCheckpoint"/>.</summary>
    void Rollback();
}

using Agreement.Messages;
using ZZFs.Abstraction;

namespace ZZFs.Tests.Abstraction;

/// <summary>Checkpoints for those who have nothing else to do meanwhile.</summary>
internal static class CheckpointExtensions
{
    /// <summary>Takes a checkpoint in one go, and keeps none but the last two.</summary>
    /// <returns>The digest of the abstract state.</returns>
    public static Digest TakeCheckpoint(this IFileService service, SequenceNumber number, ReadOnlySpan<byte> annex)
    {
        service.BeginCheckpoint(number, new Timestamp((long)number.Value), annex);
        ICheckpointWork work = service.PrepareCheckpoint();
        work.Run();
        Digest digest = service.FinishCheckpoint(work);
        service.CheckpointIsStable(number);
        while (service.DropOldCheckpoint())
        {
        }

        return digest;
    }
}

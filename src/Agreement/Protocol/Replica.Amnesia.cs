using Agreement.Messages;

namespace Agreement.Protocol;

// A replica that may have lost votes which it cast does not vote until they can't matter any more (DESIGN §5; the recovery of
// viewstamped replication, Liskov and Cowling 2012, §4.3).
public sealed partial class Replica
{
    /// <summary>The primary fills numbers for one amnesic replica at most this often, in milliseconds.</summary>
    private const long FillMilliseconds = 5000;

    private readonly long[] fillGrantedAt;
    private SequenceNumber fillUpTo;

    /// <summary>Whether votes of this replica may be lost: it casts none.</summary>
    public bool IsAmnesic { get; private set; }

    /// <summary>
    /// No vote above this number was ever cast: the high water mark of the last stable checkpoint on disk, whose record is
    /// synced before votes above the old mark leave.
    /// </summary>
    public SequenceNumber Ceiling { get; private set; }

    /// <summary>
    /// To be called after the restoration when the log may have lost its end: the machine lost power, or records were cut.
    /// Not under <c>durability = always</c>, where every vote is on disk before it leaves.
    /// </summary>
    /// <param name="lost">Records known to be lost: a stable checkpoint among them raises the ceiling.</param>
    public void BecomeAmnesic(IReadOnlyList<ReadOnlyMemory<byte>>? lost = null)
    {
        IsAmnesic = true;
        Ceiling = log.HighWaterMark;
        foreach (ReadOnlyMemory<byte> bytes in lost ?? [])
        {
            var reader = new MessageReader(bytes);
            if (reader.ReadByte() != (byte)LogRecordKind.Stable)
                continue;
            reader.ReadByte();
            if (StableCertificate.TryRead(ref reader, out StableCertificate certificate))
                Ceiling = new SequenceNumber(Math.Max(Ceiling.Value, certificate.State.Number.Value + (ulong)log.Window));
        }

        MessageWriter record = Output.BeginRecord();
        int start = record.Length;
        record.WriteByte((byte)LogRecordKind.Amnesic);
        record.WriteUInt64(Ceiling.Value);
        Output.EndRecord(start, LowWaterMark);
        Output.SyncBeforeSending = true;
    }

    // The order has to pass the ceiling and reach the checkpoint after it; with no requests the primary fills it up. An
    // untruthful peer gets this seldom.
    private void GrantFill(int peer, SequenceNumber ceiling)
    {
        if (!IsPrimary || ceiling <= LowWaterMark || ceiling > log.HighWaterMark || fillUpTo >= ceiling)
            return;
        if (fillGrantedAt[peer] != 0 && now - fillGrantedAt[peer] < FillMilliseconds)
            return;
        fillGrantedAt[peer] = now;
        fillUpTo = new SequenceNumber(ceiling.Value + (ulong)options.CheckpointInterval);
    }
}

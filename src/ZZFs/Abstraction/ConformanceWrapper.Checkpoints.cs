using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Agreement.Messages;
using ZZFs.Stores;

namespace ZZFs.Abstraction;

// Checkpoints, and the digests that they name. The header record: u64 number, digest of the object array, u64 used bytes,
// bytes annex.
public sealed partial class ConformanceWrapper
{
    private const int MaximumAnnexBytes = 1 << 30;
    private const int KeptVersions = 2;

    private readonly MessageWriter scratch = new();
    private readonly Dictionary<uint, List<byte[]>> changedNames = [];
    private readonly HashSet<uint> changedXattrs = [];
    private int changedNameCount;
    private Digest arrayDigest;

    /// <inheritdoc/>
    public Digest TakeCheckpoint(SequenceNumber number, ReadOnlySpan<byte> annex)
    {
        SettleDigests();
        objects.WriteBack();
        locks.WriteBack(store);
        var header = new MessageWriter(annex.Length + 64);
        header.WriteUInt64(number.Value);
        header.WriteDigest(arrayDigest);
        header.WriteUInt64(objects.UsedBytes);
        header.WriteBytes(annex);
        store.WriteMetadata(MetadataKey.Of(MetadataKind.Header), header.Written);
        store.Commit(number.Value);
        store.Harden(number.Value);
        foreach (ulong old in store.Versions.SkipLast(KeptVersions))
            store.TryDrop(old);
        LastCheckpoint = number;
        LastCheckpointAnnex = annex.ToArray();
        LastCheckpointDigest = StateDigest.OfState(arrayDigest, limits);
        return LastCheckpointDigest;
    }

    /// <inheritdoc/>
    public void Rollback()
    {
        store.Rollback(store.Versions is [.., ulong newest] ? newest : 0);
        Load();
    }

    [MemberNotNull(nameof(objects), nameof(content), nameof(locks))]
    private void Load()
    {
        changedNames.Clear();
        changedXattrs.Clear();
        changedNameCount = 0;
        byte[]? header = store.ReadMetadata(MetadataKey.Of(MetadataKind.Header));
        var reader = new MessageReader(header);
        LastCheckpoint = new SequenceNumber(reader.ReadUInt64());
        arrayDigest = reader.ReadDigest();
        ulong usedBytes = reader.ReadUInt64();
        LastCheckpointAnnex = reader.ReadBytes(MaximumAnnexBytes);
        if (header is not null && !reader.Complete)
            throw new StoreDamagedException("the store is damaged: its header can't be read");
        LastCheckpointDigest = header is null ? default : StateDigest.OfState(arrayDigest, limits);
        objects = new ObjectTable(store, limits, usedBytes);
        content = new FileContent(store);
        locks = new LockTable(limits.TotalLocks);
        locks.Load(store);
        if (header is null)
            MakeRoot();
    }

    private void MakeRoot()
    {
        ObjectRecord root = objects.Allocate(ObjectType.Directory, default)
            ?? throw new StoreException("the volume has no room for its root directory");
        if (root.Id != ObjectId.Root)
            throw new StoreDamagedException("the store is damaged: it has objects and no header");
        root.Mode = 0x1ed;
        root.Uid = rootUid;
        root.Gid = rootGid;
        root.LinkCount = 2;
        store.MakeObject(root);
    }

    // Hashes what changed since the last call. It may be called at any time between operations: digests depend on the
    // state alone.
    private void SettleDigests()
    {
        content.WriteBack();
        var edits = new List<DigestEdit>();
        foreach (uint index in objects.TakeUnsettled())
        {
            ObjectRecord record = objects.Place(index)
                ?? throw new StoreDamagedException($"the store is damaged: object {index} vanished");
            if (record.Type != ObjectType.Null)
                SettleContent(record);
            edits.Add(new DigestEdit(index, StateDigest.OfObject(record, locks.DigestOf(index), scratch)));
            objects.Trim();
        }

        Invariant.That(content.UnsettledCount == 0 && changedNameCount == 0);
        var nodes = new StoredDigestNodes(store, MetadataKind.ArrayNode, 0);
        arrayDigest = DigestTree.Set(nodes, arrayDigest, StateDigest.ArrayLeaves, CollectionsMarshal.AsSpan(edits));
    }

    private void SettleContent(ObjectRecord record)
    {
        if (changedXattrs.Remove(record.Index))
            record.XattrDigest = StateDigest.OfXattrs(store, record);
        if (record.IsFile)
        {
            content.Settle(record);
        }
        else if (changedNames.Remove(record.Index, out List<byte[]>? names))
        {
            changedNameCount -= names.Count;
            ulong entries = record.SizeBytes / EntryBytes;
            record.ContentDigest = directoryDigest.Settle(record.Index, entries, record.DigestLeaves, names);
            record.DigestLeaves = entries;
        }

        objects.MarkSettled(record);
    }

    private void NameChanged(ObjectRecord directory, ReadOnlyMemory<byte> name)
    {
        if (!changedNames.TryGetValue(directory.Index, out List<byte[]>? names))
            changedNames.Add(directory.Index, names = []);
        names.Add(name.ToArray());
        changedNameCount++;
    }
}

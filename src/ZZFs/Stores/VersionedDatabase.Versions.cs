using Agreement.Messages;

namespace ZZFs.Stores;

// Versions: the table version(epoch → number, dropped).
internal sealed partial class VersionedDatabase
{
    // How much of dropped versions is removed, and with how many changes: more than these can add, and little at once.
    private const int ChangesPerCollection = 16;
    private const int CollectedRows = 64;

    // Of what the removal of a row writes.
    private const int CollectedRowBytes = 1 << 10;

    private readonly SqliteStatement addVersion;
    private readonly SqliteStatement markDropped;
    private readonly SqliteStatement droppedBefore;
    private readonly SqliteStatement forgetVersion;
    private readonly SqliteStatement forgetVersions;
    private readonly SortedList<ulong, long> versions = [];
    private readonly Queue<DroppedVersion> dropped = [];
    private readonly ViewCounts views = new();
    private int changesUntilCollection = ChangesPerCollection;
    private int collectedTable;
    private CollectCursor? cursor;

    /// <summary>The numbers of the versions, in rising order.</summary>
    public IReadOnlyList<ulong> Versions => [.. versions.Keys];

    /// <summary>Keeps the present state as a version.</summary>
    /// <param name="number">Above those of all others.</param>
    public void Commit(ulong number)
    {
        Invariant.That(number > 0 && (versions.Count == 0 || number > versions.Keys[^1]));
        BeginChange(0);
        addVersion.Bind(1, Present).Bind(2, (long)number).Run();
        CommitTransaction();
        versions.Add(number, Present);
        Newest = Present++;
    }

    /// <summary>Reads a version, with a connection of its own. It is not dropped meanwhile.</summary>
    public VersionedDatabaseView OpenVersion(ulong number)
    {
        long epoch = EpochOf(number);
        views.Enter(number);
        try
        {
            return new VersionedDatabaseView(path, tables, epoch, () => views.Leave(number));
        }
        catch
        {
            views.Leave(number);
            throw;
        }
    }

    /// <summary>Gives a version up; the rows that it alone holds go with later changes. False when somebody reads it.</summary>
    public bool TryDrop(ulong number)
    {
        long epoch = EpochOf(number);
        if (views.IsOpen(number))
            return false;
        BeginChange(0);
        markDropped.Bind(1, epoch).Run();
        versions.Remove(number);
        Newest = versions.Count > 0 ? versions.Values[^1] : 0;
        dropped.Enqueue(Dropped(epoch));
        CommitTransaction();
        return true;
    }

    /// <summary>Abandons everything after a version, later versions included; 0 abandons everything. No later version is open.</summary>
    public void Rollback(ulong number)
    {
        long epoch = number == 0 ? 0 : EpochOf(number);
        Invariant.That(!views.IsOpenAbove(number));
        if (isChanging)
            rollback.Run();
        isChanging = false;
        RollBackTo(epoch);
        while (versions.Count > 0 && versions.Keys[^1] > number)
            versions.RemoveAt(versions.Count - 1);
        Newest = epoch;

        // As the table says: what was removed in the transaction that was abandoned is to be removed again.
        dropped.Clear();
        droppedBefore.Bind(1, epoch);
        while (droppedBefore.Step())
            dropped.Enqueue(Dropped(droppedBefore.Number(0)));
        cursor = null;
        collectedTable = 0;
    }

    // In one transaction: half of it would be taken for the state of a version.
    private void RollBackTo(long epoch)
    {
        BeginChange(0);
        foreach (VersionedRows table in rows)
            table.RollBack(epoch);
        forgetVersions.Bind(1, epoch).Run();
        CommitTransaction();
    }

    private void LoadVersions()
    {
        var gone = new List<long>();
        SqliteStatement all = database.Prepare("SELECT epoch, number, dropped FROM version ORDER BY epoch");
        while (all.Step())
        {
            long epoch = all.Number(0);
            ulong number = (ulong)all.Number(1);
            if (epoch <= 0 || number == 0)
                throw database.Damaged("a version's number can't be one");
            Present = epoch;
            if (all.Number(2) != 0)
                gone.Add(epoch);
            else if (versions.Count > 0 && number <= versions.Keys[^1])
                throw database.Damaged("versions are out of order");
            else
                versions.Add(number, epoch);
        }

        Present++;
        Newest = versions.Count > 0 ? versions.Values[^1] : 0;

        // Dropped ones after the newest are rolled back with all that came after it.
        foreach (long epoch in gone.Where(epoch => epoch < Newest))
            dropped.Enqueue(Dropped(epoch));
    }

    private long EpochOf(ulong number) =>
        versions.TryGetValue(number, out long epoch) ? epoch : throw new ArgumentException($"there is no version {number}", nameof(number));

    private DroppedVersion Dropped(long epoch)
    {
        long previous = 0;
        foreach (long other in versions.Values)
        {
            if (other > epoch)
                return new DroppedVersion(epoch, previous, other);
            previous = other;
        }

        return new DroppedVersion(epoch, previous, Present);
    }

    private void CollectSome()
    {
        if (dropped.Count == 0 || --changesUntilCollection > 0)
            return;
        changesUntilCollection = ChangesPerCollection;
        DroppedVersion gone = dropped.Peek();
        CollectCursor at = cursor ?? CollectCursor.Begin(gone);
        int seen = rows[collectedTable].Collect(gone, ref at, CollectedRows);
        uncommittedBytes += seen * CollectedRowBytes;
        cursor = at;
        if (seen == CollectedRows)
            return;
        cursor = null;
        if (++collectedTable < rows.Length)
            return;
        collectedTable = 0;
        dropped.Dequeue();
        forgetVersion.Bind(1, gone.Epoch).Run();
    }
}

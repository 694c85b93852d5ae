namespace ZZFs.Stores;

/// <summary>
/// One table of a <see cref="VersionedDatabase"/>: a sorted map of byte strings whose live rows are as quick to read as those of
/// a plain table, and whose former rows stay readable as long as a version holds them.
/// </summary>
/// <remarks>
/// <para>
/// Epochs count the versions made; the present one is that of the version in making. A live row has the epoch of its
/// <c>birth</c>. A row that a retained version holds is never changed: its successor, or its removal, moves it to a second
/// table with that epoch as its <c>death</c>. So a version of epoch e consists of the rows with birth ≤ e &lt; death. A row that
/// no retained version holds is changed in place.
/// </para>
/// <para>
/// Tables <c>NAME</c>(key → birth, value), with an index on birth for rollbacks, and <c>NAME_old</c>((key, death) → birth, value),
/// with an index on death: versions are dropped and rolled back by it at a cost in proportion to what changed.
/// </para>
/// </remarks>
internal sealed class VersionedRows
{
    private readonly VersionedDatabase owner;
    private readonly Action<ReadOnlySpan<byte>>? discard;
    private readonly SqliteStatement birth;
    private readonly SqliteStatement write;
    private readonly SqliteStatement keep;
    private readonly SqliteStatement replace;
    private readonly SqliteStatement remove;
    private readonly SqliteStatement keepRange;
    private readonly SqliteStatement removeRange;
    private readonly SqliteStatement ownOfRange;
    private readonly SqliteStatement unborn;
    private readonly SqliteStatement dead;
    private readonly SqliteStatement removeUnborn;
    private readonly SqliteStatement revive;
    private readonly SqliteStatement removeDead;
    private readonly SqliteStatement superseded;
    private readonly SqliteStatement removeOld;

    /// <summary>A table of a database that has it.</summary>
    /// <param name="owner">Knows the epochs.</param>
    /// <param name="database">The connection that writes.</param>
    /// <param name="name">The table.</param>
    /// <param name="discard">Is told the value of each row that no version holds any more.</param>
    public VersionedRows(VersionedDatabase owner, SqliteDatabase database, string name, Action<ReadOnlySpan<byte>>? discard)
    {
        this.owner = owner;
        this.discard = discard;
        Live = RowReader.OfLive(database, name);
        birth = database.Prepare($"SELECT birth, value FROM {name} WHERE key = ?1");
        write = database.Prepare(
            $"INSERT INTO {name} VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE birth > ?4");
        keep = database.Prepare($"INSERT INTO {name}_old SELECT key, ?2, birth, value FROM {name} WHERE key = ?1");
        replace = database.Prepare($"UPDATE {name} SET birth = ?2, value = ?3 WHERE key = ?1");
        remove = database.Prepare($"DELETE FROM {name} WHERE key = ?1");
        keepRange = database.Prepare(
            $"INSERT INTO {name}_old SELECT key, ?3, birth, value FROM {name} WHERE key >= ?1 AND key < ?2 AND birth <= ?4");
        removeRange = database.Prepare($"DELETE FROM {name} WHERE key >= ?1 AND key < ?2");
        ownOfRange = database.Prepare($"SELECT value FROM {name} WHERE key >= ?1 AND key < ?2 AND birth > ?3");
        unborn = database.Prepare($"SELECT value FROM {name} WHERE birth > ?1");
        dead = database.Prepare($"SELECT value FROM {name}_old WHERE death > ?1 AND birth > ?1");
        removeUnborn = database.Prepare($"DELETE FROM {name} WHERE birth > ?1");
        revive = database.Prepare($"INSERT INTO {name} SELECT key, birth, value FROM {name}_old WHERE death > ?1 AND birth <= ?1");
        removeDead = database.Prepare($"DELETE FROM {name}_old WHERE death > ?1");
        superseded = database.Prepare(
            $"SELECT death, key, birth, value FROM {name}_old WHERE (death, key) > (?1, ?2) AND death <= ?3 ORDER BY death, key LIMIT ?4");
        removeOld = database.Prepare($"DELETE FROM {name}_old WHERE key = ?1 AND death = ?2");
    }

    /// <summary>Reads the live rows.</summary>
    public RowReader Live { get; }

    /// <summary>What makes a table.</summary>
    public static string SchemaOf(string name) =>
        $"""
        CREATE TABLE {name} (key BLOB PRIMARY KEY, birth INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE INDEX {name}_birth ON {name} (birth);
        CREATE TABLE {name}_old (key BLOB NOT NULL, death INTEGER NOT NULL, birth INTEGER NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (key, death)) WITHOUT ROWID;
        CREATE INDEX {name}_death ON {name}_old (death)
        """;

    /// <summary>Writes or replaces a row.</summary>
    public void Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        owner.BeginChange(key.Length + value.Length);
        if (discard is not null)
            DiscardOwn(key);
        write.Bind(1, key).Bind(2, owner.Present).Bind(3, value).Bind(4, owner.Newest).Run();
        if (owner.Changes == 0)
        {
            keep.Bind(1, key).Bind(2, owner.Present).Run();
            replace.Bind(1, key).Bind(2, owner.Present).Bind(3, value).Run();
        }

        owner.EndChange();
    }

    /// <summary>The value of a key if no version holds it, so that what it stands for may be changed in place; else null.</summary>
    public byte[]? ReadOwn(ReadOnlySpan<byte> key)
    {
        if (!birth.Bind(1, key).Step())
            return null;
        byte[]? value = birth.Number(0) > owner.Newest ? birth.Bytes(1).ToArray() : null;
        birth.Reset();
        return value;
    }

    /// <summary>Removes a row, if it is there.</summary>
    public void Remove(ReadOnlySpan<byte> key)
    {
        if (!birth.Bind(1, key).Step())
            return;
        bool held = birth.Number(0) <= owner.Newest;
        byte[]? value = held || discard is null ? null : birth.Bytes(1).ToArray();
        birth.Reset();
        owner.BeginChange(key.Length);
        if (value is not null)
            discard!(value);
        if (held)
            keep.Bind(1, key).Bind(2, owner.Present).Run();
        remove.Bind(1, key).Run();
        owner.EndChange();
    }

    /// <summary>Removes the rows with <paramref name="from"/> ≤ key &lt; <paramref name="to"/>.</summary>
    /// <returns>How many there were.</returns>
    public int Remove(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        owner.BeginChange(from.Length);
        if (discard is not null)
            DiscardAll(ownOfRange.Bind(1, from).Bind(2, to).Bind(3, owner.Newest));
        if (owner.Newest > 0)
            keepRange.Bind(1, from).Bind(2, to).Bind(3, owner.Present).Bind(4, owner.Newest).Run();
        removeRange.Bind(1, from).Bind(2, to).Run();
        int removed = owner.Changes;
        owner.EndChange();
        return removed;
    }

    /// <summary>Makes the rows of a version the live ones, and forgets all that came after it.</summary>
    public void RollBack(long epoch)
    {
        if (discard is not null)
        {
            DiscardAll(unborn.Bind(1, epoch));
            DiscardAll(dead.Bind(1, epoch));
        }

        removeUnborn.Bind(1, epoch).Run();
        revive.Bind(1, epoch).Run();
        removeDead.Bind(1, epoch).Run();
    }

    /// <summary>Removes some of the rows that only a dropped version held.</summary>
    /// <param name="gone">The dropped version, and between which ones it was.</param>
    /// <param name="cursor">Where to go on; moved.</param>
    /// <param name="count">How many rows are looked at, at most.</param>
    /// <returns>How many were; fewer than <paramref name="count"/> when all are done.</returns>
    public int Collect(DroppedVersion gone, ref CollectCursor cursor, int count)
    {
        var rows = new List<(byte[] Key, long Death, byte[]? Value)>();
        int seen = 0;
        superseded.Bind(1, cursor.Death).Bind(2, cursor.Key).Bind(3, gone.Next).Bind(4, count);
        while (superseded.Step())
        {
            seen++;
            cursor = new CollectCursor(superseded.Number(0), superseded.Bytes(1).ToArray());
            long born = superseded.Number(2);
            if (born > gone.Previous && born <= gone.Epoch)
                rows.Add((cursor.Key, cursor.Death, discard is null ? null : superseded.Bytes(3).ToArray()));
        }

        foreach ((byte[] key, long death, byte[]? value) in rows)
        {
            if (value is not null)
                discard!(value);
            removeOld.Bind(1, key).Bind(2, death).Run();
        }

        return seen;
    }

    private void DiscardOwn(ReadOnlySpan<byte> key)
    {
        if (ReadOwn(key) is { } value)
            discard!(value);
    }

    private void DiscardAll(SqliteStatement values)
    {
        while (values.Step())
            discard!(values.Bytes(0));
    }
}

/// <summary>A version that was given up, and its neighbours when it was: all in epochs.</summary>
/// <param name="Epoch">Its own.</param>
/// <param name="Previous">That of the version before it; 0 when there is none.</param>
/// <param name="Next">That of the version after it, or the present one.</param>
internal readonly record struct DroppedVersion(long Epoch, long Previous, long Next);

/// <summary>Where the removal of a dropped version's rows stands: after the row with this death and key.</summary>
internal readonly record struct CollectCursor(long Death, byte[] Key)
{
    /// <summary>Before all rows that a version can have been the last to hold. No key is empty.</summary>
    public static CollectCursor Begin(DroppedVersion gone) => new(gone.Epoch + 1, []);
}
